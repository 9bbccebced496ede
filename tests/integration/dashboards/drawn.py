"""What a browser draws of a dashboard: the words and colours of each panel, of charts too.

Charts are canvases, which have no document to read: what is written and painted on them is noted
while it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.browser import Page

NOTED = """
window.asked = 0;
const ask = window.fetch;
window.fetch = (...given) => {
  window.asked += 1;
  // A moment more: what was answered has yet to be drawn.
  return ask(...given).finally(() => setTimeout(() => { window.asked -= 1; }, 500));
};
for (const [name, what] of [['fillText', 'fillStyle'], ['stroke', 'strokeStyle'],
                            ['fill', 'fillStyle'], ['fillRect', 'fillStyle']]) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...given) {
    const canvas = this.canvas;
    canvas.noted ??= {words: {}, colours: {}};
    if (name === 'fillText') canvas.noted.words[given[0]] = String(this[what]);
    else if (this.globalAlpha > 0) canvas.noted.colours[String(this[what])] = true;
    return draw.apply(this, given);
  };
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  if (name === 'fill') CanvasRenderingContext2D.prototype.clearRect = function (...given) {
    this.canvas.noted = {words: {}, colours: {}};
    return clear.apply(this, given);
  };
}
"""
SEEN = """
(() => {
  const panels = {};
  for (const panel of document.querySelectorAll('[data-testid^="data-testid Panel header"]')) {
    const title = panel.dataset.testid.replace('data-testid Panel header ', '');
    const found = panels[title] = {texts: [], colours: [], axis: []};
    const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      const text = node.textContent.trim(), holder = node.parentElement;
      if (!text || !holder.getClientRects().length) continue;
      const cell = holder.closest('[role=cell]') ?? holder;
      found.texts.push([text, getComputedStyle(holder).color, getComputedStyle(cell).backgroundColor
                        + ' ' + getComputedStyle(cell).backgroundImage]);
    }
    for (const canvas of panel.querySelectorAll('canvas')) {
      if (!canvas.noted) continue;
      found.axis.push(...Object.keys(canvas.noted.words));
      found.colours.push(...Object.keys(canvas.noted.colours));
    }
  }
  const bar = document.querySelector('[aria-label="Panel loading bar"]');
  return {loading: window.asked > 0 || !!bar, panels};
})()
"""


@dataclass(frozen=True)
class Panel:
    """``texts`` in the order of the document, ``axis`` and ``colours`` of its canvas."""

    texts: list[tuple[str, str, str]]
    axis: list[str]
    colours: list[str]

    @property
    def words(self) -> str:
        return " ".join(text for text, *_ in self.texts)

    def colour(self, text: str) -> str:
        """Name of the colour that ``text`` is written in, or of what is painted behind it."""
        for said, ink, behind in self.texts:
            if said == text:
                return named(behind) or named(ink) or ink
        raise AssertionError(f"{text!r} is not drawn: {self.words}")


COLOURS = {
    "red": {(239, 25, 32), (242, 73, 92), (224, 47, 68), (255, 115, 131), (196, 22, 42)},
    "yellow": {(235, 224, 6), (250, 222, 42), (242, 204, 12), (255, 238, 82), (224, 180, 0)},
    "green": {(77, 172, 73), (115, 191, 105), (86, 166, 75), (55, 135, 45), (150, 217, 141)},
    "blue": {(40, 101, 238), (87, 148, 242), (50, 116, 217), (31, 96, 196), (138, 184, 255)},
    "link": {(110, 159, 255)},
    "grey": {(142, 142, 142)},
    "text": {(204, 204, 220), (36, 41, 46), (255, 255, 255)},
}
"""Shades that Grafana takes for a colour, in the dark and in the light."""


def named(css: str) -> str | None:
    """The colour's name; None where it is clear, "?" with the shade where it has none."""
    for r, g, b, a in re.findall(r"rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)", css):
        if a and float(a) == 0:
            continue
        shade = (int(r), int(g), int(b))
        return next((name for name, shades in COLOURS.items() if shade in shades), f"? {shade}")
    return None


def look(page: Page, url: str) -> Mapping[str, Panel]:
    """Open ``url`` and read its panels by title, once they are drawn and stay as they are."""
    page.call("Page.addScriptToEvaluateOnNewDocument", source=NOTED)
    page.go(url)
    until = time.monotonic() + 60
    last: Any = None
    while time.monotonic() < until:
        seen = page.value(SEEN) or {"panels": {}, "loading": True}
        # More than its title.
        filled = [len(p["texts"]) > 1 or p["axis"] for p in seen["panels"].values()]
        if filled and all(filled) and not seen["loading"] and seen == last:
            return {
                title: Panel([tuple(t) for t in panel["texts"]], panel["axis"], panel["colours"])
                for title, panel in seen["panels"].items()
            }
        last = seen
        time.sleep(0.4)
    raise AssertionError(f"{url} did not come to rest: {page.text[:1000]}")

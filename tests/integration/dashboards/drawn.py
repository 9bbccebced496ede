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
  const image = CanvasRenderingContext2D.prototype.drawImage;
  // A map writes its words on canvases that no document has, and draws those.
  if (name === 'fillText') CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    this.canvas.noted ??= {words: {}, colours: {}};
    Object.assign(this.canvas.noted.words, given[0].noted?.words);
    return image.apply(this, given);
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
LAID = """
(() => {
  const panels = {};
  const named = (r, g, b) => {
    if (Math.max(r, g, b) - Math.min(r, g, b) < 30) return 'grey';
    if (b > r && b > g) return 'blue';
    if (g > 1.2 * r) return 'green';
    return r > 1.6 * g ? 'red' : 'yellow';
  };
  for (const panel of document.querySelectorAll('[data-testid^="data-testid Panel header"]')) {
    const title = panel.dataset.testid.replace('data-testid Panel header ', '');
    const found = panels[title] = {ink: {}, cut: [], overprinted: []};
    for (const canvas of panel.querySelectorAll('.ol-viewport canvas')) {
      const {data, width, height} = canvas.getContext('2d').getImageData(
        0, 0, canvas.width, canvas.height);
      found.ink.map = [0, 0, width - 1, height - 1];
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] < 128) continue;
        const x = (at / 4) % width, y = Math.floor(at / 4 / width);
        const colour = named(data[at], data[at + 1], data[at + 2]);
        const box = found.ink[colour] ??= [x, y, x, y];
        box[0] = Math.min(box[0], x); box[2] = Math.max(box[2], x); box[3] = y;
      }
    }
    for (const head of panel.querySelectorAll('h2, [role=columnheader] *')) {
      const room = head.clientWidth;
      if (room && head.scrollWidth > room + 1 && head.innerText) found.cut.push(head.innerText);
    }
    const texts = [], range = document.createRange();
    const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      if (!node.textContent.trim() || node.parentElement.closest('[role=cell]')) continue;
      range.selectNodeContents(node);
      for (const {left, top, right, bottom} of range.getClientRects()) {
        texts.push([node.textContent, left, top, right, bottom]);
      }
    }
    for (const [i, [one, left, top, right, bottom]] of texts.entries()) {
      for (const [other, l, t, r, b] of texts.slice(i + 1)) {
        if (l < right - 2 && r > left + 2 && t < bottom - 4 && b > top + 4) {
          found.overprinted.push([one, other]);
        }
      }
    }
  }
  return panels;
})()
"""


@dataclass(frozen=True)
class Panel:
    """``texts`` in the order of the document, ``axis`` and ``colours`` of its canvas.

    Of a map ``ink`` has the pixels (left, top, right, bottom) of what is drawn in a colour, and of
    the map itself. ``cut`` are titles and column headers without room, ``overprinted`` the pairs of
    texts that stand on each other.
    """

    texts: list[tuple[str, str, str]]
    axis: list[str]
    colours: list[str]
    ink: dict[str, tuple[int, int, int, int]]
    cut: list[str]
    overprinted: list[list[str]]

    @property
    def words(self) -> str:
        return " ".join(text for text, *_ in self.texts)

    def says(self, text: str) -> bool:
        return text in self.words or any(text in tick for tick in self.axis)

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
            laid = page.value(LAID)
            return {
                title: Panel(
                    [tuple(t) for t in panel["texts"]],
                    panel["axis"],
                    panel["colours"],
                    **laid[title],
                )
                for title, panel in seen["panels"].items()
            }
        last = seen
        time.sleep(0.4)
    raise AssertionError(f"{url} did not come to rest: {page.text[:1000]}")

"""How the console is drawn, measured in a browser: nothing lies over anything else, nothing is cut
or runs out of the window, on a wide screen and on a phone, with a long past and odd names."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from glue.settings import Influx, Settings
from glue.stack import probe
from tests import console_data, programs
from tests.browser import Browser, Page
from tests.conftest import browsing
from tests.console import PASSWORD, open_console
from tests.influx import write_points
from tests.integration.test_series import fresh_bucket

WIDE, PHONE = 1600, 390
PICTURES = os.environ.get("TONYPI_TEST_PICTURES", "")
"""A folder for pictures of the pages, for people to look at."""
LONG_NAME = "W" * 50
PAGES = (
    *("/", "/robots", "/robots/h1", f"/robots/{LONG_NAME}", "/robots/h1/live", "/robots/new"),
    *(
        "/robots/h1/limits/cpu",
        "/alerts",
        "/alerts?state=any",
        "/alerts/2",
        "/alerts/3",
        "/alerts/45",
    ),
    *("/live", "/live?hours=24", "/reports", "/reports/new", "/reports/schedules"),
    *("/reports/schedules/1", "/reports/schedules/new", "/limits", "/limits/robots", "/limits/cpu"),
    *("/maintenance", "/maintenance/windows", "/maintenance/windows/1", "/commands"),
    *("/registrations", "/notifications", "/notifications/targets/2", "/notifications/routes/2"),
    *("/users", "/users/u-1", "/status", "/account", "/emergency-stop", "/mutes", "/groups"),
    *("/groups/hall-2", "/nowhere"),
)

FLAWS = """
(() => {
  const found = [], wide = document.documentElement.clientWidth;
  // Of a phone the heads of tables are for those who listen.
  const unseen = wide < 640 ? '.unseen, .skip, option, desc, title, .cards thead'
                            : '.unseen, .skip, option, desc, title';
  const name = (e) => `${e.tagName.toLowerCase()}.${e.getAttribute('class') || ''}`;
  if (document.documentElement.scrollWidth > wide)
    found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const e of document.querySelectorAll('main *, header *, nav.side *')) {
    if (!e.checkVisibility() || e.closest(unseen + ', svg')) continue;
    const style = getComputedStyle(e);
    if (e.matches('.scroll') && e.scrollWidth > e.clientWidth + 1)
      found.push(`a table is ${e.scrollWidth} wide in ${e.clientWidth}`);
    if (style.overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1 && !e.matches('input'))
      found.push(`cut: ${name(e)} ${e.textContent.trim().slice(0, 40)}`);
    if (e.matches('input[placeholder]:placeholder-shown')) {
      const pen = document.createElement('canvas').getContext('2d');
      pen.font = style.font;
      const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (pen.measureText(e.placeholder).width > room) found.push(`cut: ${e.placeholder}`);
    }
  }
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, e = text.parentElement;
    if (!text.data.trim() || !e.checkVisibility() || e.closest(unseen)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const r of range.getClientRects()) {
      if (r.width < 2) continue;
      const s = text.data.trim().slice(0, 30);
      const box = {e, s, l: r.left, r: r.right, t: r.top, b: r.bottom};
      if (e.closest('main') && (r.left < -1 || r.right > wide + 1)) found.push(`outside: ${box.s}`);
      const card = e.closest('.card, .tile, .note, .said, .wrong');
      if (card && !e.closest('.scroll') && r.right > card.getBoundingClientRect().right + 1)
        found.push(`out of its card: ${box.s}`);
      texts.push(box);
    }
  }
  // Letters have room above and below them in their boxes: a few pixels may meet.
  const slack = 4, fixed = (e) => e.closest('.top, .side, .bulk');
  texts.sort((a, b) => a.t - b.t);
  for (let i = 0; i < texts.length; i++)
    for (let j = i + 1; j < texts.length && texts[j].t < texts[i].b - slack; j++) {
      const [a, b] = [texts[i], texts[j]];
      if (a.e === b.e || fixed(a.e) !== fixed(b.e)) continue;
      if (Math.min(a.r, b.r) - Math.max(a.l, b.l) > 1) found.push(`${a.s} lies over ${b.s}`);
    }
  return [...new Set(found)];
})()
"""
"""What a reader would call broken."""


@dataclass
class Site:
    console: str
    settings: Settings


@pytest.fixture(scope="module")
def site(ground: programs.Ground, postgres: programs.Cluster, influx: Influx) -> Iterator[Site]:
    """The console of a fleet with a past, without the loops of the glue: nothing moves."""
    database = postgres.create("fleet_layout")
    settings = ground.settings(
        PGDATABASE=database.database, GRAFANA_URL="", GLUE_PORT=probe.free_port()
    ).model_copy(update={"influx": fresh_bucket(influx)})
    console_data.fill(settings.postgres)
    console_data.refuse(settings.influx)
    now = int(datetime.now(UTC).timestamp())
    write_points(
        settings.influx,
        [
            f"performance,robot_id={robot} cpu_percent={30 + n % 50},memory_percent={74 + n % 3},"
            f"cpu_temperature={20 + n % 70} {now - 10 * n}"
            for n in range(360)
            for robot in ("h1", "h2")
        ],
    )
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with open_console(settings) as console:
            app = console.api.app
            config = uvicorn.Config(app, port=settings.glue.port, log_level="critical")
            server.append(uvicorn.Server(config))
            await server[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    until = time.monotonic() + 30
    while not (server and server[0].started):
        assert thread.is_alive() and time.monotonic() < until, "the console does not start"
        time.sleep(0.05)
    try:
        yield Site(f"{settings.glue_for_browsers}/console", settings)
    finally:
        server[0].should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def browser(
    site: Site, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Browser]:
    with browsing(request, tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def page(site: Site, browser: Browser) -> Iterator[Page]:
    """An admin's window."""
    with _signed_in(browser, site) as opened:
        yield opened


@contextmanager
def _signed_in(browser: Browser, site: Site) -> Iterator[Page]:
    with browser.person() as page:
        page.go(f"{site.console}/sign-in")
        page.wait("document.readyState === 'complete' && !!document.querySelector('#password')")
        page.fill("#username", "admin")
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait("location.pathname === '/console/' && document.readyState === 'complete'")
        yield page


def open_page(page: Page, site: Site, path: str) -> None:
    page.value("window.old = true")
    page.go(f"{site.console}{path}")
    page.wait("!window.old && document.readyState === 'complete' && !!document.querySelector('h1')")


def picture(page: Page, width: int, name: str) -> None:
    """The whole page, for people to look at."""
    if not PICTURES:
        return
    tall = int(page.value("document.documentElement.scrollHeight"))
    page.resize(width, min(tall, 4000))
    page.picture(Path(PICTURES) / f"{name}.png")
    page.resize(width, 900)


def _flaws(page: Page) -> Any:
    return page.value(FLAWS)


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_nothing_lies_over_anything_or_is_cut(page: Page, site: Site, width: int) -> None:
    page.resize(width, 900)
    page.in_colours("light")
    broken = {}
    for path in PAGES:
        open_page(page, site, path)
        name = path.strip("/").replace("/", "-").replace(LONG_NAME, "W") or "overview"
        if flaws := _flaws(page):
            broken[path] = flaws
        picture(page, width, f"{name}-{width}")
        if PICTURES:
            page.in_colours("dark")
            picture(page, width, f"{name}-{width}-dark")
            page.in_colours("light")
    assert not broken, "\n".join(f"{path}: {flaws}" for path, flaws in broken.items())


def test_a_phone_has_many_alerts_within_reach_and_the_button_in_sight(
    page: Page, site: Site
) -> None:
    page.resize(PHONE, 800)
    open_page(page, site, "/alerts")
    box = "(e => { const r = e.getBoundingClientRect(); return [r.top, r.bottom] })"
    assert page.value("document.querySelectorAll('tbody tr').length") == console_data.OPEN
    rows = "[...document.querySelectorAll('tbody tr')].map(e => e.getBoundingClientRect().height)"
    heights = sorted(page.value(rows))
    assert heights[len(heights) // 2] < 80, "two lines a row"
    assert page.value("document.documentElement.scrollHeight") < 5000, "it was 9,063"
    page.click("[name=id]")
    top, bottom = page.value(f"{box}(document.querySelector('.bulk button'))")
    assert 0 < top < bottom <= 800, "the button is in the window"
    page.click("#all-below")
    marked = "[...document.querySelectorAll('[name=id]')].every(e => e.checked)"
    assert page.value(marked)


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_an_error_page_without_a_menu_stands_in_the_middle(
    browser: Browser, site: Site, width: int
) -> None:
    """Who is not signed in has no menu, and no gap in its place."""
    with browser.person(width) as stranger:
        open_page(stranger, site, "/nowhere")
        assert "Page not found" in stranger.text and "Registrations" not in stranger.text
        left, right = stranger.value(
            "(r => [r.left, innerWidth - r.right])"
            "(document.querySelector('main').getBoundingClientRect())"
        )
    assert abs(left - right) < 20 and width - left - right > 350


def test_the_menu_of_a_phone_opens_over_the_page(page: Page, site: Site) -> None:
    page.resize(PHONE, 800)
    for scheme in ("light", "dark"):
        page.in_colours(scheme)
        open_page(page, site, "/alerts")
        page.click("summary")
        menu = page.value(
            "(r => [r.left, r.right, r.bottom])"
            "(document.querySelector('.menu nav').getBoundingClientRect())"
        )
        assert 0 <= menu[0] < menu[1] <= PHONE and menu[2] <= 800
        hit = "document.elementFromPoint(innerWidth - 60, 300).closest('.menu')"
        assert page.value(f"!!{hit}"), "nothing lies over it"
        if PICTURES:
            page.picture(Path(PICTURES) / f"menu-{scheme}.png")
    page.in_colours("light")

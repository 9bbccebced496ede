"""The console in a browser: a glue with two robots and a past, and how pages are opened there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from glue.settings import Influx, Settings
from tests import programs
from tests.browser import Page
from tests.console import PASSWORD
from tests.influx import write_points

ROLES = ("viewer", "operator", "admin")


PICTURES = os.environ.get("TONYPI_TEST_PICTURES", "")
"""A folder for pictures of the pages, for people to look at."""


CONTRASTS = """
(() => {
  const parts = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = parts(c).map((v) => v / 255).map(
      (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (parts(c).length < 4 || parts(c)[3] === 1) return c;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest("option")) continue;
    const style = getComputedStyle(e);
    const ink = e.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5))
      poor.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ink} on ${ground(e)}`);
  }
  return poor;
})()
"""
"""Text whose contrast is below that of WCAG 2.2, AA."""


@dataclass
class Stack:
    settings: Settings

    @property
    def console(self) -> str:
        return f"{self.settings.glue_for_browsers}/console"

    def sql(self, statement: str, **named: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings.postgres.dsn) as conn:
            done = conn.execute(statement, named)
            return done.fetchall() if done.description else []


@contextmanager
def robots(ground: programs.Ground, stack: Stack) -> Iterator[None]:
    """Two simulated robots, which obey."""
    program = subprocess.Popen(
        [*(sys.executable, "-m", "glue.cli", "simulate"), "--robots", "2", "--scenario", "normal"],
        env={**os.environ, **ground.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    online = "SELECT count(*) FROM robots WHERE status = 'online'"
    while stack.sql(online) != [(2,)]:
        assert time.monotonic() < until, "the simulated robots do not come"
        time.sleep(0.1)
    try:
        yield
    finally:
        program.terminate()
        program.wait(10)


def past(bucket: Influx) -> None:
    """sim_01 was busy for five minutes, an hour ago."""
    begin = int((datetime.now(UTC) - timedelta(hours=2)).timestamp())
    lines = [
        f"performance,robot_id=sim_01 cpu_percent={84 if 3600 <= n < 3900 else 30 + n % 7},"
        f"memory_percent=40,cpu_temperature=50 {begin + n}"
        for n in range(0, 7200, 10)
    ]
    write_points(bucket, lines)


def episodes(stack: Stack) -> None:
    """One alert that is over, and two that are open; of what nobody measures, so that they stay."""
    stack.sql(
        "INSERT INTO alerts (id, robot_id, metric, alert_type, severity, title, message, resolved,"
        " starts_at, resolved_at, value, threshold) VALUES"
        " (1, 'sim_01', 'cpu', 'performance', 'warning', 'CPU load high', 'It is 84 %%.', true,"
        "  now() - interval '1 hour', now() - interval '55 minutes', 84, 70),"
        " (2, 'sim_01', null, 'system', 'critical', 'Left foot sticks', 'See the log.', false,"
        "  now(), null, null, null),"
        " (3, 'sim_02', null, 'system', 'warning', 'Right foot sticks', null, false,"
        "  now(), null, null, null)"
    )
    stack.sql("SELECT setval('alerts_id_seq', 100)")


def sign_in(page: Page, stack: Stack, name: str) -> None:
    page.go(f"{stack.console}/sign-in")
    page.wait("document.readyState === 'complete' && !!document.querySelector('#password')")
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait("location.pathname === '/console/' && document.readyState === 'complete'")


def open_page(page: Page, stack: Stack, path: str) -> None:
    page.value("window.old = true")
    page.go(f"{stack.console}{path}")
    page.wait("!window.old && document.readyState === 'complete' && !!document.querySelector('h1')")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.picture(Path(PICTURES) / f"{name}.png")

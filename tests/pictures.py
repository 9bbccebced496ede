"""The pictures of the docs, of a stack that runs: ``python -m tests.pictures``.

``make up ROBOTS=14``, some time, then this: every dashboard, every page of the console and every
page of a report of each type, into ``docs/images``. Look at them before they are committed.
Needs Chromium and poppler-utils.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from glue.settings import PROJECT, Settings, load
from glue.stack import public
from glue.stack.home import Home
from tests.browser import Browser, Page, chromium
from tests.panel_queries import DASHBOARDS

WIDE, PHONE = 1280, 360
TALLEST = 2400
REPORTS = ("performance", "job", "system", "battery", "custom")
SECTIONS = ["availability", "load", "temperature", "servos", "battery", "jobs", "alerts", "logs"]
DARK = {"robot", "overview"}
"""Pages of the console that are shown in the dark too."""
ON_PHONE = {"alerts", "robots"}
OF_ONE = {"robots", "groups", "limits"}
NO_IDS = {"new", "robots"}
"""What stands behind a word of ``OF_ONE`` is the name of one thing, but for these."""
DRAWN = "!document.querySelector('[aria-label=\"Panel loading bar\"]')"


class Pictures:
    """Takes them; ``robot`` is whom pages of one robot are of."""

    def __init__(self, settings: Settings, folder: Path, browser: Browser, robot: str) -> None:
        self.settings = settings
        self.folder = folder
        self.browser = browser
        self.robot = robot
        self.console = f"{public.glue(settings)}/console"
        self.admin = ("admin", settings.glue.admin_password.get_secret_value())

    def take(self, page: Page, name: str, width: int = WIDE) -> None:
        """The whole page, however long."""
        page.resize(width, 900)
        time.sleep(0.5)
        tall = int(page.value("document.documentElement.scrollHeight") or 900)
        page.resize(width, max(300, min(tall, TALLEST)))
        time.sleep(0.5)
        page.picture(self.folder / f"{name}.png")
        print(f"  {name}", flush=True)

    @contextmanager
    def signed_in(self) -> Iterator[Page]:
        with self.browser.person() as page:
            self.open(page, f"{self.console}/sign-in")
            self.take(page, "console-sign-in")
            page.fill("#username", self.admin[0])
            page.fill("#password", self.admin[1])
            page.click("main button")
            page.wait("location.pathname.endsWith('/console/')")
            yield page

    def open(self, page: Page, url: str) -> None:
        page.value("window.old = true")
        page.go(url)
        page.wait("!window.old && document.readyState === 'complete' && !!document.body")

    def dashboards(self, page: Page) -> None:
        """Each in Grafana, as whoever is signed in to the console sees it."""
        grafana = public.grafana(self.settings)
        self.open(page, f"{grafana}/login/generic_oauth")
        page.wait(f"location.href.startsWith('{grafana}') && !location.pathname.includes('login')")
        for uid, board in DASHBOARDS.items():
            page.resize(1600, 1600)
            of_all = any(one["name"] == "chosen" for one in board["templating"]["list"])
            robot = "" if of_all else f"&var-robot={self.robot}"
            self.open(page, f"{grafana}/d/{uid}?kiosk&from=now-1h&to=now{robot}")
            time.sleep(4)
            page.wait(DRAWN)
            ends = "Math.max(...[...document.querySelectorAll('.react-grid-item')]"
            tall = page.value(f"{ends}.map(e => e.getBoundingClientRect().bottom))") or 1600
            page.resize(1600, min(int(tall) + 20, TALLEST))
            time.sleep(3)
            page.wait(DRAWN)
            page.picture(self.folder / f"{uid.removeprefix('tonypi-')}.png")
            print(f"  {uid}", flush=True)

    def pages(self, page: Page) -> None:
        """Each of the console that a link leads to; of pages of one thing, the first."""
        found = {"overview": f"{self.console}/"}
        waiting = list(found.values())
        while waiting:
            self.open(page, waiting.pop(0))
            for url in _links(page):
                if not url.startswith(self.console) or "?" in url or "#" in url:
                    continue
                name = _named(url, self.console)
                if name not in found and not name.endswith("file"):
                    found[name] = url
                    waiting.append(url)
        for name, url in found.items():
            page.in_colours("light")
            self.open(page, url)
            self.take(page, f"console-{name}")
            if name in ON_PHONE:
                self.take(page, f"console-{name}-phone", PHONE)
            if name in DARK:
                page.in_colours("dark")
                self.take(page, f"console-{name}-dark")

    def reports(self) -> None:
        """One of each type of the last hour, all pages beside each other."""
        with httpx.Client(base_url=public.glue(self.settings), timeout=60) as api:
            said = dict(zip(("username", "password"), self.admin, strict=True))
            token = api.post("/api/v1/auth/login", json=said).json()["access_token"]
            api.headers["Authorization"] = f"Bearer {token}"
            for kind in REPORTS:
                data = _report(api, kind, [self.robot] if kind == "battery" else [])
                self._sheet(kind, data)

    def _sheet(self, kind: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder, self.browser.person(1500, 900) as page:
            pdf = Path(folder) / "report.pdf"
            pdf.write_bytes(data)
            subprocess.run(["pdftoppm", "-r", "60", "-png", pdf, Path(folder) / "p"], check=True)
            images = "".join(f'<img src="{p.name}">' for p in sorted(Path(folder).glob("p*.png")))
            style = "<style>body{background:#888;margin:8px}img{margin:4px}</style>"
            (Path(folder) / "sheet.html").write_text(style + images)
            self.open(page, f"file://{folder}/sheet.html")
            wide = max(620, min(3, images.count("<img")) * 510 + 20)
            page.resize(wide, 200)
            page.resize(wide, int(page.value("document.documentElement.scrollHeight")))
            time.sleep(0.5)
            page.picture(self.folder / f"report-{kind}.png")
            print(f"  report-{kind}", flush=True)


def _links(page: Page) -> list[str]:
    code = "[...document.querySelectorAll('nav a[href], main a[href]')].map(a => a.href)"
    return list(page.value(code) or [])


def _named(url: str, console: str) -> str:
    """``alerts/17`` is ``alert``: a page of one thing is named for what it is of."""
    words: list[str] = []
    for part in filter(None, url.removeprefix(console).split("/")):
        of_one = re.search(r"\d", part) or (words and words[-1] in OF_ONE and part not in NO_IDS)
        if of_one and words:
            words[-1] = words[-1].removesuffix("s")
        else:
            words.append(part)
    return "-".join(words) or "overview"


def _report(api: httpx.Client, kind: str, robots: list[str]) -> bytes:
    now = datetime.now(UTC)
    asked = {
        "type": kind,
        "robots": robots,
        "since": (now - timedelta(hours=1)).isoformat(),
        "until": now.isoformat(),
    }
    if kind == "custom":
        asked["sections"] = SECTIONS
    begun = api.post("/api/v1/reports", json=asked)
    begun.raise_for_status()
    while (job := api.get(begun.headers["location"]).json())["state"] in ("queued", "running"):
        time.sleep(0.5)
    assert job["state"] == "done", job
    return api.get(f"/api/v1/reports/{job['report_id']}/file", params={"format": "pdf"}).content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="Of the stack, unless it is the usual one.")
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs" / "images")
    parser.add_argument("--robot", default="sim_01")
    parser.add_argument("--only", choices=("dashboards", "console", "reports"))
    asked = parser.parse_args()
    program = chromium()
    if program is None:
        sys.exit("no Chromium on this machine")
    settings = Home(asked.home).site().settings if asked.home else load()
    with (
        tempfile.TemporaryDirectory() as profile,
        Browser(program, Path(profile)) as browser,
    ):
        pictures = Pictures(settings, asked.folder, browser, asked.robot)
        with pictures.signed_in() as page:
            if asked.only in (None, "console"):
                pictures.pages(page)
            if asked.only in (None, "dashboards"):
                pictures.dashboards(page)
        if asked.only in (None, "reports"):
            pictures.reports()


if __name__ == "__main__":
    main()

"""What a browser makes of the Fleet dashboard: joining, comparing and sorting are done there."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.browser import Browser, Page, chromium
from tests.conftest import RAN
from tests.integration.dashboards.fleet import SINCE, UNTIL, Shown

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
)


@pytest.fixture(scope="module")
def page(
    shown: Shown, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> str:
    """The Fleet dashboard's document, as a Viewer's browser has built it."""
    program = chromium()
    if program is None:
        request.config.stash[RAN]["Chromium"] = "NOT RUN: not on this machine"
        pytest.skip("no Chromium on this machine")
    address = (
        f"{shown.url}/d/tonypi-fleet/fleet?kiosk&from={(shown.base + SINCE) * 1000}"
        f"&to={(shown.base + UNTIL) * 1000}"
    )
    folder: Path = tmp_path_factory.mktemp("browser")
    document = ""
    for patience in (8_000, 20_000, 40_000):
        seen = subprocess.run(
            [
                *(program, *QUIET, "--window-size=1600,1400", f"--user-data-dir={folder}"),
                *(f"--virtual-time-budget={patience}", "--dump-dom", address),
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        document = seen.stdout
        if "Twin (panelX1)" in document:
            request.config.stash[RAN]["Chromium"] = "ran"
            return document
    pytest.fail(f"the dashboard did not come up in the browser: {document[:2000]}")


@pytest.fixture
def opened(browser: Browser) -> Iterator[Page]:
    with browser.person() as person:
        yield person


class _Tables(HTMLParser):
    """Texts of the cells of each table panel, by the panel's title."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "col", "source"})

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self._depth = 0
        self._cell_ends: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.VOID:
            return
        self._depth += 1
        about = dict(attrs)
        if tag in {"h2", "h6"} and about.get("title"):
            self._rows = self.tables.setdefault(str(about["title"]), [])
        elif about.get("role") == "row":
            self._rows.append([])
        elif about.get("role") in {"cell", "columnheader"} and self._rows:
            self._rows[-1].append("")
            self._cell_ends = self._depth

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if self._cell_ends == self._depth:
            self._cell_ends = None
        self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._cell_ends is not None:
            self._rows[-1][-1] = (self._rows[-1][-1] + data).strip()


def table(document: str, title: str) -> list[list[str]]:
    """Cells of the panel ``title``, its header first."""
    parser = _Tables()
    parser.feed(document)
    assert title in parser.tables, sorted(parser.tables)
    return parser.tables[title]


def test_robots_stand_worst_first_each_against_its_own_limits(page: str) -> None:
    header, *robots = table(page, "Robots, worst first")
    assert header[:5] == ["Robot", "Status", "Last seen, ago", "Alert", "Battery"]
    # All but how long ago, which is not for sure in a test.
    assert ["|".join([*row[:2], *row[3:]]) for row in robots] == [
        # 57 % of CPU are a warning by a limit of its own; its memory has none.
        "Twin (panel.1)|online|warning|79%||no|53 °C||61 °C|warning|57%|warning|52%||open",
        "Fourth|error|||||||||||||",
        # In maintenance: 95 °C mean nothing.
        "Third|maintenance||25%||no|95 °C||||12%||13%||",
        # Silent: its alert is critical, its readings are old.
        "Twin (panelX1)|silent|critical|15%||yes|71 °C||76 °C||99%||91%||",
        "TonyPi 01|never seen|||||||||||||",
    ]


def test_charts_of_the_worst_name_robots_as_people_do(page: str) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.partition('title="Lowest batteries"')[2]))
    battery, _, rest = text.partition("Hottest CPUs")
    assert all(name in battery for name in ("Twin (panelX1)", "Third", "Twin (panel.1)"))
    assert "Fourth" not in rest


@pytest.mark.parametrize(
    ("board", "of"),
    [("fleet", "type=performance&var-robot=panel.1&"), ("power", "type=battery&robot=panel.1&")],
)
def test_a_report_of_what_is_looked_at_is_one_link_away(
    shown: Shown, opened: Page, board: str, of: str
) -> None:
    time = f"from={(shown.base + SINCE) * 1000}&to={(shown.base + UNTIL) * 1000}"
    opened.go(f"{shown.url}/d/tonypi-{board}/{board}?{time}&var-robot=panel.1")
    found = opened.wait("document.querySelector('a[href*=\"/reports/new\"]')?.href")
    address, _, asked = found.partition("?")
    assert address == "http://glue.test:8000/reports/new"
    assert sorted(asked.split("&")) == sorted(f"{of}{time}".split("&"))


def test_where_no_job_has_ended_durations_are_an_empty_chart_and_no_error(
    shown: Shown, opened: Page, tmp_path: Path
) -> None:
    opened.go(f"{shown.url}/d/tonypi-jobs/jobs?viewPanel=12&var-robot=panel-4")
    assert opened.wait("document.querySelector('.u-over') && true")
    opened.picture(tmp_path / "jobs.png")
    text = opened.wait("document.body.innerText")
    assert "Durations (green: completed, red: failed)" in text
    assert "Cannot read" not in text


def test_motion_knows_how_long_its_windows_are(shown: Shown, opened: Page, tmp_path: Path) -> None:
    # From three seconds beside a whole window.
    time = f"from={(shown.base + SINCE - 3) * 1000}&to={(shown.base + UNTIL) * 1000}"
    opened.go(f"{shown.url}/d/tonypi-motion/motion?viewPanel=1&{time}&var-robot=panel.1")
    assert opened.wait("document.body.innerText.includes('Largest tilt')")
    assert opened.wait("document.body.innerText.includes('90')")
    opened.picture(tmp_path / "motion.png")


@pytest.mark.parametrize(("board", "panel"), [("alerts", 20), ("jobs", 21), ("logs", 21)])
def test_a_ranking_of_none_has_a_bar_without_length_and_no_words_of_grafanas_own(
    shown: Shown, opened: Page, tmp_path: Path, board: str, panel: int
) -> None:
    opened.go(f"{shown.url}/d/tonypi-{board}/{board}?viewPanel={panel}&var-robot=nobody")
    assert opened.wait("document.querySelector('.u-over') && true")
    opened.picture(tmp_path / f"{board}.png")
    text = opened.wait("document.body.innerText")
    assert "No data" not in text


def test_an_alert_leads_to_its_robot_at_its_time(page: str, shown: Shown) -> None:
    rows = table(page, "Open alerts")[1:]
    assert [row[:4] for row in rows] == [
        ["critical", "the stack", "Events stopped", "open"],
        ["critical", "Twin", "Robot silent", "open"],
        ["warning", "Twin", "Servo temperature too high", "acknowledged by anna"],
    ]
    target = f"/d/tonypi-robot/robot?var-robot=panel.1&from={(shown.base - 600) * 1000}&to=now"
    assert f'href="{target}"' in html.unescape(page)

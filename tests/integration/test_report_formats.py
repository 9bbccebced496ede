"""Files of reports: what the pages say is read back from the PDF itself with pdftotext."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from glue.core.report.compose import compose
from glue.core.report.content import Content
from glue.core.report.request import Paper
from glue.reports.formats import FORMATS
from tests import reported
from tests.conftest import RAN

POINTS = {"a4": (595, 842), "letter": (612, 792)}


@pytest.fixture
def poppler(request: pytest.FixtureRequest) -> None:
    """`make programs` installs it where it may."""
    if shutil.which("pdftotext") is None:
        request.config.stash[RAN]["poppler"] = "NOT RUN: no pdftotext (package poppler-utils)"
        pytest.skip("no pdftotext")


def told(program: str, data: bytes, tmp_path: Path, *words: str) -> str:
    (tmp_path / "report.pdf").write_bytes(data)
    command = [program, *words, str(tmp_path / "report.pdf")]
    command += ["-"] if program == "pdftotext" else []
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize("paper", POINTS)
def test_pages_have_the_paper_numbers_zone_and_links(paper: Paper, tmp_path: Path) -> None:
    made = compose(reported.facts(3, silent=frozenset({3})))
    data = FORMATS["pdf"].write(made, paper)
    about = told("pdfinfo", data, tmp_path)
    pages = int(re.findall(r"Pages:\s+(\d+)", about)[0])
    size = re.findall(r"Page size:\s+([\d.]+) x ([\d.]+)", about)[0]
    assert tuple(round(float(side)) for side in size) == POINTS[paper]
    assert re.search(r"Tagged:\s+yes", about)
    text = told("pdftotext", data, tmp_path, "-layout")
    for page in range(1, pages + 1):
        assert f"Page {page} of {pages}" in text
    assert text.count("Times are of Europe/Berlin") == pages
    for said in (
        "In short",
        "What is missing",
        "No robot sent anything on 19 Nov",
        "Compared with",
    ):
        assert said in text
    assert b"/d/tonypi-fleet?from=" in data
    for name in ("Ada", "Zoë", "Робот"):
        assert name in text


@pytest.mark.usefixtures("poppler")
def test_names_of_all_scripts_are_on_the_pages_as_data_not_markup(tmp_path: Path) -> None:
    odd = '#panic("x") *b* $1$ `c` <a&b> \\ [ ]'
    facts = reported.facts(9)
    facts.robots[0] = type(facts.robots[0])("r0", odd, facts.robots[0].since)  # type: ignore[index]
    data = FORMATS["pdf"].write(compose(facts), "a4")
    # Letters as they were given, not as they are shaped.
    text = told("pdftotext", data, tmp_path, "-raw")
    for name in (odd, "机器人", "Ρομπότ", "Робот"):
        assert name in text


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize(("robots", "days"), [(0, 1), (1, 1), (500, 31)])
def test_any_size_has_pages_that_can_be_turned(robots: int, days: int, tmp_path: Path) -> None:
    asked = reported.request(robots=("r0",) if robots == 1 else (), days=days)
    made = compose(reported.facts(robots, asked))
    text = told("pdftotext", FORMATS["pdf"].write(made, "a4"), tmp_path, "-layout")
    pages = text.count("\f")
    assert 1 <= pages <= 12
    if robots == 500:
        assert "485 more robots in the HTML, CSV and JSON of this report." in text


FOOTER = 60.0
"""Points at the end of a page."""


def lines(data: bytes, tmp_path: Path) -> list[list[str]]:
    """The lines of every page but its footer, from above."""
    pages = []
    for page in told("pdftotext", data, tmp_path, "-bbox-layout").split("<page ")[1:]:
        height = float(re.findall(r'height="([\d.]+)"', page)[0])
        found = [
            (float(top), " ".join(re.findall(r">([^<]+)</word>", words)))
            for top, words in re.findall(
                r'<line [^>]*yMin="([\d.]+)"[^>]*>(.*?)</line>', page, re.S
            )
        ]
        pages.append([text for top, text in sorted(found) if top < height - FOOTER])
    return pages


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize(
    ("kind", "robots", "days"),
    [("system", 7, 7), ("system", 12, 7), ("battery", 5, 1), ("custom", 7, 1), ("custom", 12, 1)],
)
def test_no_heading_is_left_alone_at_the_end_of_a_page(
    kind: str, robots: int, days: int, tmp_path: Path
) -> None:
    made = compose(reported.facts(robots, reported.request(kind, days=days)))
    headings = {section.title for section in made.sections}
    headings |= {table.title for section in made.sections for table in section.tables}
    for page in lines(FORMATS["pdf"].write(made, "a4"), tmp_path)[:-1]:
        # A heading, the link beside it, and two lines of what it says are not enough.
        assert not headings & set(page[-4:]), page[-6:]


@pytest.mark.usefixtures("poppler")
def test_a_page_says_once_when_it_is_of(tmp_path: Path) -> None:
    begin = reported.SINCE + timedelta(hours=9)
    asked = reported.request("performance", since=begin, until=begin + timedelta(hours=2))
    made = compose(reported.facts(2, asked))
    assert made.title == "Performance: fleet, 16 Nov 2026, 09:00 to 11:00"
    first, second, *_ = lines(FORMATS["pdf"].write(made, "a4"), tmp_path)
    assert first[0] == "Performance: fleet"
    assert second[0].count("16 Nov 2026") + second[1].count("16 Nov 2026") == 1, second[:2]


class _Sound(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [v or "" for k, v in attrs if k in ("src", "xlink:href")]


def test_html_is_whole_and_escapes_names() -> None:
    facts = reported.facts(20)
    facts.robots[0] = type(facts.robots[0])("r0", "<script>x</script>", facts.robots[0].since)  # type: ignore[index]
    text = FORMATS["html"].write(compose(facts), "a4").decode()
    page = _Sound()
    page.feed(text)
    assert "script" not in page.tags and page.outside == []
    assert "&lt;script&gt;" in text
    assert page.tags.count("svg") >= 10
    assert text.count("r19") >= 1, "all rows are there"


def test_json_is_the_content_and_csv_has_every_number() -> None:
    made = compose(reported.facts(500))
    assert Content.model_validate(json.loads(FORMATS["json"].write(made, "a4"))) == made
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].write(made, "a4").decode("utf-8-sig"))))
    robots = {row["row"] for row in rows if row["table"] == "Busiest robots"}
    assert len(robots) == 500
    figures = {row["what"]: row for row in rows if not row["table"]}
    assert float(figures["CPU load, mean"]["value"]) > float(figures["CPU load, mean"]["before"])


def test_csv_has_no_formulas() -> None:
    asked = reported.request("job")
    facts = reported.facts(2, asked)
    assert facts.jobs is not None
    task = type(facts.jobs.by_task[0])("=HYPERLINK(1)", 1, 0, 0, 1, 1.0, None)
    facts.jobs.by_task[0] = task  # type: ignore[index]
    text = FORMATS["csv"].write(compose(facts), "a4").decode("utf-8-sig")
    assert ",'=HYPERLINK(1)," in text

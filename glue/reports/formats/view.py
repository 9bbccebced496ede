"""What PDF and HTML show alike: content as words and pictures; a template only places them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from glue import charts
from glue.charts import Theme
from glue.core.report import words
from glue.core.report.compose import span
from glue.core.report.content import (
    Bars,
    Cell,
    Chart,
    Column,
    Columns,
    Content,
    Figure,
    Lines,
    Link,
    Section,
    Table,
)


@dataclass(frozen=True)
class Card:
    """A figure; ``verdict`` is good, bad or empty."""

    label: str
    value: str
    change: str
    verdict: str


@dataclass(frozen=True)
class Picture:
    svg: str
    alt: str


@dataclass(frozen=True)
class Grid:
    """A table; ``numbers`` says which columns stand to the right. ``more``: of those not shown."""

    title: str
    head: list[str]
    numbers: list[bool]
    rows: list[list[str]]
    rest: list[list[str]]
    more: str


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str
    cards: list[Card]
    pictures: list[Picture]
    grids: list[Grid]
    links: list[Link]


@dataclass(frozen=True)
class View:
    title: str
    scope: str
    period: str
    before: str
    zone: str
    made: str
    summary: list[str]
    missing: list[str]
    chapters: list[Chapter]


def view(content: Content, theme: Theme) -> View:
    zone = ZoneInfo(content.zone)
    period = span(content.period, zone)
    return View(
        # Of lists the title tells when, too; a page says it beside the title.
        title=content.title.removesuffix(f", {period}"),
        scope=content.scope.title,
        period=period,
        before=span(content.before, zone),
        zone=content.zone,
        made=_moment(content.made_at.astimezone(zone)),
        summary=content.summary,
        missing=content.missing,
        chapters=[_chapter(one, content, zone, theme) for one in content.sections],
    )


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b %Y %H:%M} {at.tzname()}"


def _chapter(section: Section, content: Content, zone: ZoneInfo, theme: Theme) -> Chapter:
    pictures = [_picture(one, content, zone, theme) for one in section.charts]
    return Chapter(
        title=section.title,
        text=" ".join(section.text),
        cards=[card(one) for one in section.figures],
        pictures=pictures,
        grids=[_grid(one) for one in section.tables],
        links=section.links,
    )


def card(figure: Figure) -> Card:
    change = words.change(figure)
    return Card(
        figure.label,
        words.amount(figure.value, figure.unit, figure.digits),
        change if change else "",
        words.verdict(figure),
    )


def _picture(chart: Chart, content: Content, zone: ZoneInfo, theme: Theme) -> Picture:
    spanned = (content.period.since.timestamp(), content.period.until.timestamp())
    limits = [charts.Limit(one.value, one.severity) for one in getattr(chart, "limits", [])]
    match chart:
        case Lines():
            series = [charts.Series(one.name, one.points) for one in chart.lines]
            svg = charts.lines(
                series, title=chart.title, unit=chart.unit, span=spanned, zone=zone, limits=limits,
                gap=chart.gap, lowest=chart.lowest, highest=chart.highest, theme=theme, height=190,
            )  # fmt: skip
            return Picture(svg, f"{chart.title}. {charts.described(series, chart.unit, spanned)}")
        case Columns():
            stacks = [charts.Stack(s.name, s.amounts, s.tone) for s in chart.stacks]
            svg = charts.columns(
                chart.names, stacks, title=chart.title, unit=chart.unit, theme=theme, height=180
            )
        case Bars():
            found = [charts.Bar(name, value) for name, value in chart.bars]
            svg = charts.bars(found, title=chart.title, unit=chart.unit, limits=limits, theme=theme)
    return Picture(svg, chart.title)


def _grid(table: Table) -> Grid:
    rows = [
        [_cell(c, column) for c, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    hidden = len(rows) - table.shown
    more = (
        f"{hidden:,} more {table.noun} in the HTML, CSV and JSON of this report."
        if hidden > 0
        else ""
    )
    return Grid(
        table.title,
        [f"{c.title}, {c.unit}" if c.unit else c.title for c in table.columns],
        [c.number for c in table.columns],
        rows[: table.shown],
        rows[table.shown :],
        more,
    )


def _cell(cell: Cell, column: Column) -> str:
    if cell is None:
        return words.NONE
    return words.number(float(cell), column.digits) if isinstance(cell, int | float) else cell

"""A report's content: what every format shows, and what ``reports.data`` keeps.

It knows nothing of pages or colours. ``version`` counts its shape: a reader meets reports of years
ago. Times are Unix seconds or ISO times with an offset.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

VERSION = 1

Kind = Literal["performance", "job", "system", "battery", "custom"]
Better = Literal["up", "down", ""]
Cell = str | float | int | None


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Period(Part):
    """From ``since`` until before ``until``."""

    since: datetime
    until: datetime


class Figure(Part):
    """A number that matters; ``before`` is that of the period before, where it is known.

    ``better`` is the side that is good."""

    key: str
    label: str
    value: float | None
    unit: str = ""
    before: float | None = None
    better: Better = ""
    digits: int = 0


class Line(Part):
    """Points are Unix seconds and a value; None is a gap."""

    name: str
    points: list[tuple[float, float | None]]


class Limit(Part):
    value: float
    severity: Literal["warning", "critical"]


class Lines(Part):
    """Values over the report's period."""

    kind: Literal["lines"] = "lines"
    title: str
    unit: str = ""
    lines: list[Line]
    limits: list[Limit] = []
    lowest: float | None = None
    highest: float | None = None
    gap: float | None = None


class Stack(Part):
    name: str
    amounts: list[float]
    tone: Literal["", "good", "warning", "critical"] = ""


class Columns(Part):
    """Amounts by day."""

    kind: Literal["columns"] = "columns"
    title: str
    unit: str = ""
    names: list[str]
    stacks: list[Stack]


class Bars(Part):
    """Amounts by name, worst first."""

    kind: Literal["bars"] = "bars"
    title: str
    unit: str = ""
    bars: list[tuple[str, float | None]]
    limits: list[Limit] = []


Chart = Lines | Columns | Bars


class Column(Part):
    """``digits`` after the point, of a number."""

    title: str
    unit: str = ""
    number: bool = False
    digits: int = 0


class Table(Part):
    """All rows; a page shows the first ``shown``."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    shown: int = 15
    noun: str = "rows"


class Link(Part):
    text: str
    url: str


class Section(Part):
    key: str
    title: str
    text: list[str] = []
    figures: list[Figure] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    links: list[Link] = []


class Scope(Part):
    """What the report is about. ``robots`` are id and name, of a robot or a group."""

    kind: Literal["robot", "group", "fleet"]
    title: str
    count: int
    robots: list[tuple[str, str]] = []


class Content(Part):
    version: int = VERSION
    kind: Kind
    title: str
    scope: Scope
    period: Period
    before: Period
    zone: str
    made_at: datetime
    summary: list[str]
    missing: list[str]
    sections: list[Section]

    def figures(self) -> dict[str, float]:
        """By key, those that are known."""
        return {
            one.key: one.value
            for section in self.sections
            for one in section.figures
            if one.value is not None
        }

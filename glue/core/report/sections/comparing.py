"""Measures of a period held against the period before, and what several sections draw alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from glue.core.metrics import METRICS
from glue.core.report.content import Bars, Better, Cell, Column, Figure, Limit, Line, Lines, Table
from glue.core.report.facts import Facts, Stats
from glue.core.report.periods import window

WORST = 10
"""Bars of a chart."""
ROWS = 15
"""Of a table on a page."""

Group = TypeVar("Group")
Measure = Callable[[Facts], float | None]


def figure(
    facts: Facts,
    key: str,
    label: str,
    measure: Measure,
    unit: str = "",
    better: Better = "",
    digits: int = 0,
) -> Figure:
    """``measure`` now and before; where the readings of before are gone, from an earlier report."""
    was = measure(facts.before) if facts.before is not None else None
    if was is None:
        was = facts.earlier.get(key)
    return Figure(
        key=key, label=label, value=measure(facts), unit=unit, before=was, better=better,
        digits=digits,
    )  # fmt: skip


def limits_of(facts: Facts, metric: str) -> list[Limit]:
    if metric not in facts.limits:
        return []
    warning, critical = facts.limits[metric]
    return [Limit(value=warning, severity="warning"), Limit(value=critical, severity="critical")]


def over_time(facts: Facts, name: str, title: str, unit: str, **more: float) -> Lines:
    """The scope's reading ``name`` over the period, with its limits."""
    found = facts.reading(name).lines
    # Of one robot the mean and the extreme of a window are one robot's; of many they are not.
    lines = [Line(name=one, points=list(points)) for one, points in found.items()]
    return Lines(
        title=title,
        unit=unit,
        lines=lines,
        limits=limits_of(facts, name) if name in METRICS else [],
        gap=2.5 * window(facts.period),
        **more,  # type: ignore[arg-type]
    )


def worst_bars(
    facts: Facts, title: str, unit: str, found: Sequence[tuple[str, float]], metric: str = ""
) -> list[Bars]:
    """The worst of several robots by name; of one there is nothing to compare."""
    if len(facts.robots) < 2 or not found:
        return []
    rows: list[tuple[str, float | None]] = [
        (facts.titled(robot), round(value, 1)) for robot, value in found[:WORST]
    ]
    return [Bars(title=title, unit=unit, bars=rows, limits=limits_of(facts, metric))]


def stats_cells(stats: Stats | None) -> list[Cell]:
    if stats is None:
        return [None, None, None]
    return [round(stats.mean, 2), round(stats.low, 2), round(stats.high, 2)]


def robots_table(title: str, columns: list[Column], rows: list[list[Cell]]) -> Table:
    """One row a robot, the worst first."""
    head = [Column(title="Robot"), Column(title="Name")]
    return Table(title=title, columns=head + columns, rows=rows, shown=ROWS, noun="robots")


def number(title: str, unit: str = "", digits: int = 0) -> Column:
    return Column(title=title, unit=unit, number=True, digits=digits)


def of_days(facts: Facts, found: Mapping[str, Group]) -> list[Group | None]:
    """Of each day of the report what was ``found`` for it, by local date like ``2026-01-31``."""
    return [found.get(f"{d.since.astimezone(facts.request.tz):%Y-%m-%d}") for d in facts.days]


def amounts(groups: Sequence[Group | None], value: Callable[[Group], int]) -> list[float]:
    """The ``value`` of each day's group, 0 where there is none."""
    return [float(value(one)) if one else 0.0 for one in groups]


def day_name(facts: Facts, index: int) -> str:
    """``Mon 23`` of the day's begin, in the report's zone; with the month in a long report."""
    at = facts.days[index].since.astimezone(facts.request.tz)
    return f"{at.day} {at:%b}" if len(facts.days) > 14 else f"{at:%a} {at.day}"

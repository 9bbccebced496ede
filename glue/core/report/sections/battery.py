"""Batteries: charge, cycles, and how much is left of them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from glue.core.report import words
from glue.core.report.content import Cell, Column, Columns, Line, Lines, Section, Stack, Table
from glue.core.report.facts import Facts
from glue.core.report.sections import comparing as c
from glue.core.report.sections import load
from glue.core.report.wear import Wear, added, fade

NOTABLE_FADE = 5.0
"""Percent in 30 days that are worth a sentence."""


def whole(facts: Facts) -> Wear:
    return added(day for days in facts.wear.values() for day in days)


def _total(value: Callable[[Wear], float | None]) -> c.Measure:
    def measure(facts: Facts) -> float | None:
        return value(whole(facts)) if facts.wear else None

    return measure


def _typical(value: Callable[[Wear], float | None]) -> c.Measure:
    """The median of the robots, so that one odd battery does not speak for all."""

    def measure(facts: Facts) -> float | None:
        known = [v for days in facts.wear.values() if (v := value(added(days))) is not None]
        return median(known) if known else None

    return measure


def by_day(facts: Facts, robot: str) -> list[float | None]:
    """Capacity in ampere hours where the robot measures its current, else hours a charge."""
    days = facts.wear.get(robot, ())
    capacities = [one.capacity for one in days]
    return capacities if any(capacities) else [one.hours_a_charge for one in days]


def fades(facts: Facts) -> list[tuple[str, float]]:
    """Robots by how fast their battery fades, percent in 30 days, fastest first."""
    found = [(r, v) for r in facts.wear if (v := fade(by_day(facts, r))) is not None]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def section(facts: Facts) -> Section:
    figures = [
        c.figure(facts, "battery.low", "Lowest charge", load.low("battery"), "%", "up"),
        c.figure(facts, "battery.cycles", "Charge cycles", _total(lambda w: w.cycles), "", "", 1),
        c.figure(
            facts, "battery.hours", "Hours a charge", _typical(lambda w: w.hours_a_charge), "h",
            "up", 1,
        ),
        c.figure(
            facts, "battery.deep", "Times below 10 %",
            _total(lambda w: float(w.deep)), "", "down",
        ),
    ]  # fmt: skip
    capacity = c.figure(
        facts, "battery.capacity", "Capacity", _typical(lambda w: w.capacity), "Ah", "up", 2
    )
    if capacity.value is not None:
        figures.append(capacity)
    return Section(
        key="battery",
        title="Batteries" if len(facts.robots) != 1 else "Battery",
        text=_text(facts),
        figures=figures,
        charts=[
            c.over_time(facts, "battery", "Charge", "%", lowest=0, highest=100),
            *_health(facts),
            *_cycles(facts),
            *c.worst_bars(facts, "Lowest charge first", "%", _lowest(facts), "battery"),
        ],
        tables=[_table(facts)] if facts.wear else [],
    )


def _lowest(facts: Facts) -> list[tuple[str, float]]:
    found = [(r.id, s.low) for r in facts.robots if (s := facts.reading("battery").of(r.id))]
    return sorted(found, key=lambda one: (one[1], one[0]))


def _text(facts: Facts) -> list[str]:
    if not facts.wear and facts.reading("battery").whole() is None:
        return ["There are no readings of batteries in this time."]
    total = whole(facts)
    cycles = words.number(total.cycles, 0 if total.cycles >= 100 else 1)
    said = [
        f"{words.counted(total.charges, 'time')} charged, {cycles} full"
        f" cycles taken out, {words.counted(total.deep, 'time')} below 10 %."
    ]
    fast = [(robot, value) for robot, value in fades(facts) if value >= NOTABLE_FADE]
    if fast and len(facts.robots) == 1:
        said.append(
            f"What a charge holds falls by {words.number(fast[0][1])} % in 30 days at this pace."
        )
    elif fast:
        names = [f"{facts.titled(robot)} ({words.number(v)} %)" for robot, v in fast]
        said.append(f"What a charge holds falls fastest in 30 days at: {words.listed(names, 4)}.")
    elif len(facts.days) < 4:
        said.append("How fast batteries fade is told by reports of four days or more.")
    return said


def _health(facts: Facts) -> list[Lines]:
    """Over time: of one robot its own, of many the median."""
    if len(facts.days) < 2 or not facts.wear:
        return []
    measured = any(one.capacity for days in facts.wear.values() for one in days)
    points: list[tuple[float, float | None]] = []
    for n, day in enumerate(facts.days):
        of_day = [days[n] for days in facts.wear.values() if n < len(days)]
        found = [v for w in of_day if (v := w.capacity if measured else w.hours_a_charge)]
        middle = day.since.timestamp() + (day.until - day.since).total_seconds() / 2
        points.append((middle, median(found) if found else None))
    title, unit = ("Capacity", "Ah") if measured else ("Hours a charge", "h")
    who = "by day" if len(facts.robots) == 1 else "median of the robots, by day"
    line = Line(name=title.lower(), points=points)
    return [Lines(title=f"{title}, {who}", unit=unit, lines=[line], lowest=0)]


def _cycles(facts: Facts) -> list[Columns]:
    if len(facts.days) < 2 or not facts.wear:
        return []
    amounts = [
        round(sum(days[n].cycles for days in facts.wear.values() if n < len(days)), 2)
        for n in range(len(facts.days))
    ]
    names = [c.day_name(facts, n) for n in range(len(facts.days))]
    stack = Stack(name="cycles", amounts=amounts)
    return [Columns(title="Charge cycles, by day", names=names, stacks=[stack])]


def _table(facts: Facts) -> Table:
    rate = dict(fades(facts))
    rows: list[list[Cell]] = []
    for robot, days in facts.wear.items():
        one, stats = added(days), facts.reading("battery").of(robot)
        rows.append(
            [
                robot,
                facts.name(robot),
                round(stats.low, 1) if stats else None,
                round(one.cycles, 2),
                one.deep,
                _rounded(one.hours_a_charge, 1),
                _rounded(one.capacity, 2),
                _rounded(rate.get(robot), 1),
            ]
        )
    rows.sort(key=lambda row: (-_of(row[7]), _of(row[2], 101), str(row[0])))
    columns: list[Column] = [
        c.number("Lowest", "%"),
        c.number("Cycles", "", 1),
        c.number("Below 10 %"),
        c.number("A charge", "h", 1),
        c.number("Capacity", "Ah", 2),
        c.number("Fade / 30 d", "%", 1),
    ]
    if all(row[6] is None for row in rows):
        columns.pop(4)
        rows = [[*row[:6], row[7]] for row in rows]
    return c.robots_table("Batteries, fastest fading first", columns, rows)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _of(cell: Cell, unknown: float = -1e9) -> float:
    return float(cell) if isinstance(cell, int | float) else unknown

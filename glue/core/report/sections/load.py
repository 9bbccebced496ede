"""CPU, memory and disk."""

from __future__ import annotations

from collections.abc import Callable

from glue.core.report import words
from glue.core.report.content import Cell, Section
from glue.core.report.facts import Facts, Stats
from glue.core.report.sections import comparing as c

NAMES = {"cpu": "CPU load", "memory": "Memory use", "disk": "Disk use"}


def mean(name: str) -> c.Measure:
    return _of(name, lambda stats: stats.mean)


def high(name: str) -> c.Measure:
    return _of(name, lambda stats: stats.high)


def low(name: str) -> c.Measure:
    return _of(name, lambda stats: stats.low)


def _of(name: str, value: Callable[[Stats], float]) -> c.Measure:
    def measure(facts: Facts) -> float | None:
        stats = facts.reading(name).whole()
        return None if stats is None else value(stats)

    return measure


def section(facts: Facts) -> Section:
    figures = [
        c.figure(facts, "cpu.mean", "CPU load, mean", mean("cpu"), "%", "down", 1),
        c.figure(facts, "cpu.high", "CPU load, highest", high("cpu"), "%", "down", 1),
        c.figure(facts, "memory.mean", "Memory use, mean", mean("memory"), "%", "down", 1),
        c.figure(facts, "disk.high", "Disk use, highest", high("disk"), "%", "down", 1),
    ]
    charts = [
        c.over_time(facts, name, NAMES[name], "%", lowest=0, highest=100)
        for name in ("cpu", "memory")
    ]
    ranked = by_mean(facts, "cpu")
    rows: list[list[Cell]] = []
    for robot, _ in ranked:
        cpu, memory, disk = (facts.reading(name).of(robot) for name in NAMES)
        rows.append(
            [
                robot,
                facts.name(robot),
                *(round(v, 1) if v is not None else None for v in (_mean(cpu), _high(cpu))),
                *(round(v, 1) if v is not None else None for v in (_mean(memory), _high(disk))),
            ]
        )
    columns = [
        c.number("CPU", "%", 1), c.number("highest", "%", 1), c.number("Memory", "%", 1),
        c.number("Disk", "%", 1),
    ]  # fmt: skip
    return Section(
        key="load",
        title="Load",
        text=_text(facts),
        figures=figures,
        charts=[*charts, *c.worst_bars(facts, "CPU load, mean, highest first", "%", ranked, "cpu")],
        tables=[c.robots_table("Busiest robots", columns, rows)] if len(facts.robots) > 1 else [],
    )


def by_mean(facts: Facts, name: str) -> list[tuple[str, float]]:
    """Robots by the mean of a reading, highest first."""
    found = [
        (robot.id, stats.mean)
        for robot in facts.robots
        if (stats := facts.reading(name).of(robot.id)) is not None
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _text(facts: Facts) -> list[str]:
    stats = facts.reading("cpu").whole()
    if stats is None:
        return ["There are no readings of load in this time."]
    said = [
        f"The CPU was busy {words.amount(stats.mean, '%', 1)} of the time on average, at most"
        f" {words.amount(stats.high, '%', 1)}."
    ]
    limit = facts.limits.get("cpu")
    if limit and stats.high > limit[0]:
        over = [
            facts.titled(robot.id)
            for robot in facts.robots
            if (one := facts.reading("cpu").of(robot.id)) is not None and one.high > limit[0]
        ]
        if len(facts.robots) > 1:
            said.append(
                f"Above the warning limit of {words.amount(limit[0], '%')} at least once:"
                f" {words.counted(len(over), 'robot')}."
            )
        else:
            said.append(f"That is above the warning limit of {words.amount(limit[0], '%')}.")
    return said


def _mean(stats: Stats | None) -> float | None:
    return None if stats is None else stats.mean


def _high(stats: Stats | None) -> float | None:
    return None if stats is None else stats.high

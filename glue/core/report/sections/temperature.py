"""The CPU's temperature."""

from __future__ import annotations

from glue.core.report import words
from glue.core.report.content import Cell, Section
from glue.core.report.facts import Facts
from glue.core.report.sections import comparing as c
from glue.core.report.sections import load


def section(facts: Facts) -> Section:
    figures = [
        c.figure(
            facts, "temperature.mean", "CPU temperature, mean", load.mean("temperature"), "°C",
            "down", 1,
        ),
        c.figure(
            facts, "temperature.high", "CPU temperature, highest", load.high("temperature"), "°C",
            "down", 1,
        ),
    ]  # fmt: skip
    found = [
        (robot.id, stats)
        for robot in facts.robots
        if (stats := facts.reading("temperature").of(robot.id)) is not None
    ]
    found.sort(key=lambda one: (-one[1].high, one[0]))
    rows: list[list[Cell]] = [
        [robot, facts.name(robot), round(stats.mean, 1), round(stats.high, 1)]
        for robot, stats in found
    ]
    columns = [c.number("Mean", "°C", 1), c.number("Highest", "°C", 1)]
    worst = c.worst_bars(
        facts, "Highest CPU temperature", "°C", [(r, s.high) for r, s in found], "temperature"
    )
    whole = facts.reading("temperature").whole()
    text = ["There are no readings of the CPU's temperature in this time."]
    if whole is not None:
        text = [f"The CPU reached {words.amount(whole.high, '°C', 1)}."]
        if len(found) > 1:
            hottest = facts.titled(found[0][0])
            text = [f"The CPU of {hottest} was hottest: {words.amount(whole.high, '°C', 1)}."]
    return Section(
        key="temperature",
        title="CPU temperature",
        text=text,
        figures=figures,
        charts=[c.over_time(facts, "temperature", "CPU temperature", "°C"), *worst],
        tables=[c.robots_table("Hottest robots", columns, rows)] if len(facts.robots) > 1 else [],
    )

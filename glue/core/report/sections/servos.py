"""How warm the servos became."""

from __future__ import annotations

from glue.core.report import words
from glue.core.report.content import Bars, Cell, Column, Section, Table
from glue.core.report.facts import Facts
from glue.core.report.sections import comparing as c
from glue.core.report.sections import load


def section(facts: Facts) -> Section:
    figures = [
        c.figure(
            facts, "servo_temp.mean", "Servo temperature, mean", load.mean("servo_temp"), "°C",
            "down", 1,
        ),
        c.figure(
            facts, "servo_temp.high", "Servo temperature, highest", load.high("servo_temp"), "°C",
            "down", 1,
        ),
    ]  # fmt: skip
    several = len(facts.robots) > 1
    bars = [
        (f"{facts.titled(robot)}, {servo}" if several else servo, round(stats.high, 1))
        for robot, servo, stats in facts.worst_servos[: c.WORST]
    ]
    rows: list[list[Cell]] = [
        [robot, servo, round(stats.mean, 1), round(stats.high, 1)]
        for robot, servo, stats in facts.worst_servos
    ]
    columns = [
        Column(title="Robot"), Column(title="Servo"), c.number("Mean", "°C", 1),
        c.number("Highest", "°C", 1),
    ]  # fmt: skip
    charts = [c.over_time(facts, "servo_temp", "Servo temperature", "°C")]
    warmest = Bars(
        title="Warmest servos", unit="°C", bars=list(bars), limits=c.limits_of(facts, "servo_temp")
    )
    return Section(
        key="servos",
        title="Servos",
        text=_text(facts),
        figures=figures,
        charts=[*charts, *([warmest] if bars else [])],
        tables=[Table(title="Warmest servos", columns=columns, rows=rows, noun="servos")]
        if rows
        else [],
    )


def _text(facts: Facts) -> list[str]:
    if not facts.worst_servos:
        return ["There are no readings of servos in this time."]
    robot, servo, stats = facts.worst_servos[0]
    who = f"{servo} of {facts.titled(robot)}"
    said = [f"The warmest was {who}: {words.amount(stats.high, '°C', 1)}."]
    if (limit := facts.limits.get("servo_temp")) is not None:
        over = sum(1 for _, _, one in facts.worst_servos if one.high > limit[1])
        if over:
            said.append(
                f"{words.counted(over, 'servo')} went above the critical limit of"
                f" {words.amount(limit[1], '°C')}."
            )
    return said

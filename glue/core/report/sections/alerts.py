"""Alerts: how many, of what, how soon somebody acknowledged and how long they lasted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glue.core.foreign_alerts import FOREIGN
from glue.core.metrics import METRICS
from glue.core.report import words
from glue.core.report.content import Cell, Column, Columns, Section, Stack, Table
from glue.core.report.facts import AlertGroup, Facts
from glue.core.report.sections import comparing as c


def _of(value: Callable[[AlertGroup], float | None]) -> c.Measure:
    def measure(facts: Facts) -> float | None:
        return None if facts.alerts is None else value(facts.alerts.whole)

    return measure


def section(facts: Facts) -> Section:
    figures = [
        c.figure(facts, "alerts.total", "Alerts", _of(lambda g: float(g.total)), "", "down"),
        c.figure(facts, "alerts.critical", "Critical", _of(lambda g: float(g.critical)), "",
                 "down"),
        c.figure(facts, "alerts.acknowledge", "Until acknowledged", _of(lambda g: g.to_acknowledge),
                 "s", "down"),
        c.figure(facts, "alerts.lasted", "Lasted, mean", _of(lambda g: g.lasted), "s", "down"),
    ]  # fmt: skip
    alerts = facts.alerts
    if alerts is None or not alerts.whole.total:
        text = ["No alert was raised in this time."]
        return Section(key="alerts", title="Alerts", text=text, figures=figures)
    tables = [_table("Alerts by what they are about", alerts.by_metric, titled)]
    if len(facts.robots) > 1 and alerts.by_robot:
        rows: list[list[Cell]] = [
            [group.key, facts.name(group.key), *_cells(group)] for group in alerts.by_robot
        ]
        tables.append(c.robots_table("Robots with most alerts", _columns(), rows))
    return Section(
        key="alerts",
        title="Alerts",
        text=_text(facts, alerts.whole, alerts.by_metric, alerts.by_robot),
        figures=figures,
        charts=[_by_day(facts, alerts.by_day)] if len(facts.days) > 1 else [],
        tables=tables,
    )


def titled(metric: str) -> str:
    """As people call it; rules of the pipeline keep their name."""
    return (
        METRICS[metric].title
        if metric in METRICS
        else metric.removeprefix(FOREIGN).replace("_", " ") or "other"
    )


def _text(
    facts: Facts, whole: AlertGroup, metrics: Sequence[AlertGroup], robots: Sequence[AlertGroup]
) -> list[str]:
    said = [
        f"{words.counted(whole.total, 'alert')} raised, {words.number(whole.critical)} of them"
        f" critical; {words.number(whole.open)} still open."
    ]
    if metrics:
        most = metrics[0]
        said.append(f"Most were about {titled(most.key).lower()} ({most.total}).")
    if len(facts.robots) > 1 and robots:
        said.append(f"{facts.titled(robots[0].key)} had most: {robots[0].total}.")
    return said


def _by_day(facts: Facts, found: Sequence[AlertGroup]) -> Columns:
    groups = c.of_days(facts, {group.key: group for group in found})
    return Columns(
        title="Alerts by the day they were raised",
        names=[c.day_name(facts, n) for n in range(len(facts.days))],
        stacks=[
            Stack(
                name="critical", amounts=c.amounts(groups, lambda g: g.critical), tone="critical"
            ),
            Stack(name="warning", amounts=c.amounts(groups, lambda g: g.warning), tone="warning"),
            Stack(name="info", amounts=c.amounts(groups, lambda g: g.info)),
        ],
    )


def _columns() -> list[Column]:
    return [
        c.number("Alerts"), c.number("Critical"), c.number("Open"),
        c.number("Acknowledged after", "min", 1), c.number("Lasted", "min", 1),
    ]  # fmt: skip


def _cells(group: AlertGroup) -> list[Cell]:
    return [group.total, group.critical, group.open, _minutes(group.to_acknowledge),
            _minutes(group.lasted)]  # fmt: skip


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 1)


def _table(title: str, groups: Sequence[AlertGroup], name: Callable[[str], str]) -> Table:
    rows: list[list[Cell]] = [[name(group.key), *_cells(group)] for group in groups]
    return Table(title=title, columns=[Column(title="About"), *_columns()], rows=rows)

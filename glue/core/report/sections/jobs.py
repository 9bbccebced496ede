"""Jobs: how many, how many well, how long against what was estimated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glue.core.report import words
from glue.core.report.content import Cell, Column, Columns, Section, Stack, Table
from glue.core.report.facts import Facts, JobGroup
from glue.core.report.sections import comparing as c


def _of(value: Callable[[JobGroup], float | None]) -> c.Measure:
    def measure(facts: Facts) -> float | None:
        return None if facts.jobs is None else value(facts.jobs.whole)

    return measure


def _estimate(group: JobGroup) -> float | None:
    return None if group.against_estimate is None else 100 * group.against_estimate


def section(facts: Facts) -> Section:
    figures = [
        c.figure(facts, "jobs.total", "Jobs begun", _of(lambda g: float(g.total)), "", "up"),
        c.figure(facts, "jobs.success", "Completed of those ended", _of(lambda g: g.success), "%",
                 "up", 1),
        c.figure(facts, "jobs.items", "Items done", _of(lambda g: float(g.items)), "", "up"),
        c.figure(facts, "jobs.seconds", "Mean duration", _of(lambda g: g.seconds), "s", "down"),
        c.figure(facts, "jobs.estimate", "Duration of estimate", _of(_estimate), "%", "down"),
    ]  # fmt: skip
    jobs = facts.jobs
    if jobs is None or not jobs.whole.total:
        text = ["No job was begun in this time."]
        return Section(key="jobs", title="Jobs", text=text, figures=figures)
    tables = [_table("Jobs by task", "Task", jobs.by_task, "tasks")]
    if len(facts.robots) > 1:
        rows: list[list[Cell]] = [
            [group.key, facts.name(group.key), *_cells(group)] for group in jobs.by_robot
        ]
        tables.append(c.robots_table("Jobs by robot", _columns(), rows))
    if jobs.reasons:
        columns = [Column(title="Reason"), c.number("Jobs")]
        counted: list[list[Cell]] = [[reason, count] for reason, count in jobs.reasons]
        tables.append(Table(title="Why jobs failed", columns=columns, rows=counted, noun="reasons"))
    return Section(
        key="jobs",
        title="Jobs",
        text=_text(jobs.whole, jobs.reasons),
        figures=figures,
        charts=[_by_day(facts, jobs.by_day)] if len(facts.days) > 1 else [],
        tables=tables,
    )


def _text(whole: JobGroup, reasons: Sequence[tuple[str, int]]) -> list[str]:
    said = [
        f"{words.counted(whole.total, 'job')} begun: {words.number(whole.completed)} completed,"
        f" {words.number(whole.failed)} failed, {words.number(whole.active)} still going on."
    ]
    if whole.seconds is not None:
        took = f"A completed job took {words.duration(whole.seconds)} on average"
        if whole.against_estimate is not None:
            took += f", {words.number(100 * whole.against_estimate)} % of what was estimated"
        said.append(took + ".")
    if reasons:
        said.append(f"Most frequent reason of a failure: {reasons[0][0]} ({reasons[0][1]}).")
    return said


def _by_day(facts: Facts, found: Sequence[JobGroup]) -> Columns:
    groups = c.of_days(facts, {group.key: group for group in found})
    return Columns(
        title="Jobs by the day they began",
        names=[c.day_name(facts, n) for n in range(len(facts.days))],
        stacks=[
            Stack(name="completed", amounts=c.amounts(groups, lambda g: g.completed), tone="good"),
            Stack(name="failed", amounts=c.amounts(groups, lambda g: g.failed), tone="critical"),
            Stack(name="going on", amounts=c.amounts(groups, lambda g: g.active)),
        ],
    )


def _columns() -> list[Column]:
    return [
        c.number("Jobs"), c.number("Success", "%", 1), c.number("Items"),
        c.number("Mean", "min", 1), c.number("Of estimate", "%"),
    ]  # fmt: skip


def _cells(group: JobGroup) -> list[Cell]:
    return [
        group.total,
        None if group.success is None else round(group.success, 1),
        group.items,
        None if group.seconds is None else round(group.seconds / 60, 2),
        None if group.against_estimate is None else round(100 * group.against_estimate),
    ]


def _table(title: str, key: str, groups: Sequence[JobGroup], noun: str) -> Table:
    rows: list[list[Cell]] = [[group.key, *_cells(group)] for group in groups]
    return Table(title=title, columns=[Column(title=key), *_columns()], rows=rows, noun=noun)

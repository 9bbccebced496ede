"""Log lines: errors and warnings, and who wrote most."""

from __future__ import annotations

from glue.core.report import words
from glue.core.report.content import Cell, Column, Section, Table
from glue.core.report.facts import Facts
from glue.core.report.sections import comparing as c


def _count(*levels: str) -> c.Measure:
    def measure(facts: Facts) -> float | None:
        if facts.logs is None:
            return None
        return float(sum(facts.logs.by_level.get(level, 0) for level in levels))

    return measure


def section(facts: Facts) -> Section:
    errors, warnings = _count("ERROR", "CRITICAL"), _count("WARNING")
    figures = [
        c.figure(facts, "logs.errors", "Errors", errors, "", "down"),
        c.figure(facts, "logs.warnings", "Warnings", warnings, "", "down"),
        c.figure(facts, "logs.lines", "Lines in all",
                 _count("INFO", "WARNING", "ERROR", "CRITICAL"), "", ""),
    ]  # fmt: skip
    found = facts.logs.by_robot if facts.logs else ()
    rows: list[list[Cell]] = [[facts.titled(r), bad, less] for r, bad, less in found]
    columns = [Column(title="Robot"), c.number("Errors"), c.number("Warnings")]
    table = Table(title="Most errors and warnings", columns=columns, rows=rows, noun="robots")
    bad = words.counted(errors(facts) or 0, "error")
    less = words.counted(warnings(facts) or 0, "warning")
    text = [f"{bad} and {less} in the log."]
    return Section(
        key="logs", title="Log", text=text, figures=figures, tables=[table] if rows else []
    )

"""CSV: every number of the report, one a line, with where it stands and its unit.

Long instead of wide, so that one file holds tables of any shape: ``section, table, row, what,
value, unit, before``. Figures have no row.
"""

from __future__ import annotations

from collections.abc import Iterator

from glue.core import csv_text
from glue.core.report.content import Cell, Content, Section

HEAD = ("section", "table", "row", "what", "value", "unit", "before")


def write(content: Content) -> bytes:
    """The file's bytes."""
    rows = (line for section in content.sections for line in _lines(section))
    return (csv_text.MARK + csv_text.lines([HEAD]) + csv_text.lines(rows)).encode()


def _lines(section: Section) -> Iterator[list[Cell]]:
    for figure in section.figures:
        yield [section.title, "", "", figure.label, figure.value, figure.unit, figure.before]
    for table in section.tables:
        others = table.columns[1:]
        for row in table.rows:
            for column, cell in zip(others, row[1:], strict=True):
                yield [section.title, table.title, row[0], column.title, cell, column.unit, None]

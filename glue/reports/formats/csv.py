"""CSV: every number of the report, one a line, with where it stands and its unit.

Long instead of wide, so that one file holds tables of any shape: ``section, table, row, what,
value, unit, before``. Figures have no row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from glue.core.report.content import Cell, Content, Section

HEAD = ("section", "table", "row", "what", "value", "unit", "before")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(content: Content) -> bytes:
    """With a byte order mark, by which spreadsheets know UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for section in content.sections:
        writer.writerows([_safe(cell) for cell in line] for line in _lines(section))
    return text.getvalue().encode("utf-8-sig")


def _lines(section: Section) -> Iterator[list[Cell]]:
    for figure in section.figures:
        yield [section.title, "", "", figure.label, figure.value, figure.unit, figure.before]
    for table in section.tables:
        others = table.columns[1:]
        for row in table.rows:
            for column, cell in zip(others, row[1:], strict=True):
                yield [section.title, table.title, row[0], column.title, cell, column.unit, None]


def _safe(cell: Cell) -> Cell:
    """Text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell

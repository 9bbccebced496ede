"""Sorting of lists: ``-created_at,severity`` means newest first, then by severity.

A noun names its sortable columns and what each holds. The cursor of a page carries the sort that
it belongs to and the last row's values, so that the next page goes on exactly there, and a cursor
of another sort is refused instead of skipping rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glue.core import page

MOST = 4
"""Columns of one sort."""


class BadSort(ValueError):
    """Not a sort of this list; the text says why and what there is."""


@dataclass(frozen=True)
class Column:
    """What a sortable column holds. An empty value stands at the end, whatever the direction."""

    kind: type[int] | type[float] | type[str] | type[bool] | type[datetime]
    nullable: bool = False


@dataclass(frozen=True)
class By:
    """One step of a sort."""

    name: str
    descending: bool = False

    def __str__(self) -> str:
        return f"-{self.name}" if self.descending else self.name


Sort = tuple[By, ...]


def natural(text: str) -> list[tuple[int, str]]:
    """A key by which h2 comes before h10, nearly as by PostgreSQL's collation ``natural_order``."""
    parts = re.split(r"([0-9]+)", text)
    return [(int(part), part) if part[:1].isdigit() else (-1, part) for part in parts]


def parse(text: str, columns: Mapping[str, Column], key: str) -> Sort:
    """The sort that ``text`` asks for. ``key`` is the column that no two rows share; it decides at
    the end, in the direction of the column before it. Raises :class:`BadSort`."""
    steps: list[By] = []
    for word in text.split(","):
        name = word.strip().removeprefix("-")
        if name not in columns:
            raise BadSort(f"no column to sort by; there are {', '.join(columns)}")
        if any(step.name == name for step in steps):
            raise BadSort(f"{name} is there twice")
        steps.append(By(name, word.strip().startswith("-")))
    if len(steps) > MOST:
        raise BadSort(f"at most {MOST} columns")
    if key not in {step.name for step in steps}:
        steps.append(By(key, steps[-1].descending))
    return tuple(steps)


def cursor(sort: Sort, parts: Sequence[page.Part]) -> str:
    """Where the page after the row with the sort values ``parts`` starts. ``parts`` are as in JSON:
    times as text."""
    return page.cursor([_text(sort), *parts])


def read(text: str, sort: Sort, columns: Mapping[str, Column]) -> list[Any]:
    """The values in a cursor of ``sort``. Raises :class:`page.BadCursor`, and :class:`BadSort` for
    one of another sort."""
    match page.read(text):
        case [str(other), *parts] if len(parts) == len(other.split(",")):
            if other != _text(sort):
                raise BadSort("the cursor is of another sort; keep the sort, or start without one")
            return values(sort, parts, columns)
    raise page.BadCursor(text)


def values(sort: Sort, parts: Sequence[page.Part], columns: Mapping[str, Column]) -> list[Any]:
    """What ``parts`` stand for, column by column. Raises :class:`page.BadCursor`."""
    return [_value(part, columns[by.name]) for by, part in zip(sort, parts, strict=True)]


def _text(sort: Sort) -> str:
    return ",".join(map(str, sort))


def _value(part: page.Part, column: Column) -> Any:
    if part is None and column.nullable:
        return None
    try:
        if column.kind is datetime and isinstance(part, str):
            if (at := datetime.fromisoformat(part)).tzinfo:
                return at
        elif column.kind is float and type(part) in (int, float, str):
            # PostgreSQL's JSON has NaN and infinities as text.
            return float(part)  # type: ignore[arg-type]
        elif column.kind is int and type(part) is int and abs(part) < 2**63:
            return part
        elif column.kind is str and isinstance(part, str) and "\x00" not in part:
            part.encode()
            return part
        elif column.kind is bool and isinstance(part, bool):
            return part
    except (ValueError, OverflowError):
        pass
    raise page.BadCursor(str(part))

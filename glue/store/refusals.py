"""Events that were refused, counted by topic family and reason class; and what cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection, errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from glue.core.events import Refusal
from glue.store.pool import StoreError
from glue.store.queries import load

sql = load("refusals")


BLAMED = (
    errors.DataError,
    errors.IntegrityError,
    errors.RaiseException,
    TypeError,
    ValueError,
    RecursionError,
)
"""Of PostgreSQL's refusals those that a value is to blame for; then those of encoding it."""


class Unstorable(StoreError):
    """PostgreSQL refuses these values, and would again: trying once more does not help."""


@contextmanager
def unstorable() -> Iterator[None]:
    """Turn what a value is to blame for (a constraint, a bad character) into ours."""
    try:
        yield
    except BLAMED as error:
        raise Unstorable(str(error).strip()[:500]) from error


@dataclass(frozen=True)
class Refused:
    """Messages of a topic family that were refused for the same reason; ``last_detail`` says what
    was wrong with the last one."""

    topic: str
    reason: str
    count: int
    last_at: datetime | None
    last_detail: str | None


async def listed(conn: AsyncConnection) -> list[Refused]:
    """All, the newest first. There are few: a row a topic family and reason."""
    async with conn.cursor(row_factory=class_row(Refused)) as cursor:
        return await (await cursor.execute(sql.listed)).fetchall()


async def count(conn: AsyncConnection, refusals: Iterable[Refusal]) -> None:
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for one in refusals:
        row = rows.setdefault(
            (one.family, one.reason), {"topic": one.family, "reason": one.reason, "count": 0}
        )
        row["count"] = int(str(row["count"])) + 1
        row["detail"] = one.detail[:500]
    if rows:
        ordered = [rows[key] for key in sorted(rows)]
        await conn.execute(sql.count, {"rows": Jsonb(ordered)})

"""Lines of ``system_logs``: what robots log, answer and see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glue.core.events import LogLine
from glue.store.queries import load

sql = load("logs")


async def add(conn: AsyncConnection, lines: Iterable[LogLine]) -> None:
    """Adds the lines that are not there yet."""
    rows = [_row(line) for line in lines]
    if rows:
        await conn.execute(sql.add, {"rows": Jsonb(rows)})


def _row(line: LogLine) -> dict[str, object]:
    row = asdict(line)
    row["timestamp"] = row.pop("at").isoformat()
    return row

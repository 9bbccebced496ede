"""Running a rule's own SQL (:mod:`glue.core.rules`) as Grafana would: a number per robot."""

from __future__ import annotations

from typing import Any, LiteralString, cast

from psycopg import AsyncConnection


async def by_robot(conn: AsyncConnection, statement: str) -> dict[str, float]:
    """The statement's number by ``robot_id``; by '' when it gives one number and no robot."""
    rows: list[tuple[Any, ...]] = await (
        await conn.execute(cast(LiteralString, statement))
    ).fetchall()
    return {
        (str(row[0]) if len(row) == 2 else ""): float(row[-1])
        for row in rows
        if row[-1] is not None
    }

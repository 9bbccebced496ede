"""Reports on their way to targets: one row each, leased, sent, marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from glue.store.listing import Row
from glue.store.queries import load

sql = load("report_deliveries")


@dataclass(frozen=True)
class Delivery:
    """One to send now; ``attempts`` counts this one."""

    id: int
    report_id: int
    target_id: int | None
    target_name: str
    format: str
    attempts: int


async def queue(conn: AsyncConnection, report_id: int, schedule_id: int | None) -> int:
    """For the targets of the schedule; how many."""
    named = {"report_id": report_id, "schedule_id": schedule_id}
    return (await conn.execute(sql.queue, named)).rowcount


async def lease(conn: AsyncConnection, seconds: float) -> Delivery | None:
    """The next that is due."""
    async with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        return await (await cursor.execute(sql.lease, {"lease_s": seconds})).fetchone()


async def delivered(conn: AsyncConnection, one: Delivery, sent_as: str) -> None:
    named = {"id": one.id, "attempts": one.attempts, "sent_as": sent_as}
    await conn.execute(sql.delivered, named)


async def failed(conn: AsyncConnection, one: Delivery, error: str, wait: float | None) -> None:
    """Try again in ``wait`` s; None: never."""
    named = {"id": one.id, "attempts": one.attempts, "error": error, "wait_s": wait}
    await conn.execute(sql.failed, named)


async def of_schedule(conn: AsyncConnection, schedule_id: int, rows: int) -> list[Row]:
    """The newest first."""
    return await _rows(conn, sql.of_schedule, {"schedule_id": schedule_id, "rows": rows})


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

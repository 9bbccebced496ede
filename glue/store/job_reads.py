"""Jobs as people read them: lists, one, how many, how fast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from glue.core.sorting import Column
from glue.store import listing
from glue.store.listing import Listing, Row
from glue.store.queries import load

sql = load("job_reads")

JOBS = Listing(
    sql,
    {
        "id": Column(int),
        "start_time": Column(datetime),
        "end_time": Column(datetime, nullable=True),
        "created_at": Column(datetime),
        "robot_id": Column(str),
        "status": Column(str),
        "task_name": Column(str, nullable=True),
        "items_done": Column(int),
    },
    default="-start_time",
)


async def one(conn: AsyncConnection, job_id: int) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": job_id})).fetchone()


async def active(conn: AsyncConnection, robot_id: str) -> int | None:
    """The id of the robot's active job."""
    row = await (await conn.execute(sql.active, {"robot_id": robot_id})).fetchone()
    return int(row[0]) if row else None


async def statistics(conn: AsyncConnection, filters: Mapping[str, Any]) -> list[Row]:
    """Of all jobs that the filters let through (``robot_id`` None) first, then of each robot's."""
    return await listing.selected(conn, JOBS, sql.statistics, filters)

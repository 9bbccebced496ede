"""Reports as people read them."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from glue.core.sorting import Column
from glue.store.listing import Listing, Row
from glue.store.queries import load

sql = load("report_reads")

REPORTS = Listing(
    sql,
    {
        "id": Column(int),
        "created_at": Column(datetime),
        "title": Column(str),
        "type": Column(str),
        "robot_id": Column(str, nullable=True),
        "created_by": Column(str, nullable=True),
    },
    default="-created_at",
)


async def one(conn: AsyncConnection, report_id: int) -> Row | None:
    """The report with its ``data``."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": report_id})).fetchone()

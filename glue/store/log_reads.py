"""``system_logs`` as people read them."""

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

sql = load("log_reads")

LOGS = Listing(
    sql,
    {
        "id": Column(int),
        "timestamp": Column(datetime),
        "level": Column(int, nullable=True),
        "category": Column(str),
        "robot_id": Column(str, nullable=True),
    },
    default="-timestamp",
)


async def one(conn: AsyncConnection, log_id: int) -> Row | None:
    """The entry; ``kept_category`` is the category as it stands in the table."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": log_id})).fetchone()


async def counts(conn: AsyncConnection, filters: Mapping[str, Any]) -> list[Row]:
    """Rows of (by, name, entries): ``by`` is level, category, robot_id or all."""
    return await listing.selected(conn, LOGS, sql.counts, filters)


async def hours(conn: AsyncConnection, filters: Mapping[str, Any]) -> list[Row]:
    """Rows of (hour, entries, warnings, errors), for hours that have some."""
    return await listing.selected(conn, LOGS, sql.hours, filters)

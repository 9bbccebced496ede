"""What people changed in the fleet; written by triggers (postgres/migrations/0008_sync.sql)."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row

from glue.core.fleet_changes import FleetChange
from glue.store.queries import load

sql = load("fleet_changes")


async def since(conn: AsyncConnection, at: datetime, most: int) -> list[FleetChange]:
    """Changes from ``at`` on, at most the ``most`` newest."""
    async with conn.cursor(row_factory=class_row(FleetChange)) as cursor:
        return await (await cursor.execute(sql.since, {"since": at, "most": most})).fetchall()

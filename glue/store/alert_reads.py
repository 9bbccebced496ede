"""Alerts as people read them: pages, one with its timeline, how many are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from glue.store.queries import load

sql = load("alert_reads")

Row = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """Which alerts; None lets everything through. ``since`` is included, ``until`` is not."""

    robot_id: str | None = None
    severities: Sequence[str] | None = None
    types: Sequence[str] | None = None
    acknowledged: bool | None = None
    resolved: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(
    conn: AsyncConnection, wanted: Filter, after: tuple[datetime, int] | None, rows: int
) -> list[Row]:
    """At most ``rows`` alerts, newest first, after (created_at, id)."""
    named = {
        "robot_id": wanted.robot_id,
        "severities": list(wanted.severities) if wanted.severities else None,
        "types": list(wanted.types) if wanted.types else None,
        "acknowledged": wanted.acknowledged,
        "resolved": wanted.resolved,
        "since": wanted.since,
        "until": wanted.until,
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else None,
        "rows": rows,
    }
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.page, named)).fetchall()


async def one(conn: AsyncConnection, alert_id: int) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": alert_id})).fetchone()


async def timeline(conn: AsyncConnection, alert_id: int) -> list[Row]:
    """What happened to the alert, oldest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.timeline, {"id": alert_id})).fetchall()


async def open_by_severity(conn: AsyncConnection) -> dict[str, int]:
    cursor = await conn.execute(sql.open_by_severity)
    return dict(await cursor.fetchall())

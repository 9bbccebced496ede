"""Alerts as people read them: lists, one with its timeline, how many, how long."""

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

sql = load("alert_reads")

ALERTS = Listing(
    sql,
    {
        "id": Column(int),
        "created_at": Column(datetime),
        "starts_at": Column(datetime, nullable=True),
        "resolved_at": Column(datetime, nullable=True),
        "acknowledged_at": Column(datetime, nullable=True),
        "severity": Column(int, nullable=True),
        "alert_type": Column(str),
        "type": Column(str),
        "title": Column(str),
        "source": Column(str, nullable=True),
        "robot_id": Column(str, nullable=True),
        "metric": Column(str, nullable=True),
        "value": Column(float, nullable=True),
        "threshold": Column(float, nullable=True),
        "acknowledged": Column(bool, nullable=True),
        "resolved": Column(bool, nullable=True),
    },
    default="-created_at",
)


async def ids(conn: AsyncConnection, filters: Mapping[str, Any], rows: int) -> list[int]:
    """At most ``rows`` ids of those that the filters let through, newest first."""
    found = await listing.selected(conn, ALERTS, sql.ids, filters, rows=rows)
    return [row["id"] for row in found]


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


async def counts(conn: AsyncConnection, filters: Mapping[str, Any]) -> list[Row]:
    """Rows of (by, name, alerts, open): ``by`` is severity, metric, type, robot_id or all."""
    return await listing.selected(conn, ALERTS, sql.counts, filters)


async def durations(conn: AsyncConnection, filters: Mapping[str, Any]) -> Row:
    """Counts, means and medians (seconds) of the times to acknowledge and to resolve."""
    (row,) = await listing.selected(conn, ALERTS, sql.durations, filters)
    return row

"""The pipeline's own signs of life, for readiness and metrics."""

from __future__ import annotations

from psycopg import AsyncConnection

from glue.store.queries import load

sql = load("pulse")


async def beat_ages(conn: AsyncConnection) -> dict[str, float]:
    """Seconds since each loop's last heartbeat, by PostgreSQL's clock."""
    cursor = await conn.execute(sql.beat_ages)
    return dict(await cursor.fetchall())


async def in_charge(conn: AsyncConnection) -> str | None:
    """Who evaluates the rules: ``grafana`` or ``standby``; None before that was decided."""
    row = await (await conn.execute(sql.in_charge)).fetchone()
    return row[0] if row else None


async def refused(conn: AsyncConnection) -> list[tuple[str, str, int]]:
    """(topic, reason, count) of the events that were refused."""
    cursor = await conn.execute(sql.refused)
    return [(topic, reason, count) for topic, reason, count in await cursor.fetchall()]


async def robots_by_status(conn: AsyncConnection) -> dict[str, int]:
    """How many active robots are online, offline, in error, in maintenance."""
    cursor = await conn.execute(sql.robots_by_status)
    return dict(await cursor.fetchall())

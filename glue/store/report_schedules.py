"""Schedules of reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from glue.core.report.periods import Covers
from glue.store.queries import load

sql = load("report_schedules")


@dataclass(frozen=True)
class Schedule:
    """A row. ``request`` is what a report is about, without its period; ``targets`` are ids."""

    id: int
    name: str
    enabled: bool
    request: dict[str, Any]
    cron: str
    zone: str
    covers: Covers
    format: str
    targets: list[int]
    next_run_at: datetime
    last_run_at: datetime | None
    missed: int
    created_by: str
    created_at: datetime
    updated_at: datetime


async def every(conn: AsyncConnection) -> list[Schedule]:
    """All, by name."""
    return await _rows(conn, sql.all, {})


async def one(conn: AsyncConnection, schedule_id: int, hold: bool = False) -> Schedule | None:
    """``hold``: nobody else changes or runs it until the transaction ends."""
    return await _row(conn, sql.hold if hold else sql.one, {"id": schedule_id})


async def named(conn: AsyncConnection, name: str) -> Schedule | None:
    return await _row(conn, sql.named, {"name": name})


async def add(conn: AsyncConnection, values: Mapping[str, Any]) -> Schedule | None:
    """None when the name is taken."""
    return await _row(conn, sql.add, _kept(values))


async def change(
    conn: AsyncConnection, schedule_id: int, values: Mapping[str, Any]
) -> Schedule | None:
    """Of one that is there and held: None when the name is taken."""
    return await _row(conn, sql.change, {**_kept(values), "id": schedule_id})


async def delete(conn: AsyncConnection, schedule_id: int) -> None:
    await conn.execute(sql.delete, {"id": schedule_id})


async def due(conn: AsyncConnection, now: datetime) -> Schedule | None:
    """The first that is due and that nobody else runs, held until the transaction ends."""
    return await _row(conn, sql.due, {"now": now})


async def ran(
    conn: AsyncConnection, schedule_id: int, at: datetime, following: datetime, missed: int
) -> None:
    named = {"id": schedule_id, "at": at, "next": following, "missed": missed}
    await conn.execute(sql.ran, named)


async def stop(conn: AsyncConnection, schedule_id: int) -> None:
    await conn.execute(sql.stop, {"id": schedule_id})


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "request": Jsonb(values["request"])}


async def _row(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> Schedule | None:
    async with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        return await (await cursor.execute(query, named)).fetchone()


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Schedule]:
    async with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

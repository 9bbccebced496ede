"""Maintenance windows, when they take place, and the robots that they keep in maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from glue.core.maintenance_windows import Schedule, to_keep
from glue.store.queries import load

sql = load("maintenance")

Row = dict[str, Any]

AHEAD = timedelta(days=90)
"""For so long the views know when windows take place, though the glue be down."""
LEAST = 3
"""Occurrences known of each window at any rate."""


@dataclass(frozen=True)
class Moved:
    """A robot that went into maintenance, or left it, for a window."""

    robot_id: str
    began: bool
    window_id: int | None


@dataclass(frozen=True)
class Running:
    """A window that takes place."""

    window_id: int
    name: str
    ends_at: datetime


async def lock(conn: AsyncConnection) -> None:
    """Be the only one to change windows or to apply them until the transaction ends."""
    await conn.execute(sql.lock)


async def windows(conn: AsyncConnection) -> list[Row]:
    """All, by name; ``running`` says whether it takes place now."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.windows)).fetchall()


async def one(conn: AsyncConnection, window_id: int) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": window_id})).fetchone()


async def named(conn: AsyncConnection, name: str) -> int | None:
    """The id of the window of that name."""
    row = await (await conn.execute(sql.named, {"name": name})).fetchone()
    return row[0] if row else None


async def add(conn: AsyncConnection, values: Mapping[str, Any], now: datetime) -> int | None:
    """``values`` by column; gives the id, None when the name is taken."""
    row = await (await conn.execute(sql.add, values)).fetchone()
    if row is not None:
        await _plan(conn, row[0], schedule(values), now)
    return row[0] if row else None


async def change(
    conn: AsyncConnection, window_id: int, values: Mapping[str, Any], now: datetime
) -> bool:
    """False when the name is taken."""
    row = await (await conn.execute(sql.change, {**values, "id": window_id})).fetchone()
    if row is not None:
        await _plan(conn, window_id, schedule(values), now)
    return row is not None


async def remove(conn: AsyncConnection, window_id: int) -> None:
    await conn.execute(sql.remove, {"id": window_id})


async def plan(conn: AsyncConnection, now: datetime) -> None:
    """Write down when each window takes place in the time to come."""
    for row in await windows(conn):
        await _plan(conn, row["id"], schedule(row), now)
    await conn.execute(sql.forget_past)


async def apply(conn: AsyncConnection) -> list[Moved]:
    """Put robots into maintenance, and out of it, as the windows say now."""
    async with conn.cursor(row_factory=class_row(Moved)) as cursor:
        return await (await cursor.execute(sql.apply)).fetchall()


async def of_robot(conn: AsyncConnection, robot_id: str) -> list[Running]:
    """The windows that keep the robot in maintenance now, that which ends last first."""
    async with conn.cursor(row_factory=class_row(Running)) as cursor:
        return await (await cursor.execute(sql.of_robot, {"robot_id": robot_id})).fetchall()


def schedule(row: Mapping[str, Any]) -> Schedule:
    """When the window of this row is to take place."""
    return Schedule(
        zone=row["zone"],
        start=row["starts"],
        end=row["ends"],
        weekdays=frozenset(row["weekdays"]),
        every_weeks=row["every_weeks"],
        last_day=row["last_day"],
    )


async def _plan(conn: AsyncConnection, window_id: int, when: Schedule, now: datetime) -> None:
    # Zones change their rules: what was planned under older ones goes.
    await conn.execute(sql.forget_occurrences, {"id": window_id, "now": now})
    found = to_keep(when, now, AHEAD, LEAST)
    times = {"starts": [one.starts_at for one in found], "ends": [one.ends_at for one in found]}
    await conn.execute(sql.keep_occurrences, {"id": window_id, **times})

"""What robots say of themselves: registration, signs of life, status, place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from glue.core.emergency import Stopped
from glue.store.queries import load

sql = load("robots")

Registration = Literal["accepted", "pending", "refused"]
FORGOTTEN = (
    *("alerts", "thresholds", "jobs", "logs", "changes"),
    *("answers", "commands", "robots"),
)
"""What :func:`forget` removes, in this order; ``robots`` last, others refer to it."""


@dataclass(frozen=True, slots=True)
class Known:
    robot_id: str
    registration: Registration
    is_active: bool = True
    time_zone: str | None = None
    emergency_stopped: bool = False
    watched: bool = True
    """It may have alerts: accepted, active, not in maintenance."""
    removed: bool = False
    last_seen: datetime | None = None


@dataclass(slots=True)
class Heard:
    """One robot's news of a batch; None: nothing new. ``heard_at`` is on the listening clock."""

    robot_id: str
    last_seen: datetime
    heard_at: float
    status: str | None = "heard"
    reported_status: str | None = None
    clean_offline: bool | None = False
    ip_address: str | None = None
    camera_url: str | None = None
    system_info: dict[str, Any] | None = None
    emergency_stopped: bool | None = None
    emergency_reason: str | None = None
    location: dict[str, float] | None = None


async def known(conn: AsyncConnection, ids: Collection[str]) -> dict[str, Known]:
    async with conn.cursor(row_factory=class_row(Known)) as cursor:
        rows = await (await cursor.execute(sql.known, {"ids": list(ids)})).fetchall()
    return {row.robot_id: row for row in rows}


async def reported_statuses(conn: AsyncConnection) -> set[str]:
    """The words in which robots last gave their status."""
    return {row[0] for row in await (await conn.execute(sql.reported_statuses)).fetchall()}


async def register(
    conn: AsyncConnection,
    ids: Collection[str],
    registration: Registration,
    waiting: int | None = None,
) -> list[str]:
    """Adds the robots; gives the ids that are new. ``waiting``: no more than leave so many pending
    in all."""
    if not ids:
        return []
    named = {"ids": sorted(ids), "registration": registration, "waiting": waiting}
    cursor = await conn.execute(sql.register, named)
    return [row[0] for row in await cursor.fetchall()]


async def heard(conn: AsyncConnection, news: Iterable[Heard]) -> None:
    rows = [
        {name: _plain(getattr(one, name)) for name in Heard.__slots__}
        for one in sorted(news, key=lambda one: one.robot_id)
    ]
    if rows:
        await conn.execute(sql.lock_seen)
        await conn.execute(sql.heard, {"rows": Jsonb(rows)})


async def seen_by_metrics(
    conn: AsyncConnection, newest: Mapping[str, int], listened: float, goodbye_s: float
) -> None:
    """``newest``: Unix milliseconds of each robot's newest point, as its clock has it."""
    named = {
        "ids": list(newest),
        "points": [at / 1000 for at in newest.values()],
        "listened": listened,
        "goodbye_s": goodbye_s,
    }
    await conn.execute(sql.lock_seen)
    await conn.execute(sql.seen_by_metrics, named)


async def stopped(conn: AsyncConnection) -> list[Stopped]:
    """The robots in emergency stop."""
    async with conn.cursor(row_factory=class_row(Stopped)) as cursor:
        return await (await cursor.execute(sql.stopped)).fetchall()


async def carry_on(conn: AsyncConnection, ids: Collection[str], listened: float) -> None:
    """Do not hold these robots to be silent: what they are known by cannot be seen now."""
    await conn.execute(sql.lock_seen)
    await conn.execute(sql.carry_on, {"ids": list(ids), "listened": listened})


async def mark_silent(conn: AsyncConnection, listened: float, silent_after: float) -> None:
    """Set offline who was last heard more than ``silent_after`` listening seconds ago."""
    await conn.execute(sql.lock_seen)
    await conn.execute(sql.mark_silent, {"listened": listened, "silent_after": silent_after})


async def forget(conn: AsyncConnection, prefix: str) -> dict[str, int]:
    """Removes every row of robots whose id starts with ``prefix``; gives the counts by kind."""
    if not prefix:
        raise ValueError("an empty prefix would remove the whole fleet")
    removed = {}
    for kind in FORGOTTEN:
        cursor = await conn.execute(getattr(sql, f"forget_{kind}"), {"prefix": prefix})
        removed[kind] = cursor.rowcount
    return removed


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value

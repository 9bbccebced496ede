"""Flapping alerts: which go on, and which alerts belong to each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from glue.core.flapping import Flap, Opening
from glue.store.queries import load

sql = load("flaps")

Pair = tuple[str, str]
"""(metric, robot_id), robot_id '' for the whole stack."""


async def running(conn: AsyncConnection) -> list[Flap]:
    """All that go on."""
    async with conn.cursor(row_factory=class_row(Flap)) as cursor:
        return await (await cursor.execute(sql.running)).fetchall()


async def openings(
    conn: AsyncConnection, ids: Collection[int], since: datetime
) -> dict[Pair, list[Opening]]:
    """By pair of the alerts ``ids``: all its openings after ``since``, oldest first."""
    found: dict[Pair, list[Opening]] = {}
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql.openings, {"ids": list(ids), "since": since})
        for row in await cursor.fetchall():
            opening = Opening(row["alert_id"], row["at"], row["severity"])
            found.setdefault((row["metric"], row["robot_id"]), []).append(opening)
    return found


async def begin(
    conn: AsyncConnection,
    pair: Pair,
    told: Opening,
    members: Sequence[Opening],
    count: int,
    now: datetime,
) -> None:
    """A flap of which people are told by the opening ``told``, after ``count`` openings; the
    alerts of ``members``, ``told`` among them, belong to it."""
    named: dict[str, Any] = {"metric": pair[0], "robot_id": pair[1], "severity": told.severity}
    named |= {"alert_id": told.alert_id, "openings": count, "last_opening": members[-1].at}
    named |= {"ids": [one.alert_id for one in members], "note": f"opened {count} times"}
    await conn.execute(sql.begin, {**named, "now": now})


async def go_on(conn: AsyncConnection, flap: Flap, new: Sequence[Opening]) -> None:
    """More openings of it."""
    ids, last = [one.alert_id for one in new], max(one.at for one in new)
    await conn.execute(sql.go_on, {"id": flap.id, "ids": ids, "last_opening": last})


async def worse(conn: AsyncConnection, flap: Flap, alert_id: int, severity: str) -> None:
    """People are told of this alert of it."""
    named = {"id": flap.id, "alert_id": alert_id, "severity": severity}
    await conn.execute(sql.worse, named)


async def end(conn: AsyncConnection, flap: Flap, now: datetime) -> None:
    """It is over; who was told of it hears that."""
    await conn.execute(sql.settle, {"id": flap.id, "now": now})
    await conn.execute(sql.end, {"id": flap.id, "now": now})


async def members(
    conn: AsyncConnection, ids: Collection[int], flaps: Collection[int]
) -> dict[int, int]:
    """The flap of each of the alerts that belongs to one of ``flaps``."""
    cursor = await conn.execute(sql.members, {"ids": list(ids), "flaps": list(flaps)})
    return dict(await cursor.fetchall())

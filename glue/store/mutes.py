"""Mutes: standing ones, those of one alert, and what keeps each open alert quiet now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.quiet import Change, Mute, Subject
from glue.core.silences import labels
from glue.store.queries import load

sql = load("mutes")

Row = dict[str, Any]


async def rows(conn: AsyncConnection) -> list[Row]:
    """Standing mutes that are not over, oldest first."""
    return await _rows(conn, sql.all)


async def mutes(conn: AsyncConnection) -> list[Mute]:
    """The same, as the core takes them."""
    return [_mute(row) for row in await rows(conn)]


async def one(conn: AsyncConnection, mute_id: int, hold: bool = False) -> Row | None:
    """``hold``: nobody else changes it until the transaction ends."""
    found = await _rows(conn, sql.hold if hold else sql.one, {"id": mute_id})
    return found[0] if found else None


async def add(conn: AsyncConnection, values: Mapping[str, Any]) -> Row:
    """``values`` by column."""
    (row,) = await _rows(conn, sql.add, values)
    return row


async def change(conn: AsyncConnection, mute_id: int, values: Mapping[str, Any]) -> Row:
    """Of one that is held."""
    (row,) = await _rows(conn, sql.change, {**values, "id": mute_id})
    return row


async def remove(conn: AsyncConnection, mute_id: int) -> None:
    await conn.execute(sql.remove, {"id": mute_id})


async def remove_over(conn: AsyncConnection) -> list[int]:
    """Forget standing mutes whose time has passed; their ids."""
    return sorted(row["id"] for row in await _rows(conn, sql.remove_over))


async def mute_alert(
    conn: AsyncConnection, alert_id: int, who: str, until: datetime | None, reason: str
) -> None:
    named = {"id": alert_id, "who": who, "until": until, "reason": reason}
    await conn.execute(sql.mute_alert, named)


async def unmute_alert(conn: AsyncConnection, alert_id: int) -> None:
    await conn.execute(sql.unmute_alert, {"id": alert_id})


async def muted_alerts(conn: AsyncConnection) -> list[Row]:
    """Open alerts with a mute of their own."""
    return await _rows(conn, sql.muted_alerts)


async def is_anything_quiet(conn: AsyncConnection) -> bool:
    """Whether some alert is quiet, or might be."""
    row = await (await conn.execute(sql.is_anything_quiet)).fetchone()
    return bool(row and row[0])


async def subjects(conn: AsyncConnection, ids: Collection[int]) -> list[Subject]:
    """All open alerts, and those of ``ids`` that are over."""
    found = await _rows(conn, sql.subjects, {"ids": list(ids)})
    return [_subject(row) for row in found]


async def write(conn: AsyncConnection, changes: Sequence[Change], at: datetime) -> None:
    """Keep what makes the alerts quiet by now, with an entry in each timeline."""
    if not changes:
        return
    entries = [
        {
            "alert_id": one.alert.id,
            "at": at.isoformat(),
            "kind": one.kind,
            "reason": one.quiet.reason if one.quiet else None,
            "by": one.quiet.by if one.quiet else None,
            "origin": one.quiet.origin if one.quiet else None,
            "note": one.quiet.reason if one.quiet else f"over: {one.alert.quiet_reason}",
        }
        for one in changes
    ]
    await conn.execute(sql.write, {"rows": Jsonb(entries)})


async def take_back(conn: AsyncConnection) -> None:
    """Do not send what was queued of quiet alerts and not tried yet."""
    await conn.execute(sql.take_back)


async def heard(conn: AsyncConnection, ids: Collection[int]) -> dict[int, set[int]]:
    """By alert: the targets that know of it as bad as it is now."""
    found: dict[int, set[int]] = {}
    for row in await _rows(conn, sql.heard, {"ids": list(ids)}):
        found.setdefault(row["id"], set()).add(row["target_id"])
    return found


async def untold(conn: AsyncConnection, ids: Iterable[int]) -> set[int]:
    """Those of the alerts that are open, and not seen by anybody as they are now."""
    return {row["id"] for row in await _rows(conn, sql.untold, {"ids": list(ids)})}


def _subject(row: Row) -> Subject:
    known = labels(row["metric"], row["severity"], row["robot_id"], row["labels"])
    return Subject(**{**row, "groups": frozenset(row["groups"]), "labels": known})


def _mute(row: Row) -> Mute:
    return Mute(
        id=row["id"],
        robots=tuple(row["robots"]),
        groups=tuple(row["groups"]),
        metrics=tuple(row["metrics"]),
        types=tuple(row["types"]),
        until=row["until"],
        by=row["created_by"],
        comment=row["comment"],
    )


async def _rows(
    conn: AsyncConnection, query: Any, named: Mapping[str, Any] | None = None
) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

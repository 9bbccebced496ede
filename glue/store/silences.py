"""Silences of Grafana as they were seen last, and the alerts that are to have one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.silences import LookedAfter, Matcher, Silence, labels
from glue.store.queries import load

sql = load("silences")


async def silences(conn: AsyncConnection) -> list[Silence]:
    """Those that hold or are to come, also ours."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.all)).fetchall()
    return [_silence(row) for row in rows]


async def keep(conn: AsyncConnection, found: Sequence[Silence], at: datetime) -> None:
    """Remember what Grafana has, and forget what it no longer has."""
    rows = [
        {
            "id": one.id,
            "matchers": [vars(matcher) for matcher in one.matchers],
            "starts_at": one.starts_at.isoformat(),
            "ends_at": one.ends_at.isoformat(),
            "created_by": one.created_by,
            "comment": one.comment,
            "alert_id": one.alert_id,
        }
        for one in found
    ]
    await conn.execute(sql.keep, {"rows": Jsonb(rows), "at": at})


async def looked_after(conn: AsyncConnection) -> list[LookedAfter]:
    """Open alerts that somebody acknowledged or muted, the thousand oldest."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.looked_after)).fetchall()
    found = []
    for row in rows:
        known = labels(row["metric"], row["severity"], row["robot_id"], row["labels"])
        if known:
            found.append(LookedAfter(row["id"], known, row["by"] or "somebody"))
    return found


def _silence(row: dict[str, Any]) -> Silence:
    return Silence(
        row["id"],
        tuple(Matcher(**one) for one in row["matchers"]),
        row["starts_at"],
        row["ends_at"],
        row["created_by"],
        row["comment"],
    )

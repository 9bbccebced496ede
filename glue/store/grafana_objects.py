"""Users and teams of Grafana that are ours, with Grafana's ids."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from glue.store.queries import load

sql = load("grafana_objects")


async def owned(conn: AsyncConnection) -> dict[tuple[str, str], int]:
    """Grafana's id by (kind, name)."""
    rows = await (await conn.execute(sql.owned)).fetchall()
    return {(kind, name): number for kind, name, number in rows}


async def own(conn: AsyncConnection, kind: str, name: str, grafana_id: int) -> None:
    await conn.execute(sql.own, {"kind": kind, "name": name, "id": grafana_id})


async def disown(conn: AsyncConnection, kind: str, name: str) -> None:
    await conn.execute(sql.disown, {"kind": kind, "name": name})


async def repairs(conn: AsyncConnection, most: int) -> list[tuple[datetime, str]]:
    """The last writes to Grafana, newest first: when, what."""
    rows = await (await conn.execute(sql.repairs, {"most": most})).fetchall()
    return [(at, message) for at, message in rows]

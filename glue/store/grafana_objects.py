"""Users, teams and folders of Grafana that are ours: users and teams with Grafana's ids, a folder
by its uid, with 0."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glue.core.grafana_state import Account
from glue.store.queries import load

sql = load("grafana_objects")


async def owned(conn: AsyncConnection) -> dict[tuple[str, str], int]:
    """Grafana's id by (kind, name)."""
    rows = await (await conn.execute(sql.owned)).fetchall()
    return {(kind, name): number for kind, name, number in rows}


async def own(
    conn: AsyncConnection, kind: str, name: str, grafana_id: int, account: Account | None = None
) -> None:
    """It is ours; for a user, ``account`` says whose."""
    named = {
        "kind": kind,
        "name": name,
        "id": grafana_id,
        "user_id": account.user_id if account else None,
        "email": account.email if account else None,
    }
    await conn.execute(sql.own, named)


async def shown(conn: AsyncConnection, accounts: Iterable[Account]) -> None:
    """Keep what Grafana shows of our accounts, and forget those that are gone from it: a sign-in
    asks whether the account that Grafana would find is really that person's."""
    rows = [{"id": one.id, "email": one.email, "external": one.external} for one in accounts]
    await conn.execute(sql.shown, {"rows": Jsonb(rows)})
    await conn.execute(sql.forget_gone, {"ids": [row["id"] for row in rows]})


async def sign_outs(conn: AsyncConnection) -> dict[str, str]:
    """By name: since when that user's sessions in Grafana are to be ended."""
    rows = await (await conn.execute(sql.sign_outs)).fetchall()
    return {name: at.isoformat() for name, at in rows}


async def signed_out(conn: AsyncConnection, name: str, since: str) -> None:
    """It is done, unless it was asked for again ``since`` then."""
    await conn.execute(sql.signed_out, {"name": name, "since": since})


async def disown(conn: AsyncConnection, kind: str, name: str) -> None:
    await conn.execute(sql.disown, {"kind": kind, "name": name})


async def repairs(conn: AsyncConnection, most: int) -> list[tuple[datetime, str]]:
    """The last writes to Grafana, newest first: when, what."""
    rows = await (await conn.execute(sql.repairs, {"most": most})).fetchall()
    return [(at, message) for at, message in rows]

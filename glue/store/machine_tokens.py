"""Tokens of machines, kept as hashes. One is a person's, and may what that person may within its
scopes, or a machine's own, with a role of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row

from glue.core.sorting import Column
from glue.core.token_family import digest
from glue.store.listing import Listing
from glue.store.queries import load

sql = load("machine_tokens")

TOKENS = Listing(
    sql,
    {
        "id": Column(str),
        "name": Column(str),
        "created_at": Column(datetime),
        "expires_at": Column(datetime, nullable=True),
        "last_used_at": Column(datetime, nullable=True),
    },
    default="-created_at",
)


@dataclass(frozen=True)
class MachineToken:
    """A row of ``machine_tokens``. ``user_id`` and ``username`` of whose it is, or None and a
    ``role`` of its own; ``hint`` is how it begins; ``last_used_at`` to the minute."""

    id: str
    name: str
    user_id: str | None
    username: str | None
    role: str | None
    scopes: list[str]
    hint: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class New:
    """A token to be made. ``user`` is id and name of whose it is."""

    name: str
    scopes: Sequence[str]
    created_by: str
    user: tuple[str, str] | None
    role: str | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Bearer:
    """Who shows a token that holds. ``role`` is the one in force, of the person or of the token;
    ``stale``: its last use is to be written."""

    id: str
    name: str
    scopes: list[str]
    last_used_at: datetime | None
    user_id: str | None
    username: str | None
    email: str | None
    role: str
    created_at: datetime
    stale: bool


async def add(conn: AsyncConnection, new: New, token: str, hint: str) -> MachineToken | None:
    """The new token, or None when its owner has one of this name."""
    user_id, username = new.user or (None, None)
    named = {
        "name": new.name,
        "user_id": user_id,
        "username": username,
        "role": new.role,
        "scopes": list(new.scopes),
        "token_hash": digest(token),
        "hint": hint,
        "created_by": new.created_by,
        "expires_at": new.expires_at,
    }
    async with conn.cursor(row_factory=class_row(MachineToken)) as cursor:
        return await (await cursor.execute(sql.add, named)).fetchone()


async def bearer(conn: AsyncConnection, token: str) -> Bearer | None:
    """Whose token it is, while it holds. Its use is noted, at most once a minute."""
    async with conn.cursor(row_factory=class_row(Bearer)) as cursor:
        found = await (await cursor.execute(sql.bearer, {"token_hash": digest(token)})).fetchone()
    if found and found.stale:
        await conn.execute(sql.used, {"id": found.id})
    return found


async def why_not(conn: AsyncConnection, token: str) -> tuple[str, str] | None:
    """Name of a token that does not hold, and the reason; None for one that was never given out."""
    row = await (await conn.execute(sql.why_not, {"token_hash": digest(token)})).fetchone()
    return (str(row[0]), str(row[1])) if row else None


async def one(conn: AsyncConnection, token_id: str) -> MachineToken | None:
    async with conn.cursor(row_factory=class_row(MachineToken)) as cursor:
        return await (await cursor.execute(sql.one, {"id": token_id})).fetchone()


async def revoke(conn: AsyncConnection, token_id: str, by: str) -> bool:
    """Whether it was there and not revoked yet."""
    named = {"id": token_id, "revoked_by": by}
    return await (await conn.execute(sql.revoke, named)).fetchone() is not None


async def revoked_with_maker(conn: AsyncConnection, maker: str) -> int:
    """How many tokens for machines are over because of what this transaction did to the user
    ``maker``, who made them (migration 0016)."""
    row = await (await conn.execute(sql.revoked_with_maker, {"maker": maker})).fetchone()
    return int(row[0]) if row else 0

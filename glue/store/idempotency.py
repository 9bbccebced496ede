"""Answers to creates, kept by the ``Idempotency-Key`` that came with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from glue.store.queries import load

sql = load("idempotency")

KEEP = 24 * 3600.0
"""Seconds that an answer is kept."""

LONGEST = 120.0
"""Seconds after which a request that has not finished was killed: far above the longest one."""


@dataclass(frozen=True)
class Asked:
    """A request with a key. ``fingerprint`` is a hash of all that makes it this request."""

    user_id: str
    key: str
    method: str
    path: str
    fingerprint: bytes


@dataclass(frozen=True)
class Kept:
    """What is known of a key. ``status`` None: at work. ``body`` None: held a secret."""

    fingerprint: bytes
    status: int | None
    headers: Mapping[str, str] | None
    body: bytes | None


async def take(conn: AsyncConnection, asked: Asked) -> datetime | None:
    """When the key became ours, which :func:`finish` and :func:`release` want to know; None when
    somebody has it."""
    named = vars(asked) | {"keep": KEEP, "longest": LONGEST}
    row = await (await conn.execute(sql.take, named)).fetchone()
    return row[0] if row else None


async def kept(conn: AsyncConnection, asked: Asked) -> Kept | None:
    async with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return await (await cursor.execute(sql.kept, vars(asked))).fetchone()


async def finish(
    conn: AsyncConnection,
    asked: Asked,
    taken_at: datetime,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
) -> None:
    """Keep the answer."""
    named = {
        **vars(asked),
        "taken_at": taken_at,
        "status": status,
        "headers": Jsonb(dict(headers)),
        "body": body,
    }
    await conn.execute(sql.finish, named)


async def release(conn: AsyncConnection, asked: Asked, taken_at: datetime) -> None:
    """The request came to nothing: the key is free again, unless an answer is kept with it."""
    await conn.execute(sql.release, vars(asked) | {"taken_at": taken_at})


async def withdraw(conn: AsyncConnection, asked: Asked, taken_at: datetime) -> None:
    """What is kept with the key did not happen: the key is free again."""
    await conn.execute(sql.withdraw, vars(asked) | {"taken_at": taken_at})


async def expire(conn: AsyncConnection, rows: int = 5000) -> int:
    """Delete at most ``rows`` keys that are older than :data:`KEEP`; gives how many."""
    return (await conn.execute(sql.expire, {"keep": KEEP, "rows": rows})).rowcount

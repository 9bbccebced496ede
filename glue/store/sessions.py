"""Sessions of people: a family of refresh tokens each, kept as hashes. A changed password or a
deactivation ends them in the database (migration 0009), whoever makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

from glue.core.token_family import Shown, Verdict, digest, judge
from glue.store.pool import unavailable
from glue.store.queries import load
from glue.store.users import User

sql = load("sessions")

REMEMBERED_DAYS = 90
"""For so long after its end a session's address counts as one that its user has logged in from."""


MOST = 100
"""Sessions that one user may have at once; a new one ends the one used longest ago."""


@dataclass(frozen=True)
class Session:
    """A session that goes on; ``last_used_at`` is its last refresh."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


@dataclass(frozen=True)
class Life:
    """Seconds: how long a session lasts unused, and at most."""

    idle: float
    longest: float


@dataclass(frozen=True)
class Rotation:
    """What came of a refresh token that was shown; ``successor`` and how many seconds the session
    still has if it is left alone, with the verdicts rotate and again."""

    verdict: Verdict
    session_id: str
    user_id: str
    username: str
    successor: str
    remaining: float


async def known_address(conn: AsyncConnection, username: str, address: str) -> bool:
    """Whether this user has logged in from ``address`` lately."""
    asked = {"username": username, "address": address}
    row = await (await conn.execute(sql.known_address, asked)).fetchone()
    return row is not None and bool(row[0])


async def start(
    conn: AsyncConnection, user: User, refresh: str, life: Life, *, address: str, user_agent: str
) -> str | None:
    """The new session's id; None when ``user`` has another password by now, or is deactivated."""
    session_id = await begin(conn, user, life, address=address, user_agent=user_agent)
    if session_id is not None:
        first = {"session_id": session_id, "token_hash": digest(refresh)}
        await conn.execute(sql.first_token, first)
    return session_id


async def begin(
    conn: AsyncConnection, user: User, life: Life, *, address: str, user_agent: str
) -> str | None:
    """As :func:`start`, for a session that something else than a refresh token stands for."""
    held = {"user_id": user.id, "checked": user.password_hash}
    if await (await conn.execute(sql.hold_user, held)).fetchone() is None:
        return None
    named = {
        "user_id": user.id,
        "address": address,
        "user_agent": user_agent,
        "idle": life.idle,
        "longest": life.longest,
    }
    row = await (await conn.execute(sql.start, named)).fetchone()
    assert row is not None
    await conn.execute(sql.end_surplus, {"user_id": user.id, "most": MOST})
    return str(row[0])


async def rotate(
    conn: AsyncConnection, refresh: str, next_of: Callable[[str], str], life: Life
) -> Rotation | None:
    """Judge the token and do what follows from it; None for one that was never given out.

    ``next_of`` computes a token's successor. A reuse ends the session: commit it.
    """
    asked = {"token_hash": digest(refresh)}
    found = await (await conn.execute(sql.of_token, asked)).fetchone()
    if found is None:
        return None
    session_id, user_id, username, active = found
    async with conn.cursor(row_factory=class_row(Shown)) as cursor:
        shown = await (await cursor.execute(sql.shown, asked)).fetchone()
    assert shown is not None
    verdict = judge(shown) if active or not shown.live else "over"
    after = next_of(refresh)
    if verdict == "rotate":
        named = {**asked, "successor": digest(after), "session_id": session_id}
        await conn.execute(sql.rotate, named)
        await conn.execute(sql.first_token, {**named, "token_hash": digest(after)})
        lives = {"session_id": session_id, "idle": life.idle, "longest": life.longest}
        await conn.execute(sql.touch, lives)
    elif verdict == "reuse":
        await end(conn, user_id, session_id, "refresh token used twice")
    left = await (await conn.execute(sql.remaining, {"session_id": session_id})).fetchone()
    remaining = max(0.0, float(left[0])) if left else 0.0
    return Rotation(verdict, session_id, user_id, username, after, remaining)


async def caller(conn: AsyncConnection, user_id: str, session_id: str) -> User | None:
    """The user, while active and while the session goes on."""
    asked = {"user_id": user_id, "session_id": session_id}
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.caller, asked)).fetchone()


async def of_user(conn: AsyncConnection, user_id: str) -> list[Session]:
    """Those that go on, last used first."""
    async with conn.cursor(row_factory=class_row(Session)) as cursor:
        return await (await cursor.execute(sql.of_user, {"user_id": user_id})).fetchall()


async def end(conn: AsyncConnection, user_id: str, session_id: str, reason: str) -> bool:
    """Whether there was such a session of this user, which went on until now."""
    named = {"user_id": user_id, "session_id": session_id, "reason": reason}
    return await (await conn.execute(sql.end_one, named)).fetchone() is not None


async def end_elsewhere(conn: AsyncConnection, user_id: str, session_id: str, reason: str) -> bool:
    """As :func:`end`, of a session that the caller may not sit at: where it was a browser's, the
    user's sessions in Grafana end as well, since nobody can tell which of them that browser has."""
    if not await end(conn, user_id, session_id, reason):
        return False
    await conn.execute(sql.sign_out_browsers, {"user_id": user_id, "session_id": session_id})
    return True


async def end_all(conn: AsyncConnection, user_id: str, reason: str) -> int:
    """How many went on until now. Those in Grafana end, too (migration 0030)."""
    await conn.execute(sql.sign_out_of_grafana, {"user_id": user_id})
    ended = await conn.execute(sql.end_all, {"user_id": user_id, "reason": reason})
    return sum(1 for (live,) in await ended.fetchall() if live)


async def forget(conn: AsyncConnection, rows: int) -> int:
    """Remove at most ``rows`` of those that are over for long; how many."""
    return (await conn.execute(sql.forget, {"days": REMEMBERED_DAYS, "rows": rows})).rowcount


def end_everybodys(dsn: str, reason: str) -> int:
    """End all sessions of a database that was restored: of some of them the end may be younger than
    the backup. ``dsn`` is its owner's, since its triggers run. How many. Raises
    :class:`StoreUnavailable`."""
    with unavailable(), psycopg.connect(dsn, connect_timeout=10) as conn:
        if conn.execute(sql.are_kept).fetchone() != (True,):
            return 0
        if conn.execute(sql.grafana_sign_outs_are_kept).fetchone() == (True,):
            conn.execute(sql.sign_everybody_out_of_grafana)
        return conn.execute(sql.end_everybodys, {"reason": reason}).rowcount

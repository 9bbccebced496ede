"""Single sign-on: signing keys, the browsers people are signed in in, codes on their way.

Tokens of browsers and codes are kept as SHA-256 alone. A browser's session is a row of
``sessions`` like any other: it is listed and ended with them, and a changed password or a
deactivation ends it in the database itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from glue.core import oidc
from glue.core.signing import SigningKey
from glue.store import sessions
from glue.store.queries import load
from glue.store.users import User

sql = load("oidc")


@dataclass(frozen=True)
class Session:
    """Somebody signed in in a browser, active and not signed out. ``created_at``: the password
    was given then."""

    id: str
    created_at: datetime
    user_id: str
    username: str


@dataclass(frozen=True)
class Code:
    """A code that came, with the session it stands for."""

    id: str
    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str | None
    expired: bool
    used: bool
    session_id: str
    signed_in_at: datetime
    ends_at: datetime
    user_id: str
    over: bool

    @property
    def judged(self) -> oidc.Code:
        return oidc.Code(
            self.id,
            self.client_id,
            self.redirect_uri,
            self.challenge,
            self.expired,
            self.used,
            self.over,
        )


@dataclass(frozen=True)
class Key:
    """A key; ``signs``: young enough to."""

    key: SigningKey
    signs: bool


async def keys(conn: AsyncConnection, signs: float) -> list[Key]:
    """Newest first. ``signs``: seconds that a key signs."""
    rows = await (await conn.execute(sql.keys, {"signs": signs})).fetchall()
    return [Key(SigningKey(kid, public, sealed), young) for kid, public, sealed, young in rows]


async def only_one_makes_a_key(conn: AsyncConnection) -> None:
    """Until the end of the transaction."""
    await conn.execute(sql.only_one_makes_a_key)


async def add_key(conn: AsyncConnection, key: SigningKey, kept: float) -> None:
    """``key`` signs from now on; those replaced more than ``kept`` seconds ago are forgotten."""
    values = {"kid": key.kid, "public": Jsonb(dict(key.public)), "sealed": key.sealed}
    await conn.execute(sql.forget_keys, {"kept": kept})
    await conn.execute(sql.add_key, values)


async def open_session(
    conn: AsyncConnection, token: str, user: User, lives: float, address: str, user_agent: str
) -> str | None:
    """The new session's id; None when ``user`` has another password by now, or is deactivated."""
    life = sessions.Life(idle=lives, longest=lives)
    session_id = await sessions.begin(conn, user, life, address=address, user_agent=user_agent)
    if session_id is not None:
        values = {"token_hash": hashed(token), "session_id": session_id}
        await conn.execute(sql.add_browser, values)
    return session_id


async def session(conn: AsyncConnection, token: str) -> Session | None:
    async with conn.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(sql.session, {"token_hash": hashed(token)})
        return await cursor.fetchone()


async def end_session(conn: AsyncConnection, session_id: str) -> None:
    await conn.execute(sql.end_session, {"id": session_id})


async def add_code(
    conn: AsyncConnection, code: str, session_id: str, request: oidc.Request, lives: float
) -> None:
    """Keep what ``code`` will stand for. Old ones are forgotten on the way."""
    values: Mapping[str, object] = {
        "code_hash": hashed(code),
        "session_id": session_id,
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "challenge": request.challenge,
        "scope": request.scope,
        "nonce": request.nonce,
        "lives": lives,
    }
    await conn.execute(sql.forget_codes)
    await conn.execute(sql.add_code, values)
    await conn.execute(sql.session_used, values)


async def code(conn: AsyncConnection, code: str) -> Code | None:
    """The code, which nobody else can use until the transaction ends."""
    async with conn.cursor(row_factory=class_row(Code)) as cursor:
        await cursor.execute(sql.code, {"code_hash": hashed(code)})
        return await cursor.fetchone()


async def code_came(conn: AsyncConnection, code_id: str) -> None:
    """It is used now; if it was already, its tokens are void."""
    await conn.execute(sql.code_came, {"id": code_id})


async def holder(conn: AsyncConnection, code_id: str) -> str | None:
    """Id of the user whom tokens of this code still speak for."""
    row = await (await conn.execute(sql.holder, {"code_id": code_id})).fetchone()
    return None if row is None else str(row[0])


def hashed(token: str) -> bytes:
    """What is kept of a token that is long and random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def ours_in_grafana(conn: AsyncConnection, user_id: str) -> bool:
    """Whether Grafana would take this user for the account that we made there for them."""
    row = await (await conn.execute(sql.ours_in_grafana, {"user_id": user_id})).fetchone()
    return row is not None and bool(row[0])

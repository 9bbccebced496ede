"""What somebody gets who signed in: an access token for minutes, a refresh token for the next."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import Field

from glue import store
from glue.api.conventions import clients, refusals
from glue.api.conventions.fields import Reply, Utc
from glue.api.conventions.problems import ProblemError
from glue.api.people import tokens
from glue.core import token_family
from glue.core.roles import Role
from glue.settings import Glue
from glue.store import audit, sessions, users
from glue.store.users import User

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tonypi"'}
NO_STORE = {"Cache-Control": "no-store"}

OVER_AT_ONCE = 100
"""Old sessions that a new one removes, while somebody waits for it."""


class Person(Reply):
    """A user as others may see them."""

    id: str
    username: str
    email: str
    role: Role
    is_active: bool
    created_at: Utc


class Token(Reply):
    """Send the access token as ``Authorization: Bearer …``; before it is over, send the refresh
    token to ``/auth/refresh`` for the next two. Each refresh token is good for once."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds, of the access token.")
    refresh_token: str
    refresh_expires_in: int = Field(description="Seconds, of the refresh token.")
    user: Person


async def start(request: Request, user: User) -> Token | None:
    """A new session of ``user``, whose password was just checked; None when it was changed, or the
    user deactivated, in between. Raises ``StoreUnavailable``."""
    settings: Glue = request.app.state.settings.glue
    client = clients.of(request)
    refresh = token_family.first()
    async with store.transaction(request.app.state.pool) as conn:
        await sessions.forget(conn, OVER_AT_ONCE)
        session_id = await sessions.start(
            conn, user, refresh, _life(settings), address=client.address, user_agent=client.agent
        )
    if session_id is None:
        return None
    life = _life(settings)
    return _token(user, session_id, refresh, settings, min(life.idle, life.longest))


async def refreshed(request: Request, refresh: str) -> Token:
    """The next two tokens. Raises :class:`ProblemError` 401, ``StoreUnavailable``."""
    settings: Glue = request.app.state.settings.glue
    secret = settings.jwt_secret.get_secret_value()
    async with store.transaction(request.app.state.pool) as conn:
        rotation = await sessions.rotate(
            conn, refresh, lambda shown: token_family.successor(shown, secret), _life(settings)
        )
        user = None
        if rotation and rotation.verdict in ("rotate", "again"):
            user = await users.by_id(conn, rotation.user_id)
        elif rotation and rotation.verdict == "reuse":
            await _record_reuse(request, conn, rotation)
            refusals.recorded(request)
    if rotation and user:
        session, remaining = rotation.session_id, rotation.remaining
        return _token(user, session, rotation.successor, settings, remaining)
    address = clients.of(request).address
    why = {"reuse": "used before", "over": "of a session that has ended"}
    what = why[rotation.verdict] if rotation else "never given out"
    who = rotation.username if rotation else ""
    if not rotation or rotation.verdict == "over":
        details = {"address": address, "who": who}
        await refusals.record(request, (address, who), f"refused a refresh token {what}", details)
    said = "This refresh token is no longer good; log in again."
    raise ProblemError(401, said, "session-over", headers=CHALLENGE)


async def _record_reuse(request: Request, conn, rotation: sessions.Rotation) -> None:  # type: ignore[no-untyped-def]
    details = {
        "username": rotation.username,
        "address": clients.of(request).address,
        "session": rotation.session_id,
    }
    message = f"a refresh token of {rotation.username} was used twice: its session was ended"
    await audit.record(conn, "auth", message, level="WARNING", details=details)


def _life(settings: Glue) -> sessions.Life:
    return sessions.Life(settings.session_idle, settings.session_longest)


def _token(user: User, session_id: str, refresh: str, settings: Glue, remaining: float) -> Token:
    return Token(
        access_token=tokens.issue(user.id, user.role, settings, session_id),
        expires_in=settings.jwt_ttl,
        refresh_token=refresh,
        refresh_expires_in=int(remaining),
        user=Person.model_validate(user),
    )

"""Who calls: a person with an access token of a session, or a machine with a token of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from fastapi import Request

from glue import store
from glue.api.conventions import clients, refusals
from glue.api.conventions.problems import ProblemError
from glue.api.people import tokens
from glue.store import machine_tokens, sessions
from glue.store.users import User

MACHINE = "tpi_"
"""How tokens of machines begin, for scanners of leaked secrets (and for us)."""

INVALID = 'error="invalid_token"'


@dataclass(frozen=True)
class Caller(User):
    """The user who calls. A machine's own token calls as ``token:<name>``, with the token's id.

    ``session_id`` is None for tokens of machines. ``scopes`` is None for people, who may all that
    their role may; a token may what its role may within its scopes.
    """

    session_id: str | None = None
    scopes: frozenset[str] | None = None

    def may(self, scope: str) -> bool:
        """Whether the caller's token reaches ``scope``."""
        return self.scopes is None or scope in self.scopes


async def of(request: Request, token: str | None) -> Caller:
    """The caller. Raises :class:`ProblemError` 401, and ``StoreUnavailable``."""
    if not token:
        said = "Log in, and send the token as `Authorization: Bearer …`."
        with suppress(store.StoreUnavailable):
            await refusals.record_anonymous(request, clients.of(request).address)
        raise _unauthorized(said)
    if token.startswith(MACHINE):
        return await _machine(request, token)
    try:
        named = tokens.read(token, request.app.state.settings.glue)
    except tokens.BadToken as error:
        if error.expired:
            # It is time for the next one, and no refusal of anybody.
            refusals.recorded(request)
            raise _unauthorized(str(error), INVALID) from None
        await _refuse(request, str(error), "a token that is not valid here")
    caller = await _of_session(request, named)
    if caller is None:
        said = "This session has ended; log in again."
        await _refuse(request, said, "a token of a session that has ended", named.user_id)
    return caller


async def still(request: Request, caller: Caller, token: str) -> bool:
    """Whether ``caller`` of an answer that lasts (a stream) would be let in now, as the same."""
    if token.startswith(MACHINE):
        async with store.transaction(request.app.state.pool) as conn:
            found = await machine_tokens.bearer(conn, token)
        return found is not None and found.role == caller.role
    if caller.session_id is None:
        return False
    named = tokens.Named(caller.id, caller.session_id)
    now = await _of_session(request, named)
    return now is not None and now.role == caller.role


async def _of_session(request: Request, named: tokens.Named) -> Caller | None:
    async with store.transaction(request.app.state.pool) as conn:
        user = await sessions.caller(conn, named.user_id, named.session_id)
    return Caller(**vars(user), session_id=named.session_id) if user else None


async def _machine(request: Request, token: str) -> Caller:
    async with store.transaction(request.app.state.pool) as conn:
        found = await machine_tokens.bearer(conn, token)
        why = await machine_tokens.why_not(conn, token) if found is None else None
    if found is None:
        name, reason = why or ("", "not known here")
        said = f"This token is no longer good: {reason}. An admin, or its owner, makes another."
        await _refuse(request, said, f"a machine's token, {reason}", name)
    return Caller(
        id=found.user_id or found.id,
        username=found.username or f"token:{found.name}",
        email=found.email or "",
        password_hash="",
        role=found.role,
        is_active=True,
        created_at=found.created_at,
        updated_at=found.created_at,
        scopes=frozenset(found.scopes),
    )


async def _refuse(request: Request, said: str, what: str, who: str = "") -> NoReturn:
    address = clients.of(request).address
    details = {"address": address, "path": request.url.path[:200]}
    if who:
        details["who"] = who
    await refusals.record(request, (address, who), f"refused {what}", details)
    raise _unauthorized(said, INVALID)


def _unauthorized(detail: str, challenge: str = "") -> ProblemError:
    return ProblemError(
        401, detail, headers={"WWW-Authenticate": f'Bearer realm="tonypi" {challenge}'.strip()}
    )

"""Tokens of machines: for scripts and services that cannot log in. Everybody makes them for
oneself, an admin also for a machine; each reaches its scopes and no more."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field

from glue import store
from glue.api.conventions import access, callers, etag, idempotency, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import Body, Reply, Text, Utc
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.people import signed_in
from glue.core import names, scopes
from glue.core.roles import Role
from glue.core.scopes import Scope
from glue.store import audit, machine_tokens, users
from glue.store.machine_tokens import New

router = access.router("tokens", f"{access.PREFIX}/tokens")

SHOWN = len(callers.MACHINE) + 6
"""Characters of a token that lists show, so that one recognises it."""

DAYS = 90


class NewToken(Body):
    """``for_machine``: nobody's, with a ``role`` of its own (the least that its scopes take, unless
    given); admins only, and over when its maker is no active admin any more. Otherwise yours: it
    may what you may, within its scopes."""

    name: Annotated[Text, Field(min_length=1, max_length=40, examples=["backup script"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(scopes.SCOPES))]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        DAYS, description="Null: never."
    )
    for_machine: bool = False
    role: Role | None = Field(None, description="With `for_machine`.")


class MachineToken(Reply):
    """`username` of whose it is, or null and a `role` of its own. `hint` is how it begins,
    `last_used_at` is to the minute."""

    id: str
    name: str
    username: str | None
    role: Role | None
    scopes: list[str]
    hint: str
    created_by: str
    created_at: Utc
    expires_at: Utc | None
    last_used_at: Utc | None


class TokenMade(MachineToken):
    """`token` is shown this once: send it as `Authorization: Bearer …`."""

    token: str


class MachineTokens(Reply):
    """A page of tokens; `next` is the cursor of the next one, null on the last."""

    items: list[MachineToken]
    next: str | None


@router.get("", responses=documented(401, 403, 422, 503), openapi_extra=access.ONLY_PEOPLE)
async def list_tokens(
    request: Request,
    user: access.Viewer,
    asked: Annotated[listing.Asked, listing.of(machine_tokens.TOKENS)],
    mine: bool = False,
) -> MachineTokens:
    """Your tokens; for an admin everybody's, unless `mine`. Revoked ones are not listed."""
    whose = user.id if mine or user.role != "admin" else None
    return MachineTokens.model_validate(await listing.page(request, asked, {"user_id": whose}))


@router.post(
    "",
    status_code=201,
    responses=documented(400, 401, 403, 409, 413, 422, 503),
    openapi_extra=idempotency.CREATES | access.ONLY_PEOPLE,
)
async def create_token(
    request: Request, response: Response, user: access.Viewer, body: NewToken
) -> TokenMade:
    """Make a token. It is shown in this answer and never again."""
    role = _role(user, body)
    if not names.is_visible(body.name):
        raise Refused("body.name", "no space at its ends and only characters that can be seen")
    days = body.expires_in_days
    new = New(
        name=body.name,
        scopes=sorted(set(body.scopes)),
        created_by=user.username,
        user=None if body.for_machine else (user.id, user.username),
        role=role if body.for_machine else None,
        expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
    )
    token = callers.MACHINE + secrets.token_urlsafe(32)
    async with store.transaction(request.app.state.pool) as conn:
        # Whoever takes the role from its maker waits, and then finds the token and revokes it.
        held = await users.hold(conn, user.id)
        if held is None or not held.is_active or held.role != user.role:
            raise ProblemError(403, "Your account was changed just now; log in again.")
        made = await machine_tokens.add(conn, new, token, token[:SHOWN])
        if made is None:
            raise ProblemError(409, "There is a token of this name; revoke it first.", "taken")
        details = {
            "by": user.username,
            "token": made.id,
            "scopes": made.scopes,
            "role": made.role,
            "expires_at": made.expires_at and made.expires_at.isoformat(),
        }
        message = f"{user.username} made the token {made.name}"
        await audit.record(conn, "auth", message, details=details)
    response.headers.update(signed_in.NO_STORE)
    response.headers["Location"] = f"{access.PREFIX}/tokens/{made.id}"
    return TokenMade(**vars(made), token=token)


@router.get(
    "/{token_id}",
    responses=documented(401, 403, 404, 422, 503),
    openapi_extra=access.ONLY_PEOPLE,
)
async def read_token(
    request: Request, response: Response, user: access.Viewer, token_id: UUID
) -> MachineToken:
    """One of your tokens; for an admin anybody's."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await machine_tokens.one(conn, str(token_id))
    return etag.tagged(response, MachineToken.model_validate(_own(user, found)))


@router.delete("/{token_id}", status_code=204, responses=documented(401, 403, 404, 412, 422, 503))
async def revoke_token(
    request: Request, user: access.Viewer, token_id: UUID, if_match: etag.IfMatch = None
) -> None:
    """Revoke one of your tokens, as an admin anybody's. It is over at once."""
    async with store.transaction(request.app.state.pool) as conn:
        found = _own(user, await machine_tokens.one(conn, str(token_id)))
        etag.check(if_match, MachineToken.model_validate(found))
        if not await machine_tokens.revoke(conn, found.id, user.username):
            raise NotFound("There is no such token.")
        message = f"{user.username} revoked the token {found.name}"
        details = {"by": user.username, "token": found.id, "of": found.username}
        await audit.record(conn, "auth", message, details=details)


def _role(user: Caller, body: NewToken) -> str:
    """The role that limits the token. Raises :class:`ProblemError` 403 and 422."""
    if body.for_machine and user.role != "admin":
        raise ProblemError(403, "This takes the role admin; make one for yourself instead.")
    if body.role and not body.for_machine:
        raise Refused("body.role", "belongs to for_machine; your own token has your role")
    role = user.role
    if body.for_machine:
        role = body.role or scopes.least_role(body.scopes)
    if beyond := scopes.beyond(body.scopes, role):
        raise Refused("body.scopes", f"{', '.join(beyond)}: beyond the role {role}")
    return role


def _own(user: Caller, found: machine_tokens.MachineToken | None) -> machine_tokens.MachineToken:
    if found is None or (user.role != "admin" and found.user_id != user.id):
        raise NotFound("There is no such token.")
    return found

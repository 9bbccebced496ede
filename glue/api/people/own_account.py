"""One's own account: what everybody may see and change of oneself."""

from __future__ import annotations

from fastapi import Request, Response

from glue import store
from glue.api.conventions import access, clients, etag
from glue.api.conventions.problems import ProblemError, Refused, documented
from glue.api.people import signed_in
from glue.api.people.accounts import Attempt, TooManyTries, WrongCredentials
from glue.api.people.shapes import Account, OwnPassword
from glue.api.people.signed_in import Token
from glue.core import passwords
from glue.store import audit
from glue.store import users as rows

router = access.router("users", f"{access.PREFIX}/users/me")


@router.get("", responses=documented(401, 403, 503), openapi_extra=access.ONLY_PEOPLE)
async def read_me(response: Response, user: access.Viewer) -> Account:
    """You. The password is yours to change; name, address and role are an admin's, for by its
    address Grafana knows whom it lets in."""
    return etag.tagged(response, Account.model_validate(user))


@router.post(
    "/password",
    responses=documented(400, 401, 403, 409, 413, 422, 429, 503),
    openapi_extra=access.ONLY_PEOPLE,
)
async def change_password(
    request: Request, response: Response, user: access.Viewer, body: OwnPassword
) -> Token:
    """Another password. All your sessions end at once; the answer is a new one."""
    if why := passwords.objection(body.new_password, user.username):
        raise Refused("body.new_password", why)
    attempt = Attempt(user.username, body.old_password, clients.of(request))
    try:
        checked = await request.app.state.doorkeeper.admit(attempt, "confirmed their password")
    except TooManyTries as error:
        raise ProblemError(429, str(error), headers={"Retry-After": str(error.wait)}) from None
    except WrongCredentials:
        raise Refused("body.old_password", "this is not your password") from None
    kept = await request.app.state.doorkeeper.hashed(body.new_password)
    async with store.transaction(request.app.state.pool) as conn:
        held = await rows.hold(conn, user.id)
        changed = None
        if held and held.is_active and held.password_hash == checked.password_hash:
            changed = await rows.edit(conn, user.id, password_hash=kept)
            message = f"{user.username} changed their password"
            details = {"username": user.username, "address": attempt.client.address}
            await audit.record(conn, "auth", message, details=details)
    token = await signed_in.start(request, changed) if changed else None
    if token is None:
        raise ProblemError(409, "Somebody else changed your account just now; log in again.")
    response.headers.update(signed_in.NO_STORE)
    return token

"""Users: an admin keeps them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from glue import store
from glue.api.conventions import access, etag, export, idempotency, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.people import signed_in
from glue.api.people.shapes import (
    Account,
    AccountMade,
    Accounts,
    Deactivated,
    NewPassword,
    NewUser,
    PasswordMade,
    UserEdit,
    UserFilter,
    UserPath,
)
from glue.core import passwords
from glue.store import audit, machine_tokens, users
from glue.store.users import User

router = access.router("users", f"{access.PREFIX}/users")


@router.get("", responses=documented(401, 403, 422, 503))
async def list_users(
    request: Request,
    user: access.Admin,
    wanted: Annotated[UserFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(users.USERS)],
) -> Accounts:
    """Users by name, unless asked for another sort."""
    return Accounts.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_users(
    request: Request,
    user: access.Admin,
    wanted: Annotated[UserFilter, Query()],
    format: export.Format = "csv",
) -> StreamingResponse:
    """All users that the filters let through, as a file; without passwords."""
    filters = wanted.model_dump()
    return await export.stream(request, users.USERS, filters, Account, format, "users")


@router.post(
    "",
    status_code=201,
    responses=documented(400, 401, 403, 409, 413, 422, 503),
    openapi_extra=idempotency.CREATES,
)
async def create_user(
    request: Request, response: Response, user: access.Admin, body: NewUser
) -> AccountMade:
    """Add somebody who may log in. Name and address are unique, whatever their case."""
    password, generated = _password(body.password, body.username)
    kept = await request.app.state.doorkeeper.hashed(password)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        made = await users.add(
            conn, username=body.username, email=body.email, password_hash=kept, role=body.role
        )
        if made is None:
            raise ProblemError(409, "The name or the address is somebody else's.", "taken")
        await _record(conn, user, made, "added", role=made.role, email=made.email)
    if generated:
        response.headers.update(signed_in.NO_STORE)
    response.headers["Location"] = f"{access.PREFIX}/users/{made.id}"
    reply = Account.model_validate(made)
    response.headers["ETag"] = etag.tag(reply)
    return AccountMade(**dict(reply), password=password if generated else None)


@router.get("/{user_id}", responses=documented(401, 403, 404, 422, 503))
async def read_user(
    request: Request, response: Response, user: access.Admin, user_id: UserPath
) -> Account:
    """One user."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await users.by_id(conn, user_id)
    return etag.tagged(response, Account.model_validate(_there(found)))


@router.patch("/{user_id}", responses=documented(400, 401, 403, 404, 409, 412, 413, 422, 503))
async def change_user(
    request: Request,
    response: Response,
    user: access.Admin,
    user_id: UserPath,
    body: UserEdit,
    if_match: etag.IfMatch = None,
) -> Account:
    """Another name, address or role. A new role counts at once: who is admin no more has the tokens
    revoked that they made for machines. The last active admin stays one."""
    values = body.model_dump(exclude_none=True)
    async with store.transaction(request.app.state.pool) as conn:
        after = await _change(conn, user, user_id, if_match, "changed", values)
    return etag.tagged(response, after)


@router.post("/{user_id}/deactivate", responses=documented(401, 403, 404, 409, 412, 422, 503))
async def deactivate_user(
    request: Request,
    response: Response,
    user: access.Admin,
    user_id: UserPath,
    if_match: etag.IfMatch = None,
) -> Deactivated:
    """Let the user in no more. Sessions and tokens end at once, also tokens that they made for
    machines; nothing that they did is lost. The last active admin cannot be deactivated."""
    values = {"is_active": False}
    async with store.transaction(request.app.state.pool) as conn:
        after = await _change(conn, user, user_id, if_match, "deactivated", values)
        revoked = await machine_tokens.revoked_with_maker(conn, after.username)
    return Deactivated(**dict(etag.tagged(response, after)), machine_tokens_revoked=revoked)


@router.post("/{user_id}/activate", responses=documented(401, 403, 404, 412, 422, 503))
async def activate_user(
    request: Request,
    response: Response,
    user: access.Admin,
    user_id: UserPath,
    if_match: etag.IfMatch = None,
) -> Account:
    """Let the user in again, with the old password. Earlier sessions and tokens stay over."""
    values = {"is_active": True}
    async with store.transaction(request.app.state.pool) as conn:
        after = await _change(conn, user, user_id, if_match, "activated", values)
    return etag.tagged(response, after)


@router.post(
    "/{user_id}/reset-password",
    responses=documented(400, 401, 403, 404, 412, 413, 422, 503),
    openapi_extra=idempotency.CREATES,
)
async def reset_password(
    request: Request,
    response: Response,
    user: access.Admin,
    user_id: UserPath,
    body: NewPassword | None = None,
    if_match: etag.IfMatch = None,
) -> PasswordMade:
    """Give another password. All sessions of the user end at once, those in Grafana in a moment."""
    async with store.transaction(request.app.state.pool) as conn:
        found = _there(await users.by_id(conn, user_id))
    password, generated = _password(body.password if body else None, found.username)
    kept = await request.app.state.doorkeeper.hashed(password)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        before = _there(await users.hold(conn, user_id))
        etag.check(if_match, Account.model_validate(before))
        changed = _there(await users.edit(conn, user_id, password_hash=kept))
        await _record(conn, user, changed, "reset the password of")
    response.headers.update(signed_in.NO_STORE)
    return PasswordMade(password=password if generated else None)


async def _change(
    conn: Any,
    user: Caller,
    user_id: str,
    if_match: str | None,
    what: str,
    values: dict[str, Any],
) -> Account:
    """Change a user and record it; raises :class:`ProblemError` 404, 409, 412."""
    before = _there(await users.hold(conn, user_id))
    etag.check(if_match, Account.model_validate(before))
    differs = {name: new for name, new in values.items() if getattr(before, name) != new}
    after = before
    if differs:
        await audit.acting(conn, user.username)
        after = await _edited(conn, user_id, differs)
        told = {name: [getattr(before, name), new] for name, new in differs.items()}
        await _record(conn, user, before, what, changes=told)
    return Account.model_validate(after)


async def _edited(conn: Any, user_id: str, values: dict[str, Any]) -> User:
    try:
        return _there(await users.edit(conn, user_id, **values))
    except users.Taken as error:
        raise ProblemError(409, f"This {error.what} is somebody else's.", "taken") from None
    except users.LastAdmin as error:
        raise ProblemError(409, f"{str(error).capitalize()}.", "last-admin") from None


def _there(found: User | None) -> User:
    if found is None:
        raise NotFound("There is no user with this id.")
    return found


def _password(given: str | None, username: str) -> tuple[str, bool]:
    """The password to set, and whether it was generated."""
    if given is None:
        return passwords.generated(), True
    if why := passwords.objection(given, username):
        raise Refused("body.password", why)
    return given, False


async def _record(conn: Any, by: Caller, whom: User, what: str, **details: Any) -> None:
    told = {"by": by.username, "username": whom.username, "user_id": whom.id, **details}
    await audit.record(conn, "auth", f"{by.username} {what} user {whom.username}", details=told)

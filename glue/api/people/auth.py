"""Logging in and out, and who one is.

A login is JSON, or the form of OAuth2's password grant, which the documentation's *Authorize*
button sends.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from glue import store
from glue.api.conventions import access, clients, refusals
from glue.api.conventions.fields import Body, Reply, Text, Utc
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.people import signed_in
from glue.api.people.accounts import Attempt, TooManyTries, WrongCredentials
from glue.api.people.signed_in import Person, Token
from glue.core.passwords import LONGEST
from glue.store import audit, sessions
from glue.store.users import User

router = access.router("auth", f"{access.PREFIX}/auth")

Kind = TypeVar("Kind", bound=BaseModel)

JSON = "application/json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Credentials(Body):
    """User name (whatever its case) and password."""

    username: Annotated[Text, Field(min_length=1, max_length=50)]
    password: Annotated[Text, Field(min_length=1, max_length=LONGEST)]


class CredentialsForm(BaseModel):
    """OAuth2's password grant (RFC 6749, 4.3.2); members beyond these are ignored, as it says."""

    grant_type: Literal["password"] = "password"
    username: Annotated[Text, Field(min_length=1, max_length=50)]
    password: Annotated[Text, Field(min_length=1, max_length=LONGEST)]


class Refresh(Body):
    """The refresh token of the last answer."""

    refresh_token: Annotated[Text, Field(min_length=1, max_length=200)]


class Me(Person):
    """Who calls. ``scopes`` only for tokens of machines: what they reach."""

    scopes: list[str] | None = None


class Session(Reply):
    """A session that goes on. ``last_used_at`` is its last refresh, ``current`` the caller's."""

    id: str
    created_at: Utc
    last_used_at: Utc
    expires_at: Utc
    address: str
    user_agent: str
    current: bool


class Ended(Reply):
    """How many sessions went on until now."""

    ended: int


@router.post(
    "/login",
    dependencies=[access.anyone],
    responses=documented(400, 401, 413, 415, 422, 429, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": Credentials.model_json_schema()},
                FORMS[0]: {"schema": CredentialsForm.model_json_schema()},
            },
        }
    },
)
async def login(request: Request, response: Response) -> Token:
    """A session, for a user name and a password.

    Unknown user, wrong password and deactivated user get the same 401, after the same work. After
    ten failures from one address for one name the next tries have to wait, longer each time: 429
    with `Retry-After`. An address from which the user has logged in before does not mind what
    others fail.
    """
    given = await _credentials(request)
    user = await signed_in_as(request, given.username, given.password)
    token = await signed_in.start(request, user)
    if token is None:
        raise _wrong_credentials()
    response.headers.update(signed_in.NO_STORE)
    return token


@router.post(
    "/refresh", dependencies=[access.anyone], responses=documented(400, 401, 413, 415, 422, 503)
)
async def refresh(request: Request, response: Response, body: Refresh) -> Token:
    """The next access and refresh token; the one that was sent is used up.

    Sent again within 10 seconds (the answer got lost), it gives the same refresh token again. Sent
    again later it was stolen, here or there: the session ends.
    """
    token = await signed_in.refreshed(request, body.refresh_token)
    response.headers.update(signed_in.NO_STORE)
    return token


@router.post("/logout", status_code=204, responses=documented(401, 403, 503))
async def logout(request: Request, user: access.Viewer) -> None:
    """End this session: its access and refresh tokens are over at once."""
    assert user.session_id is not None
    async with store.transaction(request.app.state.pool) as conn:
        if await sessions.end(conn, user.id, user.session_id, "logged out"):
            details = {"username": user.username, "address": clients.of(request).address}
            await audit.record(conn, "auth", f"{user.username} logged out", details=details)


@router.get("/me", responses=documented(401, 403, 503))
async def me(user: access.Viewer) -> Me:
    """The user, or the machine, whose token this is."""
    who = Person.model_validate(user)
    return Me(**dict(who), scopes=None if user.scopes is None else sorted(user.scopes))


@router.get(
    "/sessions",
    responses=documented(401, 403, 503),
    openapi_extra=access.ONLY_PEOPLE,
)
async def list_sessions(request: Request, user: access.Viewer) -> list[Session]:
    """Your sessions that go on, last used first."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await sessions.of_user(conn, user.id)
    return [Session(**vars(one), current=one.id == user.session_id) for one in found]


@router.delete(
    "/sessions/{session_id}", status_code=204, responses=documented(401, 403, 404, 422, 503)
)
async def end_session(request: Request, user: access.Viewer, session_id: UUID) -> None:
    """End one of your sessions: its access and refresh tokens are over at once. With one of a
    browser all your sessions in Grafana end, in a moment."""
    async with store.transaction(request.app.state.pool) as conn:
        if not await sessions.end_elsewhere(conn, user.id, str(session_id), "ended by its user"):
            raise NotFound("You have no session with this id that goes on.")
        message = f"{user.username} ended a session of theirs"
        details = {"username": user.username, "session": str(session_id)}
        await audit.record(conn, "auth", message, details=details)


@router.post("/sessions/revoke-all", responses=documented(401, 403, 503))
async def end_all_sessions(request: Request, user: access.Viewer) -> Ended:
    """End all your sessions, this one and those in Grafana too: log in again after it."""
    async with store.transaction(request.app.state.pool) as conn:
        ended = await sessions.end_all(conn, user.id, "all ended by their user")
        message = f"{user.username} ended all of their {ended} sessions"
        await audit.record(conn, "auth", message, details={"username": user.username})
    return Ended(ended=ended)


async def signed_in_as(
    request: Request, username: str, password: str, what: str = "logged in"
) -> User:
    """The user with this password. Raises :class:`ProblemError` 401 and 429."""
    attempt = Attempt(username, password, clients.of(request))
    try:
        user: User = await request.app.state.doorkeeper.admit(attempt, what)
    except TooManyTries as error:
        raise ProblemError(429, str(error), headers={"Retry-After": str(error.wait)}) from None
    except WrongCredentials:
        refusals.recorded(request)
        raise _wrong_credentials() from None
    return user


def _wrong_credentials() -> ProblemError:
    return ProblemError(
        401, str(WrongCredentials()), "wrong-credentials", headers=signed_in.CHALLENGE
    )


async def _credentials(request: Request) -> Credentials | CredentialsForm:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON:
        return _validated(Credentials, await _json(request))
    if kind in FORMS:
        async with request.form(max_files=0, max_fields=20) as form:
            return _validated(CredentialsForm, dict(form))
    raise ProblemError(415, f"A login is {JSON} or a form ({FORMS[0]}).")


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ProblemError(400, "The body is not JSON.") from None


def _validated(kind: type[Kind], given: Any) -> Kind:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        found = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_input=False)]
        raise RequestValidationError(found) from None

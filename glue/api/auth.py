"""Logging in, and who one is.

A login is JSON, or the form of OAuth2's password grant, which the documentation's *Authorize*
button sends.
"""

from __future__ import annotations

import json
import math
import time
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from glue.api import access, tokens
from glue.api.accounts import Attempt
from glue.api.fields import Body, Reply, Text, Utc
from glue.api.problems import ProblemError, documented
from glue.core.passwords import LONGEST
from glue.core.roles import Role

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


class Person(Reply):
    """A user as others may see them."""

    id: str
    username: str
    email: str
    role: Role
    is_active: bool
    created_at: Utc


class Token(Reply):
    """Send it as ``Authorization: Bearer …``."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds.")
    user: Person


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
    """A token for a user name and a password.

    Unknown user, wrong password and deactivated user get the same 401, after the same work. After
    ten failures in five minutes from one address for one name: 429 with `Retry-After`.
    """
    given = await _credentials(request)
    state = request.app.state
    address = request.client.host if request.client else ""
    key = (address, given.username.lower())
    if wait := state.throttle.begin(key, time.monotonic()):
        raise ProblemError(
            429,
            f"Too many failed logins; try again in {math.ceil(wait)} seconds.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    user = await state.doorkeeper.admit(Attempt(given.username, given.password, address))
    if user is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="tonypi"'}
        raise ProblemError(
            401, "User name or password is wrong.", "wrong-credentials", headers=challenge
        )
    state.throttle.succeeded(key)
    response.headers["Cache-Control"] = "no-store"
    settings = state.settings.glue
    return Token(
        access_token=tokens.issue(user.id, user.role, settings),
        expires_in=settings.jwt_ttl,
        user=Person.model_validate(user),
    )


@router.get("/me", responses=documented(401, 403, 503))
async def me(user: access.Viewer) -> Person:
    """The user whose token this is."""
    return Person.model_validate(user)


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

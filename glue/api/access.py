"""Who may call what, declared on every route in one way.

A route says ``user: Operator`` (or ``Viewer``, ``Admin``), or has ``anyone("why")`` among its
dependencies. :class:`Declared` is the class of all our routes: it refuses a route that says
neither, and writes ``x-roles`` into the OpenAPI operation, from which a test proves the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordBearer

from glue import store
from glue.api import etag, idempotency, tokens
from glue.api.problems import ProblemError, documented
from glue.core.roles import Role, allows, at_least
from glue.store import audit, users
from glue.store.users import User

PREFIX = "/api/v1"
LOGIN = f"{PREFIX}/auth/login"

PUBLIC = {
    ("POST", LOGIN): "it is how one gets a token",
    ("POST", "/webhooks/grafana"): "it has a bearer secret of its own",
    ("GET", "/healthz"): "supervisors and load balancers have no account",
    ("GET", "/readyz"): "supervisors and load balancers have no account",
    ("GET", "/metrics"): "Prometheus has no account; the service listens on loopback by default",
}
"""Routes without a role, and why; beside them the documentation (/docs, /openapi.json)."""

REPEAT = 60.0
"""Seconds in which the same refusal of the same person is recorded once."""

_bearer = OAuth2PasswordBearer(LOGIN, auto_error=False, description="Log in for a token.")


class Access:
    """Dependency: the user who calls, who has at least the role ``least``."""

    def __init__(self, least: Role) -> None:
        self.least = least

    async def __call__(
        self, request: Request, token: Annotated[str | None, Depends(_bearer)]
    ) -> User:
        user = await _caller(request, token)
        if not allows(user.role, self.least):
            await _record_refusal(request, user, self.least)
            raise ProblemError(
                403, f"This takes the role {self.least}; {user.username} is {user.role}."
            )
        await idempotency.begin(request, user.id)
        return user


class Anyone:
    """Dependency of a route that needs no role."""

    async def __call__(self) -> None:
        return None


Viewer = Annotated[User, Depends(Access("viewer"))]
Operator = Annotated[User, Depends(Access("operator"))]
Admin = Annotated[User, Depends(Access("admin"))]
anyone = Depends(Anyone())


class Declared(APIRoute):
    """A route that says who may call it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        declared = _declaration(self.dependant)
        if declared is None:
            raise TypeError(f"{path}: say who may call it (glue/api/access.py)")
        roles = [] if isinstance(declared, Anyone) else list(at_least(declared.least))
        if self.body_field:
            self.responses = {**documented(400, 413), **self.responses}
        extra = {**(self.openapi_extra or {}), "x-roles": roles}
        if idempotency.of(extra):
            extra["parameters"] = [*extra.get("parameters", []), idempotency.PARAMETER]
            self.responses = {**documented(409), **self.responses}
        self.openapi_extra = extra

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return etag.conditional(idempotency.once(super().get_route_handler()))


def router(tag: str, prefix: str = "") -> APIRouter:
    """A router whose routes are all :class:`Declared`."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Declared)


def _declaration(dependant: Dependant) -> Access | Anyone | None:
    for needed in dependant.dependencies:
        if isinstance(needed.call, Access | Anyone):
            return needed.call
    return None


async def _caller(request: Request, token: str | None) -> User:
    if not token:
        raise _unauthorized("Log in, and send the token as `Authorization: Bearer …`.")
    try:
        user_id = tokens.subject(token, request.app.state.settings.glue)
    except tokens.BadToken as error:
        raise _unauthorized(str(error), 'error="invalid_token"') from None
    async with store.transaction(request.app.state.pool) as conn:
        user = await users.by_id(conn, user_id)
    if user is None or not user.is_active:
        raise _unauthorized("This user is no longer active.", 'error="invalid_token"')
    return user


def _unauthorized(detail: str, challenge: str = "") -> ProblemError:
    return ProblemError(
        401, detail, headers={"WWW-Authenticate": f'Bearer realm="tonypi" {challenge}'.strip()}
    )


async def _record_refusal(request: Request, user: User, least: Role) -> None:
    route = request.scope["route"].path
    recorded: dict[tuple[str, str, str], float] = request.app.state.refusals
    now = time.monotonic()
    for key in [k for k, at in recorded.items() if at <= now - REPEAT]:
        del recorded[key]
    key = (user.id, request.method, route)
    if key in recorded:
        return
    recorded[key] = now
    async with store.transaction(request.app.state.pool) as conn:
        await audit.record(
            conn,
            "auth",
            f"{user.username} ({user.role}) was refused {request.method} {route}",
            level="WARNING",
            details={"username": user.username, "role": user.role, "takes": least},
        )

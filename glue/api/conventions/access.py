"""Who may call what, declared on every route in one way.

A route says ``user: Operator`` (or ``Viewer``, ``Admin``), or has ``anyone("why")`` among its
dependencies. :class:`Declared` is the class of all our routes: it refuses a route that says
neither, and writes ``x-roles`` and ``x-scope`` into the OpenAPI operation, from which a test proves
the rest. A person may what the role may; a token of a machine besides that needs the route's scope
(:mod:`glue.core.scopes`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

from glue.api.conventions import callers, clients, etag, idempotency, refusals
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused, documented
from glue.core import scopes
from glue.core.references import hint
from glue.core.roles import Role, allows, at_least

PREFIX = "/api/v1"
LOGIN = f"{PREFIX}/auth/login"
REFRESH = f"{PREFIX}/auth/refresh"

PUBLIC = {
    ("POST", LOGIN): "it is how one gets a token",
    ("POST", REFRESH): "the refresh token in its body says who asks",
    ("POST", "/webhooks/grafana"): "it has a bearer secret of its own",
    ("GET", "/.well-known/openid-configuration"): "it says where to sign in",
    ("GET", "/oauth/jwks"): "public keys",
    ("GET", "/oauth/authorize"): "a browser comes here to sign in",
    ("POST", "/oauth/authorize"): "a browser comes here to sign in",
    ("POST", "/oauth/sign-in"): "it takes name and password, and a form that we showed",
    ("GET", "/oauth/logout"): "it knows the browser by its cookie, and asks first",
    ("POST", "/oauth/logout"): "it knows the browser by its cookie, and a form that we showed",
    ("POST", "/oauth/token"): "Grafana has a secret of its own, and a code of one use",
    ("GET", "/oauth/userinfo"): "it takes the tokens that Grafana got for somebody",
    ("POST", "/oauth/userinfo"): "it takes the tokens that Grafana got for somebody",
    ("GET", "/acknowledge/{token}"): "the link of a message says who asks, and of what",
    ("POST", "/acknowledge/{token}"): "the link of a message says who asks, and of what",
    ("GET", "/oauth/reports"): "a browser comes here to sign in",
    ("POST", "/oauth/reports"): "it takes name and password, and a form that we showed",
    ("GET", "/reports/new"): "it knows the browser by its cookie, or sends it to the sign-in",
    ("POST", "/reports/new"): "it knows the browser by its cookie, and a form that we showed",
    ("GET", "/reports/jobs/{job_id}"): "it knows the browser by its cookie",
    ("GET", "/reports/{report_id}/file"): "it knows the browser by its cookie",
    ("GET", "/reports/shared/{token}"): "the link that was sent says what it opens, and expires",
    ("GET", "/healthz"): "supervisors and load balancers have no account",
    ("GET", "/readyz"): "supervisors and load balancers have no account",
    ("GET", "/metrics"): "from this machine it is open; from another one it asks for a token",
}
"""Routes without a role, and why; beside them the documentation (/docs, /openapi.json)."""

ONLY_PEOPLE: dict[str, Any] = {"x-scope": scopes.SESSION}
"""``openapi_extra`` of a route that takes a person who logged in, and no token of a machine."""

bearer = OAuth2PasswordBearer(LOGIN, auto_error=False, description="Log in for a token.")


class Access:
    """Dependency: who calls, with at least the role ``least`` and the route's scope."""

    def __init__(self, least: Role) -> None:
        self.least = least

    async def __call__(
        self, request: Request, token: Annotated[str | None, Depends(bearer)]
    ) -> Caller:
        user = request.state.caller = await callers.of(request, token)
        await require(request, user, self.least)
        scope = request.scope["route"].openapi_extra["x-scope"]
        if not user.may(scope):
            await _record_refusal(request, user, {"takes": self.least, "scope": scope})
            raise ProblemError(403, _out_of_scope(user, scope), "out-of-scope")
        check_query(request)
        await idempotency.begin(request, user.id)
        return user


class Anyone:
    """Dependency of a route that needs no role."""

    async def __call__(self, request: Request) -> None:
        check_query(request)


Viewer = Annotated[Caller, Depends(Access("viewer"))]
Operator = Annotated[Caller, Depends(Access("operator"))]
Admin = Annotated[Caller, Depends(Access("admin"))]
anyone = Depends(Anyone())


class Declared(APIRoute):
    """A route that says who may call it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.query = frozenset(_query(self.dependant))
        declared = _declaration(self.dependant)
        if declared is None:
            raise TypeError(f"{path}: say who may call it (glue/api/conventions/access.py)")
        roles = [] if isinstance(declared, Anyone) else list(at_least(declared.least))
        if path.startswith(PREFIX):
            self.responses = {**documented(422), **self.responses}
        if self.body_field:
            self.responses = {**documented(400, 413), **self.responses}
        extra = {**(self.openapi_extra or {}), "x-roles": roles}
        if isinstance(declared, Access):
            area, method = str(self.tags[0]) if self.tags else "", min(self.methods or {"POST"})
            extra.setdefault("x-scope", scopes.of_route(method, area, declared.least))
        if self.status_code == 201:
            extra |= idempotency.CREATES
        if idempotency.of(extra):
            extra["parameters"] = [*extra.get("parameters", []), idempotency.PARAMETER]
            self.responses = {**documented(409, 422), **self.responses}
        self.openapi_extra = extra

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return etag.conditional(idempotency.once(super().get_route_handler()))


def check_query(request: Request) -> None:
    """Raises :class:`Refused` for a parameter that the route does not have: a condition
    that is dropped would let everything through. Supervisors and Prometheus, who ask outside of
    the API's prefix, may add what they like."""
    route = request.scope["route"]
    if not route.path.startswith(PREFIX):
        return
    if unknown := [name for name in request.query_params if name not in route.query]:
        errors = [
            {"where": f"query.{name}"[:200], "why": f"no parameter here; {hint(name, route.query)}"}
            for name in unknown
        ]
        raise Refused.all_of(errors)


def router(tag: str, prefix: str = "") -> APIRouter:
    """A router whose routes are all :class:`Declared`."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Declared)


def _declaration(dependant: Dependant) -> Access | Anyone | None:
    for needed in dependant.dependencies:
        if isinstance(needed.call, Access | Anyone):
            return needed.call
    return None


def _query(dependant: Dependant) -> Iterator[str]:
    """The names of its query parameters, with those of what it depends on."""
    for needed in dependant.dependencies:
        yield from _query(needed)
    for one in dependant.query_params:
        kind = one.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (field.alias or name for name, field in kind.model_fields.items())
        else:
            yield one.alias


def _out_of_scope(user: Caller, scope: str) -> str:
    has = ", ".join(sorted(user.scopes or ()))
    if scope == scopes.SESSION:
        return "This takes a person who logged in; a token of a machine will not do."
    return f"This takes the scope {scope}; the token has {has}."


async def require(request: Request, user: Caller, least: Role) -> None:
    """Raises :class:`ProblemError` 403, and records it, where ``user`` has less than ``least``."""
    if not allows(user.role, least):
        await _record_refusal(request, user, {"takes": least})
        raise ProblemError(403, f"This takes the role {least}; {user.username} is {user.role}.")


async def _record_refusal(request: Request, user: Caller, takes: dict[str, str]) -> None:
    route = request.scope["route"].path
    message = f"{user.username} ({user.role}) was refused {request.method} {route}"
    details = {
        "username": user.username,
        "role": user.role,
        "address": clients.of(request).address,
        **takes,
    }
    await refusals.record(request, user.id, message, details)

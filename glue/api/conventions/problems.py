"""One error shape on every route: problem details of RFC 9457.

``type`` is a stable name for programs, ``title`` says it in a few words, ``detail`` says what
happened and what to do, ``instance`` is the path asked for; a refused body or query also has
``errors``, one entry a value. Nothing that was sent is repeated: it may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from glue.store import StoreError, StoreUnavailable, references, transaction
from glue.store.references import InUse, UnknownNames

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's words; Python before 3.13 has older ones, and ``type`` must not depend on that."""

RETRY_AFTER = 5
"""Seconds. PostgreSQL restarts in about that time."""


class Refusal(BaseModel):
    """One value that was refused."""

    where: str = Field(description="Its place, as in `body.warning` or `query.limit`.")
    why: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(examples=["urn:tonypi:problem:not-found"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Refusal] | None = None


class ProblemError(Exception):
    """Raised by routes; becomes the answer.

    ``name`` is the last part of ``type``. ``headers`` and ``more`` members go along.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        name: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.name = name or _slug(status)
        self.headers = dict(headers or {})
        self.more = dict(more or {})


class NotFound(ProblemError):
    """404 for a thing that is not there. ``named``: what was given outside of the path, by the name
    of its filter (``robot_id``); the nearest that is there is suggested."""

    def __init__(self, detail: str, named: Mapping[str, str] | None = None) -> None:
        super().__init__(404, detail)
        self.named = dict(named or {})


class Refused(ProblemError):
    """422 for values that are well formed but make no sense: ``where`` as in :class:`Refusal`."""

    def __init__(self, where: str, why: str) -> None:
        errors = [{"where": where, "why": why}]
        super().__init__(422, f"{where}: {why}", "refused", more={"errors": errors})

    @classmethod
    def all_of(cls, errors: Sequence[dict[str, str]]) -> Refused:
        """Several (where, why) at once, as :class:`Refusal` has them."""
        made = cls(**errors[0])
        made.detail = "; ".join(f"{one['where']}: {one['why']}" for one in errors[:3])
        if len(errors) > 3:
            made.detail += f"; and {len(errors) - 3} more"
        made.more = {"errors": errors[:100]}
        return made


def problem(
    path: str,
    status: int,
    detail: str,
    name: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """The answer. Text that UTF-8 cannot carry (half a surrogate pair) is replaced."""
    content = {
        "type": f"urn:tonypi:problem:{name or _slug(status)}",
        "title": _phrase(status),
        "status": status,
        "detail": _clean(detail),
        "instance": _clean(path),
        **(more or {}),
    }
    return JSONResponse(content, status, dict(headers or {}), media_type=MEDIA_TYPE)


def answer(path: str, error: ProblemError) -> Response:
    """What who asked for ``path`` gets for ``error``."""
    return problem(
        path, error.status, error.detail, error.name, headers=error.headers, more=error.more
    )


def of_names(error: UnknownNames | InUse) -> ProblemError:
    """422 for names that are not there, 409 for what is still named."""
    if isinstance(error, InUse):
        return ProblemError(409, f"Nothing was changed: {error}.", "in-use")
    errors = [{"where": f"{error.place}.{field}", "why": why} for field, why in error.errors]
    return Refused.all_of(errors)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in this shape."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(StoreUnavailable, _on_unavailable)
    app.add_exception_handler(UnknownNames, _on_names)
    app.add_exception_handler(InUse, _on_names)
    app.add_exception_handler(Exception, _on_bug)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of routes and routers."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": _phrase(status),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    if isinstance(error, NotFound):
        error.detail += await _nearest(request, {**request.path_params, **error.named})
    request.state.refused_because = error.detail
    return answer(request.url.path, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = request.state.refused_because = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = f"There is nothing at {request.url.path}; /docs lists what there is."
    headers = dict(error.headers or {})
    if error.status_code == 405:
        if offered := _offered(request):
            headers["Allow"] = offered
        detail = f"{request.method} is not offered here; {headers.get('Allow', 'another')} is."
    if error.status_code == 400 and detail == "There was an error parsing the body":
        detail = "The body cannot be read as JSON."
    return problem(request.url.path, error.status_code, detail, headers=headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request.url.path, Refused.all_of(list(_refusals(error.errors()))))


async def _on_unavailable(request: Request, error: Exception) -> Response:
    log.warning("api.store_unavailable", path=request.url.path, error=str(error))
    return problem(
        request.url.path,
        503,
        "PostgreSQL cannot be reached. Nothing was changed; try again in a few seconds.",
        "store-unavailable",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


async def _nearest(request: Request, named: Mapping[str, Any]) -> str:
    """What the request may have meant to name, as a sentence."""
    wanted = {name: named.get(name) for name in references.FILTERS}
    try:
        async with transaction(request.app.state.pool) as conn:
            await references.check_filters(conn, wanted)
    except references.UnknownNames as error:
        return f" {error}."
    except StoreError:
        pass
    return ""


async def _on_names(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnknownNames | InUse)
    return await _on_problem(request, of_names(error))


async def _on_bug(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, and the server logs it with its traceback.
    return problem(
        request.url.path,
        500,
        "The service made an error; its log says more. Trying again may help.",
    )


def _offered(request: Request) -> str:
    """All methods of a path; Starlette names those of the first route only."""
    methods: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", path), request.url.path):
            methods |= {method.upper() for method in operations}
    return ", ".join(sorted(methods))


def _refusals(errors: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, str]]:
    for error in errors:
        where = ".".join(str(part) for part in error.get("loc", ()))
        why = str(error.get("msg", "refused")).removeprefix("Value error, ")
        yield {"where": _clean(where)[:200], "why": _clean(why)[:500]}


def _slug(status: int) -> str:
    return _phrase(status).lower().replace(" ", "-")


def _phrase(status: int) -> str:
    return RENAMED.get(status) or HTTPStatus(status).phrase


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

"""The console as an application of its own, mounted beside the API, with errors as pages."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from glue import store
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import RETRY_AFTER, ProblemError
from glue.console import browser
from glue.console.drawing import LiveLines
from glue.console.page import SignInFirst, go, query, show
from glue.console.pages import PAGES
from glue.series import SeriesError

log = structlog.get_logger()

ROOT = "/console"
SIGN_IN = "/sign-in"
ASSETS_KEPT = "public, max-age=3600"

TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Page not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed by somebody else",
    413: "Too large",
    422: "Invalid input",
    429: "Too many attempts",
    428: "Please confirm",
    500: "Internal error",
    503: "Temporarily unavailable",
    504: "No answer",
}


def install(app: FastAPI) -> None:
    """Serve the console of ``app``, whose API and state it uses, at ``/console``; ``/`` leads
    there."""
    pages = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    pages.state = app.state
    app.state.live_lines = LiveLines(app.state.series)
    folder = files("glue.console") / "static"
    pages.mount("/static", _Assets(directory=str(folder)), name="console-static")
    for module in PAGES:
        pages.include_router(module.router)
    for kind in (ProblemError, HTTPException, RequestValidationError, SeriesError):
        pages.add_exception_handler(kind, _failed)
    pages.add_exception_handler(store.StoreUnavailable, _failed)
    pages.add_exception_handler(SignInFirst, _sign_in)
    pages.add_exception_handler(Exception, _bug)
    app.mount(ROOT, pages, name="console")
    app.add_route("/", _to_console, include_in_schema=False)
    app.add_route(ROOT, _to_console, include_in_schema=False)


class _Assets(StaticFiles):
    """Style and script; they may be kept, pages may not."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = ASSETS_KEPT
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


async def _to_console(request: Request) -> Response:
    return RedirectResponse(f"{browser.root(request.app.state.settings)}/", 307)


async def _sign_in(request: Request, error: Exception) -> Response:
    """To the form, and from there back to the page that was asked for."""
    here = request.url.path.removeprefix(request.scope.get("root_path", ""))
    told = "" if request.method == "GET" else "You were signed out meanwhile; nothing was changed."
    asked = request.url.query
    then = f"{here}?{asked}" if asked else here
    back = {"then": then} if request.method == "GET" and then != "/" else {}
    return go(request, SIGN_IN + query(back), told)


async def _failed(request: Request, error: Exception) -> Response:
    """What happened, why, what to do."""
    status, detail, errors, headers = _told(error)
    if status == 503:
        log.warning("console.unavailable", path=request.url.path, error=str(error))
    answer = await _page(request, status, detail, errors)
    answer.headers.update(headers)
    return answer


async def _page(
    request: Request, status: int, detail: str, errors: list[dict[str, str]]
) -> Response:
    """A page with the menu of whoever is signed in, where that is known."""
    title = TITLES.get(status, "That did not work")
    reader = await _reader(request, status)
    given = {"title": title, "code": status, "detail": detail, "errors": errors}
    return show(request, "error", reader, status, **given)


async def _reader(request: Request, status: int) -> Caller | None:
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None or status == 503:
        return known  # Who is not known yet is not asked of a PostgreSQL that is away.
    try:
        return await browser.caller(request)
    except store.StoreUnavailable:
        return None


def _told(error: Exception) -> tuple[int, str, list[dict[str, str]], dict[str, str]]:
    again = {"Retry-After": str(RETRY_AFTER)}
    if isinstance(error, ProblemError):
        return error.status, error.detail, error.more.get("errors") or [], error.headers
    if isinstance(error, RequestValidationError):
        errors = [
            {"where": str(one["loc"][-1]), "why": str(one["msg"]).removeprefix("Value error, ")}
            for one in error.errors()
        ]
        return 422, "What the address asks for makes no sense.", errors, {}
    if isinstance(error, store.StoreUnavailable):
        return (
            503,
            "PostgreSQL cannot be reached. Nothing was changed; try again in a few seconds. Robots"
            " can be stopped nevertheless.",
            [],
            again,
        )
    if isinstance(error, SeriesError):
        return 503, f"InfluxDB could not be asked; try again. {str(error)[:300]}", [], again
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return 404, "There is no page at this address. It may have been moved.", [], {}
    return error.status_code, str(error.detail), [], dict(error.headers or {})


async def _bug(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, and the server logs it with its traceback.
    said = "The service made an error; its log says more. Trying again may help."
    return await _page(request, 500, said, [])

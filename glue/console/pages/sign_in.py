"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from glue import store
from glue.api.conventions import clients, refusals
from glue.api.people.accounts import Attempt, SignInRefused, TooManyTries, WrongCredentials
from glue.api.sign_on import browser as sign_on
from glue.console import browser, page
from glue.core import passwords
from glue.store import audit, oidc

router = page.router()

Then = Annotated[str, Query(max_length=2000)]


@router.get("/sign-in")
async def ask(request: Request, then: Then = "") -> Response:
    """The form; who is signed in already goes on."""
    if await browser.caller(request):
        return page.go(request, _within(then))
    return _form(request, then)


@router.post("/sign-in")
@page.does()
async def sign_in(request: Request, then: Then = "") -> Response:
    """Name and password, as at the other doors: the same throttle, the same records."""
    form = await page.form(request)
    name, password = form["username"][:50], form.exactly("password")
    state = request.app.state
    if not name or len(password) > passwords.LONGEST or "\x00" in name + password:
        return _form(request, then, name, str(WrongCredentials()), 403)
    try:
        attempt = Attempt(name, password, clients.of(request))
        user = await state.doorkeeper.admit(attempt, "signed in to the console")
        token, session = await sign_on.open_session(request, user)
        if session is None:
            raise WrongCredentials
    except SignInRefused as error:
        # The doorkeeper has it in the logs, with the reason.
        refusals.recorded(request)
        late = isinstance(error, TooManyTries)
        answer = _form(request, then, name, str(error), 429 if late else 403)
        if isinstance(error, TooManyTries):
            answer.headers["Retry-After"] = str(error.wait)
        return answer
    answer = page.go(request, _within(then))
    sign_on.keep_session(answer, token, state.settings)
    return answer


@router.post("/sign-out")
@page.does()
async def sign_out(request: Request, reader: page.Reader) -> Response:
    """Here, and where Grafana asks us."""
    assert reader.session_id is not None
    async with store.transaction(request.app.state.pool) as conn:
        await oidc.end_session(conn, reader.session_id)
        details = {"username": reader.username, "address": clients.of(request).address}
        await audit.record(conn, "auth", f"{reader.username} signed out", details=details)
    answer = page.go(request, "/sign-in", "You are signed out.")
    browser.forget(answer, request.app.state.settings)
    return answer


def _form(
    request: Request, then: str, username: str = "", wrong: str = "", status: int = 200
) -> Response:
    return page.show(request, "sign_in", None, status, then=then, username=username, wrong=wrong)


def _within(then: str) -> str:
    """``then`` where it is a path of the console; nobody is led elsewhere from here."""
    own = then.startswith("/") and not then.startswith(("//", "/\\"))
    return then if own and then.isprintable() else "/"

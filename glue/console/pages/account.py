"""One's own account: who one is, another password, where one is signed in."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from glue import store
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.people import auth, own_account, tokens
from glue.api.people.shapes import OwnPassword
from glue.api.sign_on import browser as sign_on
from glue.console import forms, page
from glue.console.operations import perform
from glue.core.passwords import SHORTEST
from glue.store import sessions, users

router = page.router("/account")


@router.get("")
async def account(request: Request, reader: page.Reader) -> Response:
    """Name, role, sessions."""
    return await _show(request, reader)


@router.post("/password")
@page.does(own_account.change_password)
async def change_password(request: Request, reader: page.Reader) -> Response:
    """Another password. All sessions end, and this browser gets a new one."""
    form = await page.form(request)
    given = {name: form.exactly(name) for name in ("old_password", "new_password")}
    state = request.app.state
    try:
        if given["new_password"] != form.exactly("again"):
            raise Refused("new_password", "the two are not the same")
        body = forms.body(OwnPassword, given)
        made = await perform(own_account.change_password, request, reader, body=body)
    except ProblemError as problem:
        return await _show(request, reader, problem)
    # The API answers with a session for a program; this is a browser.
    unused = tokens.read(made.access_token, state.settings.glue)
    async with store.transaction(state.pool) as conn:
        await sessions.end(conn, reader.id, unused.session_id, "a browser needs none")
        user = await users.by_id(conn, reader.id)
    assert user is not None
    answer = page.go(request, "/account", "You have another password; other sessions are over.")
    token, session = await sign_on.open_session(request, user)
    if session is not None:
        sign_on.keep_session(answer, token, state.settings)
    return answer


@router.post("/sessions/{session_id}")
@page.does(auth.end_session)
async def end_session(request: Request, reader: page.Reader, session_id: UUID) -> Response:
    """Sign out somewhere else."""
    await perform(auth.end_session, request, reader, session_id=session_id)
    return page.go(request, "/account", "That session is over.")


@router.post("/sessions")
@page.does(auth.end_all_sessions)
async def end_all(request: Request, reader: page.Reader) -> Response:
    """Sign out everywhere, here too."""
    ended = await perform(auth.end_all_sessions, request, reader)
    return page.go(request, "/sign-in", f"{ended.ended} sessions are over, this one too.")


async def _show(request: Request, reader: Caller, problem: ProblemError | None = None) -> Response:
    found = await perform(auth.list_sessions, request, reader)
    return page.show(request, "account", reader, sessions=found, shortest=SHORTEST, problem=problem)

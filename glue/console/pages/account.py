"""One's own account: who one is, where one is signed in."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from glue.api.people import auth
from glue.console import page
from glue.console.operations import perform

router = page.router("/account")


@router.get("")
async def account(request: Request, reader: page.Reader) -> Response:
    """Name, role, sessions."""
    sessions = await perform(auth.list_sessions, request, reader)
    return page.show(request, "account", reader, sessions=sessions)


@router.post("/sessions/{session_id}")
async def end_session(request: Request, reader: page.Reader, session_id: UUID) -> Response:
    """Sign out somewhere else."""
    await perform(auth.end_session, request, reader, session_id=session_id)
    return page.go(request, "/account", "That session is over.")


@router.post("/sessions")
async def end_all(request: Request, reader: page.Reader) -> Response:
    """Sign out everywhere, here too."""
    ended = await perform(auth.end_all_sessions, request, reader)
    return page.go(request, "/sign-in", f"{ended.ended} sessions are over, this one too.")

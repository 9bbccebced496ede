"""A bound on request bodies, so that nobody fills the memory with one post.

Counts what arrives, whatever ``Content-Length`` says. The webhook has a limit of its own.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glue.api.conventions.problems import problem

MOST = 1024 * 1024
"""Bytes. The largest body we take is a robot's settings, 64 KiB."""


class BodyLimit:
    """ASGI middleware: 413 for a body above :data:`MOST`, except below ``exempt``. What is below
    ``pages`` tells it by itself, on a page."""

    def __init__(self, app: ASGIApp, exempt: str, pages: str) -> None:
        self._app = app
        self._exempt = exempt
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return
        if _announced(scope) > MOST and not scope["path"].startswith(self._pages):
            # Closing the connection spares us from reading the rest of it.
            answer = problem(scope["path"], 413, _TOO_LARGE, headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > MOST:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counted, send)


_TOO_LARGE = f"A body may have {MOST} bytes at most."


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0

"""Refusals in ``system_logs``: the same one of the same caller once a minute, with how often.

Who knows more of a refusal (whose token, which scope) records it where it is made. What is left,
whatever route or page answers 401 or 403, :class:`RecordRefusals` records.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glue import store
from glue.api.conventions import clients
from glue.core.folding import Folding
from glue.store import audit


async def record_anonymous(request: Request, address: str) -> None:
    """Record that ``address`` asked without a token: once a minute, whatever it asked for. Raises
    ``StoreUnavailable``."""
    what = f"{request.method} {request.scope['route'].path}"
    details = {"address": address, "asked": what}
    await _fold(
        request, ("anonymous", address), "refused a request without a token", details, "INFO"
    )


async def record(
    request: Request,
    who: Hashable,
    message: str,
    details: Mapping[str, Any],
    level: audit.Level = "WARNING",
) -> None:
    """Record that the request was refused; ``who`` and the route say which refusals are the same.
    Raises ``StoreUnavailable``."""
    key = (who, request.method, request.scope["route"].path, message)
    await _fold(request, key, message, details, level)


def recorded(request: Request) -> None:
    """It is in the logs already, or it is none: nothing is left to record of this request."""
    request.state.refusal_recorded = True


def because(request: Request, why: str) -> None:
    """Why the answer will be a refusal, in words for people."""
    request.state.refused_because = why


class RecordRefusals:
    """ASGI middleware: records each 401 and 403 that nobody else has recorded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, seen)
        if scope["type"] == "http" and status in (401, 403):
            request = Request(scope)
            if not getattr(request.state, "refusal_recorded", False):
                with suppress(store.StoreUnavailable):
                    await _record_left(request, status)


async def _record_left(request: Request, status: int) -> None:
    address = clients.of(request).address
    route = getattr(request.scope.get("route"), "path", request.url.path[:200])
    details: dict[str, Any] = {"address": address, "asked": f"{request.method} {route}"}
    caller = getattr(request.state, "caller", None)
    if caller is not None:
        details |= {"username": caller.username, "role": caller.role}
    why = getattr(request.state, "refused_because", HTTPStatus(status).phrase)
    who = caller.username if caller else "somebody"
    message = f"{who} was refused {details['asked']}: {why}"
    key = (details.get("username", address), status, message)
    await _fold(request, key, message, details, "WARNING")


async def _fold(
    request: Request,
    key: Hashable,
    message: str,
    details: Mapping[str, Any],
    level: audit.Level,
) -> None:
    recorded(request)
    folding: Folding = request.app.state.refusals
    times = folding.times(key, time.monotonic())
    if not times:
        return
    told = {**details, "times": times} if times > 1 else dict(details)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.record(conn, "auth", message, level=level, details=told)

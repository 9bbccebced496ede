"""Refusals in ``system_logs``: the same one of the same caller once a minute, with how often."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from typing import Any

from fastapi import Request

from glue import store
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


async def _fold(
    request: Request,
    key: Hashable,
    message: str,
    details: Mapping[str, Any],
    level: audit.Level,
) -> None:
    folding: Folding = request.app.state.refusals
    times = folding.times(key, time.monotonic())
    if not times:
        return
    told = {**details, "times": times} if times > 1 else dict(details)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.record(conn, "auth", message, level=level, details=told)

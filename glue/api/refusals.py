"""Refusals in ``system_logs``: the same one of the same caller once a minute, with how often."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from typing import Any

from fastapi import Request

from glue import store
from glue.core.folding import Folding
from glue.store import audit


async def record(
    request: Request,
    who: Hashable,
    message: str,
    details: Mapping[str, Any],
    level: audit.Level = "WARNING",
) -> None:
    """Record that the request was refused; ``who`` and the route say which refusals are the same.
    Raises ``StoreUnavailable``."""
    folding: Folding = request.app.state.refusals
    key = (who, request.method, request.scope["route"].path, message)
    times = folding.times(key, time.monotonic())
    if not times:
        return
    told = {**details, "times": times} if times > 1 else dict(details)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.record(conn, "auth", message, level=level, details=told)

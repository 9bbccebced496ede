"""Robots in emergency stop, held against their alerts whenever a robot's record changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import structlog

from glue import store
from glue.changes import Changes
from glue.core import emergency
from glue.core.episodes import Observation
from glue.store import alerts, robots

log = structlog.get_logger()

Take = Callable[[Sequence[Observation], Set[tuple[str, str, str]]], Awaitable[Any]]
"""The intake of alerts: observations, and whose series is gone rather than recovered."""

LOOK_S = 10.0
"""Without a hint, so often."""
GATHER_S = 0.2


class Emergencies:
    """``take`` is where observations go."""

    def __init__(self, pool: store.Pool, changes: Changes, take: Take) -> None:
        self._pool = pool
        self._changes = changes
        self._take = take
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled."""
        with self._changes.subscribe({"robots"}, most=1) as feed:
            while True:
                try:
                    await self.look()
                    self._trouble = ""
                except store.StoreUnavailable as error:
                    if not self._trouble:
                        log.warning("emergencies.store_unavailable", why=str(error))
                    self._trouble = str(error)
                await asyncio.sleep(GATHER_S)
                await feed.next(LOOK_S)

    async def look(self) -> None:
        """One comparison. Raises ``StoreUnavailable``."""
        async with store.transaction(self._pool) as conn:
            stopped = await robots.stopped(conn)
            held = await alerts.firing(conn)
        seen, gone = emergency.differences(stopped, held, datetime.now(UTC))
        if seen:
            await self._take(seen, gone)

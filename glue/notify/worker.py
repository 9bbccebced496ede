"""The loops: who is to be told is decided as soon as an alert changes, and what is due is sent.

PostgreSQL's word that something changed is only a hint; once a second everything is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from glue import store
from glue.changes import Changes
from glue.messengers.apprise import Messenger
from glue.notify import flaps
from glue.notify.router import Router
from glue.notify.sender import Sender
from glue.settings import Settings
from glue.store import outbox

log = structlog.get_logger()

LOOK_S = 1.0
"""At most between two looks at what waits."""
WATCH_S = 2.0
"""Between two looks at what nobody acknowledged."""
SHORTEST_S = 0.1
"""Between two looks at what is due."""
AGAIN_S = 2.0
"""After PostgreSQL was away."""
FAILING_LANES = 3
"""Messages to targets that fail, at a time."""


class Worker:
    """``await worker.run(changes)`` until cancelled."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.messenger = Messenger(settings.notify)
        self._pool = pool
        self.router = Router(pool, clock, settings.notify.outage_wait, flaps.rules_of(settings))
        self.sender = Sender(settings, pool, self.messenger)
        self._wake = asyncio.Event()
        self._patience = store.Patience("notifications", AGAIN_S)

    async def run(self, changes: Changes) -> None:
        """Route and send until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._route(changes))
                tasks.create_task(self._patience.forever(self._watch))
                tasks.create_task(self._patience.forever(self._send))
                for _ in range(FAILING_LANES):
                    tasks.create_task(self._patience.forever(self._send_failing))
        finally:
            self.messenger.close()

    async def _route(self, changes: Changes) -> None:
        with changes.subscribe({"alerts"}) as feed:

            async def look() -> None:
                if await self.router.route():
                    self._wake.set()
                await feed.next(LOOK_S)

            await self._patience.forever(look)

    async def _watch(self) -> None:
        if await self.router.watch():
            self._wake.set()
        await asyncio.sleep(WATCH_S)

    async def _send(self) -> None:
        # Before the look, so that what is queued during it is seen by the next one.
        self._wake.clear()
        if await self.sender.send_next() is None:
            await self._pause()

    async def _send_failing(self) -> None:
        if await self.sender.send_next(failing=True) is None:
            await asyncio.sleep(WATCH_S)

    async def _pause(self) -> None:
        async with store.transaction(self._pool) as conn:
            due = await outbox.next_due(conn)
        wait = LOOK_S if due is None or due < SHORTEST_S else min(LOOK_S, due)
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            pass

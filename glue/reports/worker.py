"""The loops: schedules become jobs, jobs become reports, reports are sent, old files go.

Each report is made in a process of its own (:mod:`glue.reports.process`), so that a large one
neither keeps the API waiting nor leaves its memory behind. The lease of its job is renewed here,
and the process ended when the job is not ours any more.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from glue import store
from glue.environment import exported
from glue.messengers.apprise import Messenger
from glue.reports import keeping, scheduler
from glue.reports.sender import Sender
from glue.settings import Settings
from glue.store import report_jobs
from glue.store.report_jobs import LEASE_S, Lease

log = structlog.get_logger()

LOOK_S = 2.0
"""Between two looks at what waits; a hint comes sooner."""
WATCH_S = 1.0
"""Between two looks at the job of a process."""
SCHEDULE_S = 5.0
SEND_S = 5.0
PRUNE_S = 3600.0
AGAIN_S = 5.0
"""After PostgreSQL was away."""
PATIENCE_S = 5.0
"""That a process is given to end."""


class Worker:
    """``await worker.run()`` until cancelled; :meth:`hint` after a job was added."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._messenger = Messenger(settings.notify)
        self.sender = Sender(settings, pool, self._messenger)
        self._wake = asyncio.Event()
        self._patience = store.Patience("reports", AGAIN_S)

    def hint(self) -> None:
        """There may be a job."""
        self._wake.set()

    async def run(self) -> None:
        """All loops until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._settings.reports.at_once):
                    tasks.create_task(self._patience.forever(self._make_next))
                tasks.create_task(self._patience.forever(self._schedule))
                tasks.create_task(self._patience.forever(self._send))
                tasks.create_task(self._patience.forever(self._prune))
        finally:
            self._messenger.close()

    async def make_next(self) -> bool:
        """Make the next report that waits; False when none does. Raises ``StoreUnavailable``."""
        async with store.transaction(self._pool) as conn:
            await report_jobs.give_up(conn)
            held = await report_jobs.lease(conn)
        if held is None:
            return False
        log.info("report.begun", job=held.id, kind=held.request.kind, attempt=held.attempt)
        began = time.monotonic()
        code = await self._in_process(held)
        log.info("report.over", job=held.id, exit=code, seconds=round(time.monotonic() - began, 1))
        return True

    async def _in_process(self, held: Lease) -> int | None:
        command = [sys.executable, "-m", "glue.reports.process", str(held.id), str(held.lease)]
        process = await asyncio.create_subprocess_exec(
            *command,
            # Held open while we live; its end is the process's end.
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, **exported(self._settings)},
        )
        ended = asyncio.create_task(process.wait())
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=WATCH_S)
                if not ended.done() and not await self._ours(held):
                    break
        except asyncio.CancelledError:
            # The glue stops: the next one begins anew, without counting this as a failure.
            await self._end(process, ended)
            await asyncio.shield(self._release(held))
            raise
        # Over is a job a moment before its process.
        await asyncio.wait({ended}, timeout=WATCH_S)
        await self._end(process, ended)
        return process.returncode

    async def _ours(self, held: Lease) -> bool:
        """Renews the lease. While PostgreSQL is away nobody can take it; it may be back soon."""
        try:
            async with store.transaction(self._pool) as conn:
                return await report_jobs.keep(conn, held)
        except store.StoreUnavailable:
            return True

    async def _release(self, held: Lease) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), store.transaction(self._pool) as conn:
                await report_jobs.release(conn, held)
        except (store.StoreUnavailable, TimeoutError):
            log.warning("report.lease_runs_out", job=held.id, seconds=LEASE_S)

    @staticmethod
    async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        if not ended.done():
            process.kill()
        await asyncio.shield(ended)

    async def _make_next(self) -> None:
        self._wake.clear()
        if not await self.make_next():
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _schedule(self) -> None:
        if await scheduler.run_due(self._pool, self._clock):
            self.hint()
        await asyncio.sleep(SCHEDULE_S)

    async def _send(self) -> None:
        if not await self.sender.send_next():
            await asyncio.sleep(SEND_S)

    async def _prune(self) -> None:
        await keeping.prune(self._settings, self._pool)
        await asyncio.sleep(PRUNE_S)

"""Maintenances whose end has come, and windows that begin. The views of limits and silence know
both by themselves, also while the glue is down; here it is written down, for lists, marks and
listeners, and so is when windows take place in the months to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from glue import store
from glue.events import maintenance_windows
from glue.store import audit, fleet, maintenance

log = structlog.get_logger()

EVERY_S = 5.0
PLAN_EVERY = timedelta(hours=1)


class Maintenance:
    """``every``: seconds between two looks."""

    def __init__(
        self,
        pool: store.Pool,
        every: float = EVERY_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._every = every
        self._clock = clock
        self._planned: datetime | None = None
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled. A PostgreSQL that is away is waited for."""
        while True:
            try:
                await self.look()
                self._trouble = ""
            except store.StoreUnavailable as error:
                if not self._trouble:
                    log.warning("maintenance.store_unavailable", why=str(error))
                self._trouble = str(error)
            await asyncio.sleep(self._every)

    async def look(self) -> list[str]:
        """Write down which are over, and which windows begin; gives the robots whose maintenance
        ended in time. Raises ``StoreUnavailable``."""
        now = self._clock()
        async with store.transaction(self._pool) as conn:
            await maintenance.lock(conn)
            if self._planned is None or now - self._planned >= PLAN_EVERY:
                await maintenance.plan(conn, now)
            ended = await fleet.end_maintenance_in_time(conn)
            for robot_id in ended:
                message = f"The maintenance of robot {robot_id} ended at its time"
                await audit.record(conn, "system", message, robot_id=robot_id)
            moved = await maintenance_windows.apply(conn)
        if self._planned is None or now - self._planned >= PLAN_EVERY:
            self._planned = now
        if moved:
            log.info("maintenance.windows", count=len(moved), first=[m.robot_id for m in moved[:5]])
        if ended:
            log.info("maintenance.ended", count=len(ended), first=ended[:5])
        return ended

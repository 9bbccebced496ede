"""Maintenances whose end has come. The views of limits and silence know by themselves that they are
over, also while the glue is down; here it is written down, for lists, marks and listeners."""

from __future__ import annotations

import asyncio

import structlog

from glue import store
from glue.store import audit, fleet

log = structlog.get_logger()

EVERY_S = 5.0


class Maintenance:
    """``every``: seconds between two looks."""

    def __init__(self, pool: store.Pool, every: float = EVERY_S) -> None:
        self._pool = pool
        self._every = every
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
        """Write down which are over; gives the robots. Raises ``StoreUnavailable``."""
        async with store.transaction(self._pool) as conn:
            ended = await fleet.end_maintenance_in_time(conn)
            for robot_id in ended:
                message = f"The maintenance of robot {robot_id} ended at its time"
                await audit.record(conn, "system", message, robot_id=robot_id)
        if ended:
            log.info("maintenance.ended", count=len(ended), first=ended[:5])
        return ended

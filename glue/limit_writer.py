"""The limits in force, copied from PostgreSQL into InfluxDB, where the rules read them.

A look reads all limits and writes the points that differ. It is woken by what changes, and taken
every few seconds besides: a maintenance begins and ends without anybody writing a row. What
InfluxDB holds is read at the start and every few minutes, for it may have been emptied or restored.
What is written stays: with this process dead, rules go on with the limits of then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from glue import store
from glue.changes import Changes
from glue.core import limit_points
from glue.core.limit_points import Fields, Key
from glue.series import SeriesError
from glue.series.limit_points import LimitPoints
from glue.settings import Settings
from glue.store import heartbeats, limits

log = structlog.get_logger()

TABLES = ("robots", "alert_thresholds")
EVERY_S = 5.0
READ_EVERY_S = 300.0
SETTLE_S = 0.5
"""Between two looks that changes ask for: a fleet that appears at once is some looks and not
thousands."""
HEARTBEAT = "limits"


class LimitWriter:
    """Keeps the points of one fleet as PostgreSQL says."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._points = LimitPoints(settings.influx)
        self._fleet = f"{settings.influx.bucket}/{settings.postgres.database}"
        self._clock = clock
        self._stored: dict[Key, Fields] | None = None
        self._read_at = 0.0
        self._trouble = ""

    async def run(self, changes: Changes) -> None:
        """Look at every change and every few seconds, until cancelled."""
        with changes.subscribe(TABLES) as feed:
            while True:
                await self._look_and_report()
                await asyncio.sleep(SETTLE_S)
                await feed.next(EVERY_S - SETTLE_S)

    async def look(self) -> int:
        """Write what differs; the number of points. Raises ``StoreError``, ``SeriesError``."""
        if self._stored is None or time.monotonic() - self._read_at > READ_EVERY_S:
            self._stored = await self._points.stored()
            self._read_at = time.monotonic()
        async with store.transaction(self._pool) as conn:
            rows = await limits.configured(conn)
        wanted = limit_points.wanted(rows, self._fleet)
        changed = limit_points.differing(wanted, self._stored, self._fleet)
        if changed:
            stored, self._stored = self._stored, None  # unknown until InfluxDB has answered
            await self._points.write([limit_points.line(*one) for one in changed.items()])
            self._stored = stored | changed
        return len(changed)

    async def _look_and_report(self) -> None:
        try:
            written = await self.look()
            trouble = ""
            if written:
                log.info("limits.written", points=written)
            async with store.transaction(self._pool) as conn:
                await heartbeats.beat(conn, HEARTBEAT, self._clock(), {})
        except (store.StoreError, SeriesError) as error:
            trouble = str(error)
        if trouble != self._trouble:
            log.warning("limits.failed", reason=trouble) if trouble else log.info("limits.works")
        self._trouble = trouble


async def write_once(settings: Settings) -> int:
    """Write what differs now; the number of points. Raises as :meth:`LimitWriter.look` does."""
    async with store.open_pool(settings.postgres) as pool:
        return await LimitWriter(settings, pool).look()

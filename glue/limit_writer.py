"""The limits in force, copied from PostgreSQL into InfluxDB, where the rules read them.

A look reads all limits and writes the points that differ. It is woken by what changes, and taken
every few seconds besides: a maintenance begins and ends without anybody writing a row. What
InfluxDB holds is read at the start and every few minutes, for it may have been emptied or restored.
What is written stays: with this process dead, rules go on with the limits of then.

The heartbeat is of the last look that was whole; what has failed since is in its details, and the
rule on pipelines "Limits not written" counts from it.
"""

from __future__ import annotations

import asyncio
import contextlib
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
        takes_over: bool = False,
    ) -> None:
        """``takes_over``: the limits of another fleet give way."""
        self._pool = pool
        self._points = LimitPoints(settings.influx)
        self._fleet = f"{settings.influx.bucket}/{settings.postgres.database}"
        self._clock = clock
        self._stored: dict[Key, Fields] | None = None
        self._read_at = 0.0
        self._trouble = ""
        self._whole_at = clock()
        self._takes_over = takes_over

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
            self._stored = await self._points.stored_or_made()
            self._read_at = time.monotonic()
        owner = limit_points.owner(self._stored)
        if owner not in ("", self._fleet) and not self._takes_over:
            self._stored = None
            raise SeriesError(
                f"InfluxDB's {limit_points.DATABASE} has the limits of another fleet, {owner}"
                f" (bucket/database); this one is {self._fleet}. One InfluxDB serves the rules of"
                " one fleet: give each its own, or `tonypi init accounts` makes it this one's"
            )
        async with store.transaction(self._pool) as conn:
            rows = await limits.configured(conn)
        wanted = limit_points.wanted(rows, self._fleet)
        changed = limit_points.differing(wanted, self._stored)
        if changed:
            stored, self._stored = self._stored, None  # unknown until InfluxDB has answered
            await self._points.write([limit_points.line(*point) for point in changed.items()])
            self._stored = stored | changed
        return len(changed)

    async def _look_and_report(self) -> None:
        try:
            written = await self.look()
            trouble = ""
            if written:
                log.info("limits.written", points=written)
            self._whole_at = self._clock()
        except (store.StoreError, SeriesError) as error:
            trouble = str(error)
        with contextlib.suppress(store.StoreError):  # then others tell of PostgreSQL
            async with store.transaction(self._pool) as conn:
                details = {"trouble": trouble}
                await heartbeats.beat(conn, HEARTBEAT, self._whole_at, details)
        if trouble and trouble != self._trouble:
            log.warning("limits.failed", reason=trouble)
        elif self._trouble and not trouble:
            log.info("limits.works")
        self._trouble = trouble


async def write_once(settings: Settings) -> int:
    """Write what differs now, whoever's limits are there; the number of points. Raises as
    :meth:`LimitWriter.look` does."""
    async with store.open_pool(settings.postgres) as pool:
        return await LimitWriter(settings, pool, takes_over=True).look()

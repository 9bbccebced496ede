"""Robots that send metrics and no events: seen in InfluxDB, registered, and heard as well.

Every few seconds the newest point of each robot is looked up; one that has moved on since the last
look is a sign of life, whatever the robot's clock says. While Telegraf itself stores nothing, no
robot can be seen this way, and those known by metrics alone are carried on: a dead Telegraf is one
trouble, not one a robot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from glue import store
from glue.core.robot_id import is_robot_id
from glue.events.registration import Registrations
from glue.series import Query, SeriesError
from glue.settings import Settings
from glue.store import heartbeats, refusals, robots

log = structlog.get_logger()

EVERY_S = 15.0
GOODBYE_S = 30.0
"""Points taken so long after a clean goodbye, and beyond what a clock may be ahead, mean that the
robot is back."""
SOURCES = (
    ("sensors", "value"),
    ("servos", "temperature"),
    ("performance", "cpu_percent"),
    ("battery", "percentage"),
)
TELEGRAF = 'SELECT last("metrics_gathered") FROM "internal_agent" WHERE time > now() - 40s'

Newest = dict[str, int]
"""Unix milliseconds of each robot's newest point."""


class MetricsSightings:
    """``listened`` gives the listening clock's seconds."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        series: Query,
        listened: Callable[[], float],
        every: float = EVERY_S,
        registrations: Registrations | None = None,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._series = series
        self._listened = listened
        self._every = every
        self._registrations = registrations or Registrations(settings)
        self._newest: Newest | None = None
        self._moving: set[str] = set()
        self._trouble = ""
        self._moved_at: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except store.StoreUnavailable as error:
                self._say("sightings.store_unavailable", str(error))
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """One look. Raises :class:`store.StoreUnavailable`."""
        newest = await self._look_up()
        if newest is None:
            await self._carry_on()
        else:
            await self._record(newest)
        await self._beat()

    async def _record(self, newest: Newest) -> None:
        before = self._newest
        moved = {r for r, at in newest.items() if before is None or at > before.get(r, 0)}
        unheard = moved if before is not None else set()
        async with store.transaction(self._pool) as conn:
            unknown = moved - (await robots.known(conn, moved)).keys()
            made = await self._registrations.register(conn, unknown, "metrics")
            over = [self._registrations.refusal(one, "metrics") for one in sorted(made.over)]
            await refusals.count(conn, over)
            seen = (unheard | made.new) - made.over
            if seen:
                points = {robot_id: newest[robot_id] for robot_id in seen}
                goodbye_s = GOODBYE_S + self._settings.fleet.clock_ahead
                await robots.seen_by_metrics(conn, points, self._listened(), goodbye_s)
        self._registrations.count(made)
        self._newest, self._moving = newest, seen
        if unheard:
            self._moved_at = datetime.now(UTC)

    async def _look_up(self) -> Newest | None:
        """None: metrics cannot be seen now."""
        window = int(self._settings.fleet.clock_behind + 2 * self._every)
        newest: Newest = {}
        try:
            if not await self._series.query(TELEGRAF):
                self._say("sightings.telegraf_silent", "Telegraf stores nothing")
                return None
            for measurement, field in SOURCES:
                found = await self._series.query(
                    f'SELECT last("{field}") FROM "{measurement}" '
                    f"WHERE time > now() - {window}s GROUP BY robot_id"
                )
                for one in found:
                    robot_id = one.tags.get("robot_id", "")
                    if is_robot_id(robot_id) and one.rows:
                        newest[robot_id] = max(newest.get(robot_id, 0), int(one.rows[-1][0]))
        except SeriesError as error:
            self._say("sightings.series_unavailable", str(error))
            return None
        self._say("", "")
        return newest

    async def _beat(self) -> None:
        """Tell when any robot's points last moved on: the rule `Metrics stopped` reads it."""
        now = datetime.now(UTC)
        async with store.transaction(self._pool) as conn:
            if self._moved_at is None:
                # What was known before this process started; else from now on.
                before = (await heartbeats.read(conn)).get("metrics")
                said = before.details.get("moved_at") if before else None
                away = now - before.at if before else timedelta(0)
                self._moved_at = datetime.fromisoformat(said) + away if said else now
            details = {"moved_at": self._moved_at.isoformat()}
            await heartbeats.beat(conn, "metrics", now, details)

    async def _carry_on(self) -> None:
        if self._moving:
            async with store.transaction(self._pool) as conn:
                await robots.carry_on(conn, self._moving, self._listened())

    def _say(self, event: str, why: str) -> None:
        """A failure that repeats is logged once."""
        if event and event != self._trouble:
            log.warning(event, why=why)
        self._trouble = event

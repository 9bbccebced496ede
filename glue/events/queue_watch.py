"""The queue between robots and InfluxDB, looked at every few seconds and written down (heartbeat
``queue``), where rules, `tonypi status`, console and dashboards read it.

It asks the broker itself, over a connection of its own: what Telegraf brings would come late just
when the queue is long. The newest of our heartbeats that can be queried in InfluxDB tells how old
readings are; the newest that came back through the glue's session, how late events are.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from glue import store
from glue.broker import Session
from glue.core import broker_queue
from glue.core.broker_queue import Arrivals, Drops, Growth, Limits, Readers, Report
from glue.series import Query, SeriesError
from glue.settings import Settings
from glue.store import heartbeats

log = structlog.get_logger()

NAME = "queue"
"""Of the heartbeat."""

EVERY_S = 5.0
ANSWER_S = 3.0
"""InfluxDB is waited for so long."""

SILENT_S = 30.0
"""Seconds without a message of the broker's after which what it published no longer holds."""

NEWEST = 'SELECT last("lag_s") FROM "pipeline" WHERE time > now() - 1d'
BUFFER = (
    'SELECT last("buffer_size") FROM "internal_write"'
    " WHERE \"output\" = 'influxdb_v2' AND time > now() - 1m"
)


class QueueWatch:
    """``returned`` gives when the newest heartbeat that came back had been sent."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        series: Query,
        returned: Callable[[], datetime | None],
        every: float = EVERY_S,
    ) -> None:
        self._pool = pool
        self._series = series
        self._returned = returned
        self._every = every
        self._limits = Limits(settings.broker.queue_messages, settings.broker.queue_bytes)
        name = f"{settings.broker.glue_client_id}-queue-{secrets.token_hex(4)}"
        self._session = Session(settings.broker, name, broker_queue.TOPICS, qos=0, retained=True)
        self._values: dict[str, float] = {}
        self._published_at: datetime | None = None
        self._growth = Growth()
        self._drops: Drops | None = None
        self._arrivals = Arrivals()
        self._began = datetime.now(UTC)

    async def run(self) -> None:
        """Until cancelled. A broker, an InfluxDB or a PostgreSQL that is away is waited for."""
        patience = store.Patience("queue-watch", self._every)
        await self.start()

        async def look() -> None:
            await self.look()
            await asyncio.sleep(self._every)

        try:
            await patience.forever(look)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to listen to the broker."""
        self._began = datetime.now(UTC)
        await self._session.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._session.stop()

    async def look(self) -> None:
        """One look. Raises ``StoreUnavailable``; then the next one makes up for it."""
        before = self._drops or await self._remember()
        now = datetime.now(UTC)
        report = await self._listen(now)
        readers = await self._ask(now, listening=report is not None)
        watched_s = (now - self._began).total_seconds()
        self._drops = before.after(report, watched_s) if report else before
        if self._drops.total > before.total:
            log.warning("broker.dropped", messages=self._drops.total - before.total)
        details = {**self._described(report, readers), **broker_queue.drops_as_json(self._drops)}
        async with store.transaction(self._pool) as conn:
            await heartbeats.beat(conn, NAME, now, details)

    async def _remember(self) -> Drops:
        async with store.transaction(self._pool) as conn:
            beat = (await heartbeats.read(conn)).get(NAME)
        return broker_queue.drops_of(beat.details if beat else {})

    async def _listen(self, now: datetime) -> Report | None:
        """What the broker publishes of itself; None where it does not."""
        for message in await self._session.batch(1000, 0.0, timeout=0.01):
            if (value := broker_queue.number(message.payload)) is not None:
                self._values[message.topic] = value
                self._published_at = now
        fresh = self._published_at and now - self._published_at < timedelta(seconds=SILENT_S)
        if not (self._session.connected and fresh):
            self._values.clear()
            self._growth.clear()
            return None
        report = broker_queue.report(self._values, now)
        if report is not None:
            self._growth.add(report)
        return report

    async def _ask(self, now: datetime, listening: bool) -> Readers:
        """``listening``: the broker speaks to us, so that what is late does not wait for it."""
        answers, newest, buffer = False, None, None
        with contextlib.suppress(SeriesError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                points = await self._series.query(NEWEST)
                waiting = await self._series.query(BUFFER)
            answers = True
            if points:
                newest = datetime.fromtimestamp(points[0].rows[-1][0] / 1000, UTC)
            buffer = int(waiting[0].rows[-1][1]) if waiting else None
        events = _age(self._returned(), now) if listening else None
        returning = events is not None and events <= broker_queue.IN_STEP_S
        self._arrivals.look(newest, now, expected=answers and returning)
        readings = self._arrivals.age(now) if listening else None
        return Readers(readings, events, answers, buffer, self._arrivals.stopped(now))

    def _described(self, report: Report | None, readers: Readers) -> dict[str, Any]:
        growth = self._growth.a_second
        minutes = broker_queue.minutes_left(report, growth, self._limits) if report else None
        return {
            "lag_s": _rounded(readers.readings_s),
            "late_s": _rounded(readers.readings_s) or 0.0,
            "events_lag_s": _rounded(readers.events_s),
            "messages": report.messages if report else None,
            "messages_limit": self._limits.messages,
            "bytes": report.size if report else None,
            "bytes_limit": self._limits.size,
            "growth": _rounded(growth[0]) if growth else None,
            "minutes_left": _rounded(minutes),
            "bound": broker_queue.bound(readers),
            "buffer": readers.buffer,
        }


def _age(at: datetime | None, now: datetime) -> float | None:
    return max(0.0, (now - at).total_seconds()) if at else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

"""The events' way: batch from the broker, one transaction, acknowledgement. In this order, always.

What PostgreSQL cannot take now is kept and tried again, with back-off; the broker holds back the
rest. What it will never take is found by halving the batch, counted as refused, and acknowledged,
so that one bad message stops nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from glue import store
from glue.broker import Session
from glue.core import emergency
from glue.core import events as core
from glue.core.events import Envelope, Refusal
from glue.core.listening import ListeningClock
from glue.core.robot_time import RobotClocks, Spoken
from glue.events.emergencies import Take
from glue.events.fold import (
    Listening,
    Memory,
    Opened,
    Work,
    fold,
    introduced,
    jobs_after,
    opened,
)
from glue.events.registration import Registered, Registrations
from glue.settings import Settings
from glue.store import commands, heartbeats, jobs, logs, refusals, robots

log = structlog.get_logger()

BATCH = 500
LINGER_S = 0.2
"""A batch waits so long for more: five transactions a second, whatever the fleet's size."""
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Consumer:
    """One a process: the session's queue has one reader."""

    def __init__(self, settings: Settings, pool: store.Pool, take: Take | None = None) -> None:
        self._settings = settings
        self.registrations = Registrations(settings)
        self._take = take
        self._pool = pool
        self._listening: Listening | None = None
        self._seen: dict[str, tuple[str, str]] = {}
        self._spoken: dict[str, Spoken] = {}
        self._words: set[str] | None = None
        self._trouble = ""
        self._session = Session(
            settings.broker,
            settings.broker.glue_client_id,
            core.SUBSCRIPTIONS,
            qos=1,
            in_flight=settings.broker.in_flight,
            persistent=True,
        )

    @property
    def listened(self) -> float:
        """Seconds on the listening clock."""
        return self._listening.clock.listened if self._listening else 0.0

    @property
    def returned(self) -> datetime | None:
        """When the newest of our heartbeats that came back had been sent; None before the first."""
        return self._listening.published if self._listening else None

    @property
    def waiting(self) -> int:
        """Messages in memory that are not in a batch yet."""
        return self._session.waiting

    async def run(self) -> None:
        """Until cancelled. A broker or PostgreSQL that is away is waited for."""
        await self._session.start()
        beats = asyncio.create_task(self._beat(), name="events.heartbeat")
        task = asyncio.current_task()
        try:
            while not beats.done():
                if task is not None and task.cancelling():
                    # Somebody below caught it (wait_for may, before Python 3.12).
                    raise asyncio.CancelledError
                messages = await self._session.batch(BATCH, LINGER_S)
                if messages:
                    await self._keep([opened(one) for one in messages])
                    self._session.ack(messages)
            beats.result()
        finally:
            beats.cancel()
            await self._session.stop()

    async def _beat(self) -> None:
        """Sends our heartbeat, while connected: stale ones in a row would tell nothing."""
        while True:
            if self._session.connected:
                now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
                beat = json.dumps({"at": now, "listened": round(self.listened, 3)})
                self._session.publish(core.HEARTBEAT, beat, qos=1)
            await asyncio.sleep(self._settings.glue.heartbeat_interval)

    async def _keep(self, batch: Sequence[Opened]) -> None:
        """Returns when the batch is committed and told, however long that takes."""
        attempt = 0
        work: Work | None = None
        while True:
            try:
                work = work or await self._store(batch)
                await self._raise(work)
            except refusals.Unstorable as error:
                await self._split(batch, str(error))
                return
            except store.StoreUnavailable as error:
                self._say("events.store_unavailable", str(error))
            except Exception as error:
                # A missing table or right is nobody's message's fault: nothing may be lost to it.
                self._say("events.store_broken", repr(error))
            else:
                self._say("", "")
                return
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            attempt += 1

    async def _split(self, batch: Sequence[Opened], why: str) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._keep(batch[:middle])
            await self._keep(batch[middle:])
            return
        (one,) = batch
        log.warning("event.unstorable", topic=one.message.topic, why=why)
        family = one.envelope.family if isinstance(one.envelope, Envelope) else "unknown"
        no = Refusal(family, "wrong_type", f"PostgreSQL refuses it: {why}")
        await self._keep([Opened(one.message, no)])

    async def _raise(self, work: Work) -> None:
        """Alerts of what was said, before it is acknowledged: told twice they are one."""
        if self._take is not None and work.emergencies:
            with refusals.unstorable():
                for seen in emergency.rounds(work.emergencies):
                    await self._take(seen, frozenset())

    async def _store(self, batch: Sequence[Opened]) -> Work:
        async with store.transaction(self._pool) as conn:
            with refusals.unstorable():
                listening = self._listening or Listening(
                    ListeningClock((await heartbeats.listening(conn))[0])
                )
                ids = {one.robot_id for one in batch if one.robot_id}
                known = await robots.known(conn, ids) if ids else {}
                unknown = introduced(batch, ids - known.keys(), self._clocks(known))
                made = await self.registrations.register(conn, unknown, "events")
                if unknown:
                    known = await robots.known(conn, ids)
                interval = self._settings.glue.heartbeat_interval
                clocks = self._clocks(known)
                if self._words is None:
                    self._words = await robots.reported_statuses(conn)
                memory = Memory(self._seen, self._spoken, self._words)
                work = fold(batch, known, clocks, listening, memory, interval)
                work.refusals += self._over(batch, made)
                await self._write(conn, work)
        self.registrations.count(made)
        self._listening = work.listening
        self._seen |= work.seen
        self._spoken |= work.spoken
        self._words |= work.words
        return work

    def _over(self, batch: Sequence[Opened], made: Registered) -> list[Refusal]:
        return [
            self.registrations.refusal(one.robot_id, one.envelope.family)
            for one in batch
            if isinstance(one.envelope, Envelope) and one.robot_id in made.over
        ]

    async def _write(self, conn: Any, work: Work) -> None:
        await robots.heard(conn, work.heard.values())
        if work.reports:
            recent = await jobs.recent(conn, {said.robot_id for said in work.reports})
            await jobs.write(conn, jobs_after(recent, work.reports))
        await commands.answered(conn, work.answers)
        await logs.add(conn, work.lines)
        await refusals.count(conn, work.refusals)
        if work.beaten:
            silent_after = self._settings.fleet.silent_after
            listened = work.listening.clock.listened
            address = self._settings.glue_for_browsers
            await heartbeats.listen(conn, listened, silent_after, address)
            await robots.mark_silent(conn, listened, silent_after)

    def _clocks(self, known: dict[str, robots.Known]) -> RobotClocks:
        fleet = self._settings.fleet
        own = {one.robot_id: one.time_zone for one in known.values() if one.time_zone}
        return RobotClocks(fleet.tz, fleet.robot_tz, own, fleet.clock_behind, fleet.clock_ahead)

    def _say(self, event: str, why: str) -> None:
        """A failure that repeats is logged once, and its end."""
        if event == self._trouble:
            return
        if event:
            log.warning(event, why=why)
        else:
            log.info("events.store_back")
        self._trouble = event

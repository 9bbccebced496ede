"""The session that commands leave through, and those who wait for an answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import structlog

from glue import store
from glue.broker import Message, Session, Unconfirmed
from glue.core import commands as core
from glue.core import events
from glue.core.commands import Asked
from glue.core.events import Envelope
from glue.settings import Settings
from glue.store import commands as rows
from glue.store.commands import Sent

log = structlog.get_logger()

ACKNOWLEDGED_WITHIN_S = 3.0
"""A broker that works acknowledges within milliseconds."""
SWEEP_S = 2.0
OWED_MOST = 1000
"""Records that wait for PostgreSQL."""

Write = Callable[[Any], Awaitable[None]]


class Waiter:
    """Somebody who waits for the answers to one command."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._changed = asyncio.Event()

    def hear(self, said: core.Answer) -> None:
        self.asked = self.asked.heard(said)
        self._changed.set()

    def expect(self, robots: frozenset[str]) -> None:
        self.asked = self.asked.expecting(robots)
        self._changed.set()

    async def complete(self, within: float) -> Asked:
        """When all have answered who were expected to, or ``within`` s are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self.asked.complete:
                    self._changed.clear()
                    await self._changed.wait()
        return self.asked


class Commander:
    """One a process; each has a session of its own, so the one that sent gets the answer."""

    def __init__(self, settings: Settings, pool: store.Pool) -> None:
        self.settings = settings
        self.pool = pool
        self._waiters: dict[uuid.UUID, Waiter] = {}
        self._owed: deque[Write] = deque(maxlen=OWED_MOST)
        self._trouble = False
        self._running = False
        # The process may run twice, and two sessions of one name throw each other out.
        name = f"{settings.broker.glue_client_id}-commands-{secrets.token_hex(4)}"
        self._session = Session(settings.broker, name, events.RESPONSES, volatile=True)

    async def run(self) -> None:
        """Until cancelled. A broker or PostgreSQL that is away is waited for."""
        self._running = True
        await self._session.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="commands.answers")
                tasks.create_task(self._sweep(), name="commands.sweep")
        finally:
            self._running = False
            await self._session.stop()

    async def connected(self, within: float) -> bool:
        """Whether the broker is there, at the latest ``within`` s from now."""
        deadline = time.monotonic() + within
        while self._running and not self._session.connected and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return self._session.connected

    @contextlib.contextmanager
    def waiting(self, asked: Asked) -> Iterator[Waiter]:
        """Hears the answers to the command as long as somebody waits."""
        self._waiters[asked.command_id] = waiter = Waiter(asked)
        try:
            yield waiter
        finally:
            del self._waiters[asked.command_id]

    async def send(self, sent: Sent, expiry: float) -> bool:
        """Now or never; the broker forgets it after ``expiry`` s. Whether the broker said that it
        has taken it. Raises :class:`glue.broker.BrokerUnavailable` when it certainly did not
        leave."""
        message = json.dumps(core.message(sent.command_id, sent.kind, sent.members))
        try:
            await self._session.send(
                core.topic(sent.kind, sent.robot_id),
                message,
                expiry=max(1, math.ceil(expiry)),
                within=ACKNOWLEDGED_WITHIN_S,
            )
        except Unconfirmed as error:
            # The robots' answers tell more than the broker's silence.
            log.warning("commands.unconfirmed", command_id=str(sent.command_id), why=str(error))
            return False
        return True

    async def keep(self, write: Write, within: float) -> bool:
        """Writes at once where PostgreSQL takes it ``within`` s (True), else as soon as it does.
        ``write`` must bear being repeated."""
        try:
            await store.within(within, self._write(write))
        except store.StoreUnavailable as error:
            log.warning("commands.record_owed", why=str(error))
            if len(self._owed) == OWED_MOST:
                log.error("commands.record_lost", most=OWED_MOST)
            self._owed.append(write)
            return False
        return True

    async def _write(self, write: Write) -> None:
        async with store.transaction(self.pool) as conn:
            await write(conn)

    async def _listen(self) -> None:
        while True:
            messages = await self._session.batch(500, 0.0)
            for message in messages:
                self._hear(message)
            self._session.ack(messages)

    def _hear(self, message: Message) -> None:
        said = events.envelope(message.topic, message.payload)
        if not isinstance(said, Envelope):
            return  # the events' consumer counts it
        answer = events.answered(said, datetime.fromtimestamp(message.at, UTC))
        waiter = self._waiters.get(answer.command_id) if answer.command_id else None
        if waiter is not None:
            waiter.hear(answer)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._pay()
                async with store.transaction(self.pool) as conn:
                    await rows.sweep(conn)
            except store.StoreUnavailable as error:
                if not self._trouble:
                    log.warning("commands.store_unavailable", why=str(error))
                self._trouble = True
            else:
                self._trouble = False

    async def _pay(self) -> None:
        while self._owed:
            write = self._owed[0]
            await self._write(write)
            # Meanwhile more may have come than there is room for, and this one have gone for it.
            if self._owed and self._owed[0] is write:
                self._owed.popleft()

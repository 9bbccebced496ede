"""Retained control messages are cleared: the broker would give an old command, or an old emergency
stop, to every robot that connects.

Nobody of ours retains one. Those that stand there come at each connection of ours, later ones when
they are published; an empty retained message removes either. Robots that have got it have got it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import structlog

from glue import store
from glue.broker import Session
from glue.core.events import Refusal
from glue.settings import Settings
from glue.store import refusals

log = structlog.get_logger(__name__)

BATCH = 100


class RetainedControls:
    """One a process; it clears what it sees on ``topics`` (filters of what robots obey), and counts
    it in ``refused_messages``."""

    def __init__(self, settings: Settings, pool: store.Pool, topics: Sequence[str]) -> None:
        self._pool = pool
        name = f"{settings.broker.glue_client_id}-retained-{secrets.token_hex(4)}"
        self._session = Session(settings.broker, name, topics, retained=True)
        self._uncounted: list[Refusal] = []

    async def run(self) -> None:
        """Until cancelled. A broker that is away is waited for."""
        await self._session.start()
        try:
            while True:
                messages = await self._session.batch(BATCH, 0.0)
                for topic in (m.topic for m in messages if m.retained and m.payload):
                    self._session.publish(topic, b"", 1, retain=True)
                    self._uncounted.append(refusal(topic))
                    log.warning("commands.retained_cleared", topic=topic)
                self._session.ack(messages)
                await self._count()
        finally:
            await self._session.stop()

    async def _count(self) -> None:
        """What is not counted now is at the next message, or the next second."""
        if not self._uncounted:
            return
        try:
            async with store.transaction(self._pool) as conn:
                await refusals.count(conn, self._uncounted)
        except store.StoreUnavailable:
            return
        self._uncounted.clear()


def refusal(topic: str) -> Refusal:
    """One count of a message that was cleared."""
    detail = (
        f"a retained message on {topic[:200]} was cleared: each robot would get it on connecting"
    )
    return Refusal(topic.split("/")[1], "retained", detail)

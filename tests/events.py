"""Robots' messages and the consumer of events, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from glue import store
from glue.broker import Session
from glue.events import Consumer
from glue.settings import Settings


class Robots:
    """Publishes as robots do, QoS 0; reads the tables."""

    def __init__(self, session: Session, settings: Settings, dsn: str) -> None:
        self._session = session
        self._dsn = dsn
        self.settings = settings

    @property
    def connection(self) -> int:
        """The number of the connection to the broker; 0: none now."""
        return self._session._connection if self._session.connected else 0

    def say(self, topic: str, payload: Any) -> None:
        raw = payload if isinstance(payload, bytes | str) else json.dumps(payload)
        assert self._session.publish(topic, raw)

    def status(self, robot_id: str, word: str = "online", **more: Any) -> None:
        self.say(f"tonypi/status/{robot_id}", {"robot_id": robot_id, "status": word, **more})

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._dsn, autocommit=True) as conn:
            cursor = conn.execute(query, params or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def robot(self, robot_id: str, columns: str = "status") -> tuple[Any, ...] | None:
        found = self.rows(f"SELECT {columns} FROM robots WHERE robot_id = %s", robot_id)
        return found[0] if found else None

    async def until(self, check: Callable[[], Any], within: float = 15.0) -> Any:
        """What ``check`` gives as soon as it is true."""
        deadline = asyncio.get_running_loop().time() + within
        while not (found := check()):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not within {within} s: {found!r}")
            await asyncio.sleep(0.05)
        return found


def own(settings_for: Callable[..., Settings], database: str, **environ: Any) -> Settings:
    """Settings of this test alone: its database, its broker session, a quick heartbeat."""
    name = f"glue-{uuid.uuid4().hex[:8]}"
    quick = {"GLUE_HEARTBEAT_INTERVAL": 0.25, "MQTT_GLUE_CLIENT_ID": name, **environ}
    return settings_for(PGDATABASE=database, **quick)


@asynccontextmanager
async def talking(settings: Settings, dsn: str) -> AsyncIterator[Robots]:
    """Robots that can speak; the persistent session of ``settings`` is removed at the end."""
    session = Session(settings.broker, f"robots-{uuid.uuid4().hex[:8]}")
    await session.start(wait=10)
    try:
        yield Robots(session, settings, dsn)
    finally:
        await session.stop()
        cleaner = Session(settings.broker, settings.broker.glue_client_id)
        await cleaner.start(wait=10)
        await cleaner.stop()


@asynccontextmanager
async def consuming(settings: Settings) -> AsyncIterator[Consumer]:
    """A running consumer, subscribed and beating."""
    async with store.open_pool(settings.postgres) as pool:
        consumer = Consumer(settings, pool)
        task = asyncio.create_task(consumer.run())
        try:
            deadline = asyncio.get_running_loop().time() + 15
            while consumer.listened == 0 and not task.done():
                assert asyncio.get_running_loop().time() < deadline, "the heartbeat never came back"
                await asyncio.sleep(0.05)
            yield consumer
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

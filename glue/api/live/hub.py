"""The one reader behind all live streams: what changed is read once and handed to every listener.

A listener's position goes out as the `id:` of its events, so that whoever comes back with it gets
what he missed. Events carry the position before them, and a bunch ends with a block that only moves
the position: a stream that breaks in between gives some again and leaves none out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from glue import store
from glue.api.conventions.fields import Reply
from glue.api.episodes.alerts import Alert
from glue.api.fleet.robot_shapes import Robot
from glue.api.live.listener import Listener, News, news
from glue.changes import Changes
from glue.store import alert_reads, fleet, live
from glue.store.live import Position, Told

log = structlog.get_logger()

AT_ONCE = 500
"""Rows of a topic told after one look; a fleet that changes as a whole is one `reset`."""
LONGEST_LOOK = 20 * AT_ONCE
GATHER_S = 0.2
"""Between two looks: what changes in quick succession is told once."""
LOOK_S = 5.0
"""Without any hint, so often: a hint may get lost with its connection."""


@dataclass(frozen=True)
class Topic:
    """A table whose rows are told. ``read`` gives the row of a key as the API's routes read it."""

    event: str
    key: str
    reply: type[Reply]
    read: Callable[[Any, str], Awaitable[Mapping[str, Any] | None]]


async def _alert(conn: Any, key: str) -> Mapping[str, Any] | None:
    return await alert_reads.one(conn, int(key))


async def _robot(conn: Any, key: str) -> Mapping[str, Any] | None:
    """None for a removed one too, which the list leaves out."""
    row = await fleet.one(conn, key)
    return None if row is None or row["removed_at"] else row


TOPICS: Mapping[str, Topic] = {
    "alerts": Topic("alert", "id", Alert, _alert),
    "robots": Topic("robot", "robot_id", Robot, _robot),
}


class Full(Exception):
    """There are as many listeners as are allowed."""


class FullOfUser(Exception):
    """This user has as many listeners as one user may."""


class NotRunning(Exception):
    """Nobody reads the changes: this process does not run the loop."""


class Hub:
    """``most`` listeners at a time, ``of_user`` of them one user's."""

    def __init__(self, pool: store.Pool, changes: Changes, most: int, of_user: int) -> None:
        self._pool = pool
        self._changes = changes
        self._most = most
        self._of_user = of_user
        self._listeners: set[Listener] = set()
        self._joining: set[Listener] = set()
        self._lock = asyncio.Lock()
        self._position: Position | None = None
        self._told: set[int] = set()
        self._running = False
        self._trouble = ""

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @property
    def running(self) -> bool:
        """Whether streams may go on."""
        return self._running

    def close(self) -> None:
        """End all streams, and take no more."""
        self._running = False
        for listener in self._listeners:
            listener.wake()

    async def run(self) -> None:
        """Read and hand out until cancelled. While nobody listens, nothing is read."""
        self._running = True
        try:
            with self._changes.subscribe({*TOPICS, "users"}, most=AT_ONCE) as feed:
                while True:
                    hints = await feed.next(LOOK_S)
                    self._suspect({h.key for h in hints if h.table in ("users", "*")})
                    if self._listeners:
                        await self._look_and_say()
                        await asyncio.sleep(GATHER_S)
        finally:
            self.close()

    async def join(self, listener: Listener, last: Position | None) -> bool:
        """From now on ``listener`` is told; with ``last`` first what he missed since then, or one
        `reset` a topic where that is not known any more (False). Call :meth:`leave` afterwards.

        Raises :class:`Full`, :class:`FullOfUser`, :class:`NotRunning`, ``StoreUnavailable``.
        """
        if not self._running:
            raise NotRunning
        present = self._listeners | self._joining
        if sum(one.user == listener.user for one in present) >= self._of_user:
            raise FullOfUser
        if len(present) >= self._most:
            raise Full
        self._joining.add(listener)
        try:
            async with self._lock:
                listener.position, whole = await self._look(), True
                if last is not None:
                    missed, whole = await self._missed(last, listener.topics)
                    listener.tell(missed, listener.position)
                self._listeners.add(listener)
        finally:
            self._joining.discard(listener)
        return whole

    def leave(self, listener: Listener) -> None:
        """Harmless for one who is not there."""
        self._listeners.discard(listener)

    def _suspect(self, names: Collection[str | None]) -> None:
        for listener in self._listeners:
            if listener.user in names or None in names:
                listener.suspect = True
                listener.wake()

    async def _look_and_say(self) -> None:
        try:
            async with self._lock:
                await self._look()
            trouble = ""
        except store.StoreUnavailable as error:
            trouble = str(error)
        if bool(trouble) != bool(self._trouble):
            log.warning("live.failed", why=trouble) if trouble else log.info("live.works")
        self._trouble = trouble

    async def _look(self) -> Position:
        """Tell all listeners what changed since the last look; gives how far this one reaches."""
        before = self._position if self._listeners else None
        async with store.transaction(self._pool) as conn:
            look = await live.since(conn, before, TOPICS, LONGEST_LOOK)
            new = [one for one in look.told if one.id not in self._told]
            said = await _news(conn, new, before or look.upto)
        if not look.whole:
            said = _resets(TOPICS, before or look.upto)
        # What a transaction that is not over yet comes before will be read again.
        self._told = {one.id for one in look.told if one.txid >= look.upto.txid}
        self._position = look.upto
        for listener in self._listeners:
            listener.tell(said, look.upto)
        return look.upto

    async def _missed(self, last: Position, topics: Collection[str]) -> tuple[list[News], bool]:
        async with store.transaction(self._pool) as conn:
            look = await live.since(conn, last, topics, LONGEST_LOOK)
            if not look.whole:
                return _resets(topics, last), False
            return await _news(conn, look.told, last), True


async def _news(conn: Any, told: list[Told], position: Position) -> list[News]:
    said: list[News] = []
    for name, topic in TOPICS.items():
        keys = list(dict.fromkeys(one.key for one in told if one.topic == name))
        if live.ANY in keys or len(keys) > AT_ONCE:
            said += _resets([name], position)
            continue
        for key in keys:
            row = await topic.read(conn, key)
            try:
                said.append(_row(name, topic, key, row, position))
            except ValidationError as error:
                log.error("live.unreadable", topic=name, key=key, error=str(error)[:300])
    return said


def _row(
    name: str, topic: Topic, key: str, row: Mapping[str, Any] | None, position: Position
) -> News:
    if row is None:
        gone = json.dumps({topic.key: int(key) if topic.key == "id" else key})
        robot_id = key if topic.key == "robot_id" else None
        return news(name, robot_id, f"{topic.event}_removed", gone, position)
    shown = topic.reply.model_validate(row).model_dump_json()
    return news(name, row.get("robot_id"), topic.event, shown, position)


def _resets(topics: Collection[str], position: Position) -> list[News]:
    return [news(name, None, "reset", json.dumps({"topic": name}), position) for name in topics]

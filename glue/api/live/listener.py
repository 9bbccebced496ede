"""One open stream: what it has not been sent yet, bounded, and how far that reaches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sse_starlette import ServerSentEvent

from glue.store.live import Position

WAITING_MAX = 1000
"""Events that may wait for one listener. Who is slower is cut off, and may come back."""


@dataclass(frozen=True)
class News:
    """An event for who listens to ``topic``; ``robot_id`` None: to whichever robot he listens.

    ``data`` is JSON, ``sent`` the event as it goes over the line, the same for all.
    """

    topic: str
    robot_id: str | None
    sent: bytes


def news(topic: str, robot_id: str | None, event: str, data: str, position: Position) -> News:
    return News(topic, robot_id, block(data, event=event, id=str(position)))


def block(data: str | None = None, **fields: str | int) -> bytes:
    return ServerSentEvent(data, **fields).encode()  # type: ignore[arg-type]


class Listener:
    """``user`` is the name of who listens; ``robot_id`` None: to all robots."""

    def __init__(self, user: str, topics: Collection[str], robot_id: str | None = None) -> None:
        self.user = user
        self.topics = frozenset(topics)
        self.robot_id = robot_id
        self.position = Position(0, 0)
        self.slow = False
        """More came than it may leave waiting."""
        self.suspect = False
        """Something happened to its user: is this still somebody who may listen?"""
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    async def next(self, timeout: float) -> bytes:
        """All that waits, and the position after it; empty after ``timeout`` s, or when woken."""
        if not self._arrived.is_set():
            # Not wait_for: see glue/changes.py.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
        self._arrived.clear()
        told = b"".join(self._waiting)
        self._waiting.clear()
        return told + self.place() if told else b""

    def place(self) -> bytes:
        """A block that moves who reads it to the position; no event."""
        return block(id=str(self.position))

    def tell(self, told: Sequence[News], upto: Position) -> None:
        wanted = [one.sent for one in told if self._wants(one)]
        if len(self._waiting) + len(wanted) > WAITING_MAX:
            self.slow = True
            self._waiting.clear()
            self.wake()
        elif not self.slow:
            self.position = upto
            self._waiting.extend(wanted)
            if wanted:
                self.wake()

    def wake(self) -> None:
        self._arrived.set()

    def _wants(self, one: News) -> bool:
        if one.topic not in self.topics:
            return False
        return self.robot_id is None or one.robot_id in (None, self.robot_id)

"""What changed in PostgreSQL, handed to whoever waits for it.

One connection listens; each subscriber has a bounded set of changes that it has not taken yet. The
same change twice is one. Who is too slow, and everybody after a reconnect, gets
``Change("*", None)`` in place of the rest: look at everything. A change is a hint, the tables are
the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterator

import structlog

from glue.store import StoreUnavailable, changes
from glue.store.changes import ANYTHING, Change

__all__ = ["ANYTHING", "Change", "Changes", "Feed"]

log = structlog.get_logger()

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
WAITING_MAX = 1000
"""Changes kept for one subscriber; a fleet that changes as a whole is one ``ANYTHING``."""


class Feed:
    """One subscriber's changes. Made by :meth:`Changes.subscribe`."""

    def __init__(self, tables: Collection[str], most: int) -> None:
        self._tables = frozenset(tables)
        self._most = most
        self._waiting: dict[Change, None] = {}
        self._arrived = asyncio.Event()

    async def next(self, timeout: float | None = None) -> list[Change]:
        """All that wait, oldest first, each once; empty when ``timeout`` s brought none."""
        # Not wait_for, which until Python 3.12 could swallow a cancellation that comes together
        # with what it waits for (python/cpython#86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        taken = list(self._waiting)
        self._waiting.clear()
        self._arrived.clear()
        return taken

    def _tell(self, change: Change) -> None:
        if ANYTHING in self._waiting or change in self._waiting:
            return
        if change != ANYTHING and change.table not in self._tables:
            return
        if change == ANYTHING or len(self._waiting) >= self._most:
            self._waiting = {ANYTHING: None}
        else:
            self._waiting[change] = None
        self._arrived.set()


class Changes:
    """``with changes.subscribe({"robots"}) as feed: await feed.next(60)``, while :meth:`run`
    runs somewhere."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._feeds: set[Feed] = set()
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether we listen now. While we do not, changes are only seen by who looks."""
        return self._connected

    @contextlib.contextmanager
    def subscribe(self, tables: Collection[str], most: int = WAITING_MAX) -> Iterator[Feed]:
        """Changes of ``tables`` from now on; at most ``most`` wait to be taken."""
        feed = Feed(tables, most)
        self._feeds.add(feed)
        try:
            yield feed
        finally:
            self._feeds.discard(feed)

    async def run(self) -> None:
        """Listen until cancelled; PostgreSQL that is away is waited for."""
        attempt, trouble = 0, ""
        while True:
            try:
                async with contextlib.aclosing(changes.heard(self._dsn)) as bunches:
                    async for bunch in bunches:
                        if trouble and not self._connected:
                            log.info("changes.back")
                        attempt, trouble, self._connected = 0, "", True
                        self._tell(bunch)
            except StoreUnavailable as error:
                if not trouble:
                    log.warning("changes.away", why=str(error))
                trouble = str(error)
            finally:
                self._connected = False
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            attempt += 1

    def _tell(self, bunch: list[Change]) -> None:
        for feed in self._feeds:
            for change in bunch:
                feed._tell(change)

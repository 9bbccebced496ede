"""Posts that come while one is being written are written together.

A post costs two transactions and some questions to InfluxDB, much the same for one alert and for
hundreds; episodes have one writer at a time. So whoever's turn it is takes along what waits: the
busier it is, the less a post costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from glue import store
from glue.alerts.intake import Intake, Outcome, Vanished
from glue.core.episodes import Observation

MOST = 2000
"""Observations of a batch, about: a second's work."""

Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Post:
    seen: Sequence[Observation]
    vanished: Vanished
    outcome: asyncio.Future[Outcome]

    @property
    def keys(self) -> set[Key]:
        return {(*o.pair, o.severity) for o in self.seen}


class Gather:
    """Takes posts for ``intake``; each gets its own outcome, or what was raised for it."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: list[_Post] = []
        self._turn = asyncio.Lock()

    async def take(self, seen: Sequence[Observation], vanished: Vanished) -> Outcome:
        """As :meth:`Intake.take`."""
        if not seen:
            return Outcome()
        post = _Post(seen, vanished, asyncio.get_running_loop().create_future())
        self._waiting.append(post)
        # Who gave up waiting for the answer does not take the others' along.
        return await asyncio.shield(asyncio.create_task(self._written(post)))

    async def _written(self, post: _Post) -> Outcome:
        async with self._turn:
            if not post.outcome.done():
                await self._write(self._next())
        return await post.outcome

    def _next(self) -> list[_Post]:
        """The posts that have waited longest, in their order."""
        batch: list[_Post] = []
        count = 0
        for post in self._waiting:
            count += len(post.seen)
            if batch and count > MOST:
                break
            batch.append(post)
        del self._waiting[: len(batch)]
        return batch

    async def _write(self, batch: list[_Post]) -> None:
        try:
            vanished = frozenset[Key]().union(*(post.vanished for post in batch))
            whole = await self._intake.take([o for p in batch for o in p.seen], vanished)
        except Exception as error:
            if len(batch) == 1 or isinstance(error, store.StoreUnavailable):
                for post in batch:
                    post.outcome.set_exception(error)
                return
            # One of them is not fit to be stored; the others are.
            for post in batch:
                await self._write([post])
            return
        for post in batch:
            keys = post.keys
            changes = [c for c in whole.changes if (*c.cause.pair, c.cause.severity) in keys]
            post.outcome.set_result(Outcome(changes, len(post.seen)))

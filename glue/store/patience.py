"""Work with PostgreSQL that may not take longer than so, whatever PostgreSQL does, and loops that
outlast its absence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from glue.store.pool import StoreUnavailable

Result = TypeVar("Result")

log = structlog.get_logger()


class Patience:
    """The loops of one worker. While PostgreSQL is away they try again every ``again`` s; that is
    logged once, as ``<name>.wait`` and ``<name>.go_on``, not at every look."""

    def __init__(self, name: str, again: float) -> None:
        self._name = name
        self._again = again
        self._trouble = ""

    async def forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """``work`` again and again, until cancelled or it raises anything else."""
        while True:
            try:
                await work()
                self._say("")
            except StoreUnavailable as error:
                self._say(str(error))
                await asyncio.sleep(self._again)

    def _say(self, trouble: str) -> None:
        if bool(trouble) != bool(self._trouble):
            if trouble:
                log.warning(f"{self._name}.wait", why=trouble)
            else:
                log.info(f"{self._name}.go_on")
        self._trouble = trouble


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """What ``work`` gives. Raises :class:`StoreUnavailable` when it takes longer.

    Unlike ``asyncio.timeout`` this does not wait until the work has ended: with a frozen server
    psycopg needs ten seconds and more to give up a query. It may still be done, so it must bear
    being repeated.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _leave(task)
        raise
    if not done:
        _leave(task)
        raise StoreUnavailable(f"PostgreSQL does not answer within {seconds:g} s")
    return task.result()


_left: set[asyncio.Task[Any]] = set()
"""Tasks nobody waits for; without a reference Python might collect them."""


def _leave(task: asyncio.Task[Any]) -> None:
    _left.add(task)
    task.add_done_callback(_ended)
    task.cancel()


def _ended(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()  # seen, so that asyncio does not complain

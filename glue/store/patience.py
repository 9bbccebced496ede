"""Work with PostgreSQL that may not take longer than so, whatever PostgreSQL does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from glue.store.pool import StoreUnavailable

Result = TypeVar("Result")


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

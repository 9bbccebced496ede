"""What PostgreSQL tells of changed rows: LISTEN on a connection of its own.

The triggers of postgres/migrations send ``{"table", "key"}`` on one channel. It is a hint: nothing
is kept for who was away, so each connection begins with :data:`ANYTHING`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import NamedTuple

import psycopg
from psycopg import AsyncConnection

from glue.store.pool import CONNECTION, SESSION, unavailable

CHANNEL = "tonypi_changes"

QUIET_S = 30.0
"""After so long without a word the connection is tried: one that a proxy forgot looks quiet too."""

_CONNECTION = {**CONNECTION, "application_name": "tonypi-glue-changes"}


class Change(NamedTuple):
    """A row of ``table`` is new, changed or gone; ``key`` names it (a robot's id, a user's name).

    ``Change("*", None)``: anything may have changed.
    """

    table: str
    key: str | None


ANYTHING = Change("*", None)


async def heard(dsn: str) -> AsyncGenerator[list[Change]]:
    """Changes as they come, in bunches; the first bunch, as soon as we listen, is ``[ANYTHING]``.

    Raises :class:`glue.store.StoreUnavailable` when PostgreSQL is away or goes away.
    """
    with unavailable():
        async with await AsyncConnection.connect(dsn, autocommit=True, **_CONNECTION) as conn:  # type: ignore[arg-type]
            await conn.execute(SESSION)
            await conn.execute(f"LISTEN {CHANNEL}")
            yield [ANYTHING]
            while True:
                told = [n async for n in conn.notifies(timeout=QUIET_S, stop_after=1)]
                if changes := [c for n in told if (c := _change(n)) is not None]:
                    yield changes
                if not told:
                    await conn.execute("SELECT 1")


def _change(told: psycopg.Notify) -> Change | None:
    """None for what our triggers did not write: anybody who may connect may send."""
    try:
        match json.loads(told.payload):
            case {"table": str(table), "key": str() | None as key}:
                return Change(table, key)
    except (ValueError, RecursionError):
        pass
    return None

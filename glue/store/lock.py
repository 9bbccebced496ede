"""A lock that one process of all has: PostgreSQL's advisory lock, on a connection of its own.

It ends with its holder's connection, so that a killed holder locks nobody out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from glue.store.pool import CONNECTION, SESSION, unavailable
from glue.store.queries import load

sql = load("lock")


class Held:
    """A lock that was taken."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def check(self) -> None:
        """Raises ``StoreUnavailable`` when the connection, and with it the lock, is lost."""
        with unavailable():
            await self._conn.execute(sql.alive)


@asynccontextmanager
async def only_one(dsn: str, name: str) -> AsyncIterator[Held | None]:
    """The lock ``name``, or None while somebody else has it. Raises ``StoreUnavailable``."""
    with unavailable():
        conn = await AsyncConnection.connect(dsn, autocommit=True, **CONNECTION)  # type: ignore[arg-type]
    try:
        with unavailable():
            await conn.execute(SESSION)
            row = await (await conn.execute(sql.take, {"name": name})).fetchone()
        yield Held(conn) if row and row[0] else None
    finally:
        await conn.close()

"""Connections to PostgreSQL: a few kept open, more while there is much to do.

``async with open_pool(settings.postgres) as pool`` opens it; PostgreSQL may be away then and come
later: only who needs a connection meanwhile gets :class:`StoreUnavailable`, within seconds. Rows
are tuples unless a cursor asks for something else; times are UTC. Characters that PostgreSQL does
not keep are replaced on their way there, whoever sent the text (:mod:`glue.core.storable`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import Buffer
from psycopg.types.json import set_json_dumps
from psycopg.types.string import StrDumperUnknown
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from glue.core.storable import storable
from glue.settings import Postgres
from glue.store import libpq

Pool = AsyncConnectionPool[AsyncConnection]

WAIT = 5.0
"""Seconds a caller waits for a connection: a webhook must answer 503 before its sender gives up."""

RECONNECT_WITHIN = 8.0
"""Seconds the pool backs off on its own (1, 2, 4 s). Then the next caller starts a new attempt at
once, so that PostgreSQL is found again within seconds of its return."""

CONNECTION = {
    "application_name": "tonypi-glue",
    "connect_timeout": 5,
    # A cut line is noticed after seconds, not after the kernel's quarter of an hour.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
SESSION = """
    SELECT set_config('timezone', 'UTC', false), set_config('statement_timeout', '30s', false),
           set_config('idle_in_transaction_session_timeout', '60s', false),
           -- Compiling a query takes half a second, which none of ours is long enough to win back.
           set_config('jit', 'off', false)
"""
"""First statement of a connection: PgBouncer refuses these among the options of its start."""


class StoreError(Exception):
    """The store could not do what was asked."""


class StoreUnavailable(StoreError):
    """PostgreSQL is away, busy or cut us off: nothing was written; trying again may help."""


def open_pool(settings: Postgres) -> Pool:
    """The pool, to be opened by ``async with``. Raises nothing while PostgreSQL is away."""

    async def check(conn: AsyncConnection) -> None:
        """Nobody is given a dead connection. The pool pauses, longer each time, after each one that
        it finds; after a restart all are dead, so the first to notice has all of them replaced."""
        try:
            await AsyncConnectionPool.check_connection(conn)
        except psycopg.Error:
            await pool.check()
            raise

    pool: Pool = AsyncConnectionPool(
        settings.dsn,
        kwargs=dict(CONNECTION),
        min_size=settings.pool_size,
        max_size=max(settings.pool_size, settings.pool_max),
        open=False,
        timeout=WAIT,
        reconnect_timeout=RECONNECT_WITHIN,
        check=check,
        configure=_configure,
        name="tonypi",
    )
    return pool


class _StorableText(StrDumperUnknown):
    """Text without what PostgreSQL does not keep."""

    def dump(self, obj: str) -> Buffer | None:
        try:
            return super().dump(obj)
        except (psycopg.DataError, UnicodeEncodeError):
            return super().dump(storable(obj))


def _storable_json(value: Any) -> str:
    text = json.dumps(value)
    # Escapes of the two kinds in question; what is made of whole characters stays the same.
    return json.dumps(storable(value)) if "\\u0000" in text or "\\ud" in text else text


async def _configure(conn: AsyncConnection) -> None:
    conn.adapters.register_dumper(str, _StorableText)
    set_json_dumps(_storable_json, conn)
    await conn.execute(SESSION)
    await conn.commit()


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction: committed at the end, rolled back on any exception.

    Raises :class:`StoreUnavailable` when PostgreSQL is away or goes away. When that happens during
    the commit itself, it is not known whether it counts: writers must bear being repeated.
    """
    with unavailable():
        async with pool.connection() as conn:
            yield conn


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn psycopg's loss of connection (also deadlock and time-out) into ours."""
    try:
        yield
    except (PoolTimeout, PoolClosed, TooManyRequests) as error:
        raise StoreUnavailable(
            f"no connection to PostgreSQL: {error}; is it running, and are PGHOST, PGPORT right?"
            f"{libpq.remark()}"
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnavailable(f"PostgreSQL: {str(error).strip()}; try again") from error

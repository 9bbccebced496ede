"""Nobody keeps PostgreSQL busy through Grafana: sessions of its role that outlast their time end.

Every viewer can send SQL of his own through Grafana's data source, ``SET statement_timeout = 0``
first. PostgreSQL cannot forbid that; so what is older than the time-out is ended from here.
"""

from __future__ import annotations

import asyncio

import structlog

from glue import store
from glue.store import reader_sessions

log = structlog.get_logger()

LOOK_S = 5.0
GRACE_S = 2.0
"""Beyond the time-out: who keeps it is told so by PostgreSQL itself."""


async def run(pool: store.Pool, timeout: float, every: float = LOOK_S) -> None:
    """Until cancelled. ``timeout`` s is what a query of Grafana's may take."""
    patience = store.Patience("reader-watch", every)

    async def look() -> None:
        async with store.transaction(pool) as conn:
            ended = await reader_sessions.end_overdue(conn, timeout + GRACE_S)
        if ended:
            log.warning("grafana_reader.ended", sessions=ended, why=f"longer than {timeout:g} s")
        await asyncio.sleep(every)

    await patience.forever(look)

"""Sessions of Grafana's role that outlast their time: a session may lift its own time-outs, so they
are ended from outside."""

from __future__ import annotations

from psycopg import AsyncConnection

from glue.store.queries import load

sql = load("reader_sessions")


async def end_overdue(conn: AsyncConnection, seconds: float) -> int:
    """End those whose transaction is older than ``seconds``; how many. Needs membership in the
    role, which ``accounts.prepare`` gives; without it nothing is seen, and none ended."""
    row = await (await conn.execute(sql.end_overdue, {"seconds": seconds})).fetchone()
    return int(row[0]) if row else 0

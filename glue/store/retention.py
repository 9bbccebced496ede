"""What is kept for a time only. Each call removes at most ``rows`` rows and says how many: who
calls goes on while it is as many, so that no transaction is long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from psycopg import AsyncConnection

from glue.store import idempotency, live, outbox, sessions
from glue.store.queries import load

sql = load("retention")

Remove = Callable[[AsyncConnection, int, int], Awaitable[int]]
"""(connection, days that log lines are kept, rows at most) to the number of rows removed."""


async def _logs(conn: AsyncConnection, days: int, rows: int) -> int:
    return (await conn.execute(sql.logs, {"days": days, "rows": rows})).rowcount


async def _commands(conn: AsyncConnection, days: int, rows: int) -> int:
    return (await conn.execute(sql.commands, {"days": days, "rows": rows})).rowcount


async def _idempotency_keys(conn: AsyncConnection, _: int, rows: int) -> int:
    return await idempotency.expire(conn, rows)


async def _live_changes(conn: AsyncConnection, _: int, rows: int) -> int:
    return await live.prune(conn, live.KEEP_S, rows)


async def _outbox(conn: AsyncConnection, days: int, rows: int) -> int:
    return await outbox.prune(conn, days, rows)


async def _sessions(conn: AsyncConnection, _: int, rows: int) -> int:
    return await sessions.forget(conn, rows)


KINDS: Mapping[str, Remove] = {
    "system_logs": _logs,
    "commands": _commands,
    "idempotency_keys": _idempotency_keys,
    "live_changes": _live_changes,
    "notification_outbox": _outbox,
    "sessions": _sessions,
}
"""By table. Alerts, their timeline and reports are not among them: they stay."""

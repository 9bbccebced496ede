"""What stands in the outbox, and working through it by hand."""

from __future__ import annotations

from psycopg.rows import dict_row

from glue import store

ALL = "SELECT * FROM notification_outbox ORDER BY id"


async def rows(pool, query=ALL, **named):
    async with store.transaction(pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, named)
        return await cursor.fetchall() if cursor.description else []


async def states(pool):
    return [(r["occasion"], r["target_name"], r["state"]) for r in await rows(pool)]


async def empty(worker):
    """Route, and send until nothing is due."""
    await worker.router.route()
    sent = []
    while (one := await worker.sender.send_next()) is not None:
        sent.append(one)
    return sent

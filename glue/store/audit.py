"""Who did what: entries of ``system_logs`` that people may have to read years later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glue.store.queries import load

sql = load("audit")

Level = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]
Category = Literal["mqtt", "api", "database", "system", "auth", "command"]


async def acting(conn: AsyncConnection, username: str) -> None:
    """Name who changes things in this transaction, for the triggers that write down changes."""
    await conn.execute(sql.acting, {"username": username})


async def record(
    conn: AsyncConnection,
    category: Category,
    message: str,
    *,
    level: Level = "INFO",
    robot_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry, in the transaction of what it tells about. Never give it a secret."""
    await conn.execute(
        sql.record,
        {
            "level": level,
            "category": category,
            "message": message,
            "robot_id": robot_id,
            "details": None if details is None else Jsonb(dict(details)),
        },
    )

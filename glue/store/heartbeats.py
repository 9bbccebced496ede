"""Signs of life of the pipeline's parts: events, pull, standby, webhook, evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glue.store.queries import load

sql = load("heartbeats")


async def beat(
    conn: AsyncConnection, name: str, at: datetime, details: Mapping[str, Any]
) -> None:
    """Record that ``name`` was alive at ``at``."""
    named = {"name": name, "at": at, "details": Jsonb(dict(details))}
    await conn.execute(sql.beat, named)

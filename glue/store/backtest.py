"""What a backtest takes from the record: whom limits reach, and the episodes that happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import class_row

from glue.core.backtest import Past
from glue.store.queries import load

sql = load("backtest")

AT_ONCE = 1000


@dataclass(frozen=True)
class Reached:
    """A robot. ``own``: it has limits of its own; ``enabled``: the metric is not switched off."""

    robot_id: str
    own: bool
    enabled: bool


async def bounds(conn: AsyncConnection, metric: str) -> tuple[float, float]:
    """Between which a limit of the metric, and its recovery limit, must lie."""
    row = await (await conn.execute(sql.bounds, {"metric": metric})).fetchone()
    assert row is not None, "the migrations write every metric"
    return float(row[0]), float(row[1])


async def fleet(conn: AsyncConnection, metric: str) -> list[Reached]:
    """All robots but removed ones."""
    async with conn.cursor(row_factory=class_row(Reached)) as cursor:
        return await (await cursor.execute(sql.reached, {"metric": metric})).fetchall()


async def happened(
    conn: AsyncConnection,
    metric: str,
    robot_ids: Sequence[str],
    since: datetime,
    until: datetime,
) -> AsyncIterator[Past]:
    """Recorded episodes that were open at any time from ``since`` to ``until``, newest first."""
    named = {"metric": metric, "robot_ids": list(robot_ids), "since": since, "until": until}
    # By the server, a thousand at a time: a fleet may have had very many.
    async with conn.cursor("happened", row_factory=class_row(Past)) as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(sql.happened, named)
        async for past in cursor:
            yield past

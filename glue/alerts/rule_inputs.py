"""What a rule reads: its readings from InfluxDB or PostgreSQL, its limits from PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from glue import store
from glue.core.evaluation import Limits
from glue.core.rule import AHEAD, NEWEST, WINDOW, Rule, SeriesReading, TableReading
from glue.series import Query
from glue.store import readings


async def read(
    pool: store.Pool, series: Query, rule: Rule, at: datetime | None = None
) -> dict[str, float]:
    """The newest reading by robot id ('' for a rule on the whole stack), now or ``at`` a past
    moment (series alone: tables hold the present). Raises ``SeriesError``, ``StoreError``."""
    if isinstance(rule.reading, SeriesReading):
        found = await series.query(rule.reading.influxql.replace("$timeFilter", _window(at)))
        newest = ((one.tags.get("robot_id", ""), one.rows[-1][1]) for one in found if one.rows)
        # A sum of which one part is missing is null; Grafana calls that no data.
        return {robot_id: float(value) for robot_id, value in newest if value is not None}
    return await table(pool, rule.reading)


async def table(pool: store.Pool, reading: TableReading) -> dict[str, float]:
    """What a rule reads in PostgreSQL, by robot id as in :func:`read`. Raises ``StoreError``."""
    async with store.transaction(pool) as conn:
        return await readings.by_robot(conn, reading.sql)


async def limits(pool: store.Pool, rule: Rule) -> Limits:
    """Limit and recovery limit in force, by robot id. Raises ``StoreError``."""
    async with store.transaction(pool) as conn:
        limit = await readings.by_robot(conn, rule.limit_sql)
        recovery = await readings.by_robot(conn, rule.recovery_sql)
    return {robot: (limit[robot], recovery[robot]) for robot in limit.keys() & recovery.keys()}


def _window(at: datetime | None) -> str:
    if at is None:
        return NEWEST
    since, until = at - timedelta(seconds=WINDOW), at + timedelta(seconds=AHEAD)
    return f"time >= {_ms(since)}ms AND time < {_ms(until)}ms"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

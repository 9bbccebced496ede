"""The limits in force: the robot's row, else the global row, else the built-in default.

Three levels in one view of the database, so that Grafana's rules, the standby evaluator and people
read the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import class_row

from glue.core.limit_sources import Level
from glue.core.sorting import Column
from glue.store.listing import Listing
from glue.store.queries import load

sql = load("limits")

LIMITS = Listing(
    sql,
    {
        "key": Column(str),
        "robot_id": Column(str),
        "metric": Column(str),
        "source": Column(str),
        "warning": Column(float),
        "critical": Column(float),
    },
    default="key",
    key="key",
)
"""``key`` is robot and metric together."""


@dataclass(frozen=True)
class Limit:
    """One robot's limits for one metric, in the metric's unit. None of the numbers is ever absent.

    ``source`` is the level they come from. ``enabled``: nobody switched the metric off.
    ``watched``: the robot is active, accepted and not in maintenance. Rules apply it when both.
    """

    robot_id: str
    metric: str
    warning: float
    warning_recovery: float
    critical: float
    critical_recovery: float
    source: Level
    enabled: bool
    watched: bool


async def in_force(
    conn: AsyncConnection, robot_id: str | None = None, metric: str | None = None
) -> list[Limit]:
    """Limits that rules apply now, of one robot or metric or of all."""
    return await _read(conn, sql.in_force, robot_id, metric)


async def configured(
    conn: AsyncConnection, robot_id: str | None = None, metric: str | None = None
) -> list[Limit]:
    """The same, with what is switched off or not watched now."""
    return await _read(conn, sql.configured, robot_id, metric)


async def _read(
    conn: AsyncConnection, query: str, robot_id: str | None, metric: str | None
) -> list[Limit]:
    async with conn.cursor(row_factory=class_row(Limit)) as cursor:
        await cursor.execute(query, {"robot_id": robot_id, "metric": metric})
        return await cursor.fetchall()

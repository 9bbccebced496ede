"""Rows of ``alert_thresholds``: what people set, for one robot or (``robot_id`` None) for all.

The database decides what is allowed; its refusals become :class:`InvalidThreshold` with a text for
the person who asked. What is in force then, level by level, is :mod:`glue.store.limits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection, errors
from psycopg.rows import class_row, dict_row

from glue.store.pool import StoreError
from glue.store.queries import load

sql = load("thresholds")


class InvalidThreshold(StoreError):
    """The limits make no sense; the text says which and why. ``constraint`` names the rule."""

    def __init__(self, text: str, constraint: str) -> None:
        super().__init__(text)
        self.constraint = constraint


class UnknownMetric(StoreError):
    """No such metric has limits."""


class UnknownRobot(StoreError):
    """No such robot is registered."""


@dataclass(frozen=True)
class Threshold:
    """One row. A limit of None comes from the next level; a recovery limit of None is the limit,
    the metric's margin to the safe side. ``enabled`` False switches the metric off."""

    robot_id: str | None
    metric: str
    warning: float | None
    critical: float | None
    warning_recovery: float | None
    critical_recovery: float | None
    enabled: bool
    updated_at: datetime


async def listed(conn: AsyncConnection) -> list[Threshold]:
    """All rows, global ones first."""
    async with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        return await (await cursor.execute(sql.listed)).fetchall()


async def one(conn: AsyncConnection, robot_id: str | None, metric: str) -> Threshold | None:
    """The robot's own row, or the global one."""
    async with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        await cursor.execute(sql.one, {"robot_id": robot_id, "metric": metric})
        return await cursor.fetchone()


async def put(
    conn: AsyncConnection,
    robot_id: str | None,
    metric: str,
    *,
    warning: float | None,
    critical: float | None,
    warning_recovery: float | None = None,
    critical_recovery: float | None = None,
    enabled: bool = True,
) -> Threshold:
    """Write the whole row of (robot, metric); robot None is the global row.

    Raises :class:`InvalidThreshold`, :class:`UnknownMetric`, :class:`UnknownRobot`; then nothing is
    written and the caller's transaction goes on.
    """
    row = {
        "robot_id": robot_id,
        "metric": metric,
        "warning": warning,
        "critical": critical,
        "warning_recovery": warning_recovery,
        "critical_recovery": critical_recovery,
        "enabled": enabled,
    }
    with _refused(robot_id, metric):
        async with conn.transaction(), conn.cursor(row_factory=class_row(Threshold)) as cursor:
            written = await (await cursor.execute(sql.put, row)).fetchone()
            assert written is not None, "INSERT … RETURNING gives its row"
            await _applied(conn, written)
    return written


async def reset(conn: AsyncConnection, robot_id: str | None, metric: str) -> bool:
    """Drop the row, so that the next level counts again. False when there was none."""
    done = await conn.execute(sql.reset, {"robot_id": robot_id, "metric": metric})
    return done.rowcount > 0


async def _applied(conn: AsyncConnection, row: Threshold) -> None:
    """A row with one limit is completed by the next level. Where that comes out on the wrong sides
    the view would pass it over without a word, so the writer is told instead."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql.completed, {"robot_id": row.robot_id, "metric": row.metric})
        pair = await cursor.fetchone()
    if pair and not pair["ordered"]:
        given = "warning" if row.critical is None else "critical"
        other = "critical" if given == "warning" else "warning"
        raise InvalidThreshold(
            f"{given} {pair[given]:g} is on the wrong side of {other} {pair[other]:g}, which"
            f" {row.metric} takes from the level above; give both",
            "alert_thresholds_order",
        )


@contextmanager
def _refused(robot_id: str | None, metric: str) -> Iterator[None]:
    try:
        yield
    except errors.ForeignKeyViolation as error:
        if error.diag.constraint_name == "alert_thresholds_metric":
            raise UnknownMetric(f"{metric!r} is no metric with limits") from error
        raise UnknownRobot(f"no robot {robot_id!r} is registered") from error
    except errors.CheckViolation as error:
        name = error.diag.constraint_name or ""
        text = error.diag.message_primary or str(error)
        if name == "alert_thresholds_recovery_alone":
            text = "a recovery limit needs its limit in the same row; give both"
        raise InvalidThreshold(text, name) from error
    except errors.DataError as error:
        raise InvalidThreshold(f"not a limit: {error.diag.message_primary or error}", "") from error

"""Rows of ``alert_thresholds``: what people set, for one robot or (``robot_id`` None) for all.

The database decides what is allowed; its refusals become :class:`InvalidThreshold` with a text for
the person who asked. What is in force then, level by level, is :mod:`glue.store.limits`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, Rollback, errors
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from glue.core.sorting import Column
from glue.store.listing import Listing
from glue.store.pool import StoreError
from glue.store.queries import load

sql = load("thresholds")

ROWS = Listing(sql, {"id": Column(int)}, default="id")


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
    the metric's margin to the safe side. ``enabled`` False switches the metric off; None is as the
    next level says."""

    robot_id: str | None
    metric: str
    warning: float | None
    critical: float | None
    warning_recovery: float | None
    critical_recovery: float | None
    enabled: bool | None
    updated_at: datetime


async def listed(conn: AsyncConnection) -> list[Threshold]:
    """All rows, global ones first."""
    async with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        return await (await cursor.execute(sql.listed)).fetchall()


async def of(conn: AsyncConnection, robot_id: str | None) -> list[Threshold]:
    """The robot's own rows, or the global ones."""
    async with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        return await (await cursor.execute(sql.of, {"robot_id": robot_id})).fetchall()


async def of_robots(conn: AsyncConnection, robot_ids: Collection[str]) -> list[Threshold]:
    """The own rows of these robots."""
    async with conn.cursor(row_factory=class_row(Threshold)) as cursor:
        await cursor.execute(sql.of_robots, {"robot_ids": list(robot_ids)})
        return await cursor.fetchall()


async def hold(conn: AsyncConnection) -> None:
    """Nobody else changes the fleet's limits until the transaction ends."""
    await conn.execute(sql.hold)


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
    enabled: bool | None = True,
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


async def put_many(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Write these rows (each the arguments of :func:`put`, of a registered robot), all or none.

    Gives why rows were refused, by their place; then nothing is written.
    """
    try:
        async with conn.transaction():
            cursor = await conn.execute(sql.put_many, {"rows": Jsonb(list(rows))})
            if (await cursor.fetchone()) is None:
                return {}
            raise _Disordered
    except (_Disordered, errors.CheckViolation, errors.DataError):
        return await _refusals(conn, rows)


async def reset_many(conn: AsyncConnection, pairs: Sequence[tuple[str, str]]) -> int:
    """Drop the rows of these (robot, metric); gives how many there were."""
    named = {"rows": Jsonb([{"robot_id": robot, "metric": metric} for robot, metric in pairs])}
    done = await conn.execute(sql.reset_many, named)
    return done.rowcount


async def reset_all(conn: AsyncConnection, robot_id: str | None) -> list[str]:
    """Drop all rows of the robot, or all global ones; gives their metrics."""
    cursor = await conn.execute(sql.reset_all, {"robot_id": robot_id})
    return sorted(row[0] for row in await cursor.fetchall())


async def reset(conn: AsyncConnection, robot_id: str | None, metric: str) -> bool:
    """Drop the row, so that the next level counts again. False when there was none."""
    done = await conn.execute(sql.reset, {"robot_id": robot_id, "metric": metric})
    return done.rowcount > 0


class _Disordered(Exception):
    """A row with one limit is on the wrong side of the level above."""


async def _refusals(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """One by one, and taken back. What is wrong with limits is so for every robot."""
    found: dict[int, str] = {}
    tried: dict[tuple[Any, ...], str] = {}
    async with conn.transaction() as attempt:
        for place, row in enumerate(rows):
            limits = tuple(value for name, value in sorted(row.items()) if name != "robot_id")
            if limits not in tried:
                tried[limits] = ""
                try:
                    await put(conn, **row)
                except InvalidThreshold as error:
                    tried[limits] = str(error)
            if tried[limits]:
                found[place] = tried[limits]
        raise Rollback(attempt)
    return found


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

"""Robots as people see and edit them. What robots say of themselves is written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.store.queries import load

sql = load("fleet")

Row = dict[str, Any]


class RobotRefused(Exception):
    """A constraint of the table ``robots``, or of the limits kept in step with it, said no."""


@dataclass(frozen=True)
class Filter:
    """Which robots; None lets everything through. ``text`` is looked for in id, name, description,
    whatever its case."""

    status: str | None = None
    active: bool | None = None
    registration: str | None = None
    text: str | None = None


async def page(conn: AsyncConnection, wanted: Filter, after: str | None, rows: int) -> list[Row]:
    """At most ``rows`` robots by id, after the id ``after``."""
    named = asdict(wanted) | {"after": after, "rows": rows}
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.page, named)).fetchall()


async def one(conn: AsyncConnection, robot_id: str) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"robot_id": robot_id})).fetchone()


async def hold(conn: AsyncConnection, robot_id: str) -> Row | None:
    """The robot, which nobody else can change until the transaction ends."""
    await conn.execute(sql.hold, {"robot_id": robot_id})
    return await one(conn, robot_id)


async def add(conn: AsyncConnection, robot_id: str, name: str) -> bool:
    """Whether the robot is new; False when the id is taken."""
    cursor = await conn.execute(sql.add, {"robot_id": robot_id, "name": name})
    return await cursor.fetchone() is not None


async def change(conn: AsyncConnection, robot_id: str, patch: Mapping[str, Any]) -> None:
    """Set the columns named in ``patch``. Raises :class:`RobotRefused`."""
    try:
        await conn.execute(sql.change, {"robot_id": robot_id, "patch": Jsonb(dict(patch))})
    except (errors.CheckViolation, errors.RaiseException, errors.DataError) as error:
        raise RobotRefused(error.diag.message_primary or str(error)) from error

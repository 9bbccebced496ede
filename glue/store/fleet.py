"""Robots as people see and edit them. What robots say of themselves is written elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from glue.core.sorting import Column
from glue.store.listing import Listing, Row
from glue.store.queries import load

sql = load("fleet")

ROBOTS = Listing(
    sql,
    {
        "robot_id": Column(str),
        "name": Column(str, nullable=True),
        "status": Column(str),
        "last_seen": Column(datetime, nullable=True),
        "created_at": Column(datetime),
        "updated_at": Column(datetime),
        "maintenance_until": Column(datetime, nullable=True),
        "removed_at": Column(datetime, nullable=True),
    },
    default="robot_id",
    key="robot_id",
)


class RobotRefused(Exception):
    """A constraint of the table ``robots``, or of the limits kept in step with it, said no."""


@dataclass(frozen=True)
class Held:
    """A robot that nobody else can change until the transaction ends."""

    robot_id: str
    removed: bool
    registration: str
    in_maintenance: bool


async def one(conn: AsyncConnection, robot_id: str) -> Row | None:
    """Its row, also of a removed robot."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"robot_id": robot_id})).fetchone()


async def hold(conn: AsyncConnection, robot_ids: Collection[str]) -> dict[str, Held]:
    """Those of the robots that there are, removed ones too, held.

    A single id is a collection of letters, which would hold nobody: raises ``TypeError``.
    """
    if isinstance(robot_ids, str):
        raise TypeError(f"hold([{robot_ids!r}]): ids in a collection")
    async with conn.cursor(row_factory=class_row(Held)) as cursor:
        await cursor.execute(sql.hold, {"robot_ids": list(robot_ids)})
        return {held.robot_id: held for held in await cursor.fetchall()}


async def add(conn: AsyncConnection, robot_id: str, name: str) -> bool:
    """Whether the robot is new; False when the id is taken."""
    cursor = await conn.execute(sql.add, {"robot_id": robot_id, "name": name})
    return await cursor.fetchone() is not None


async def change(conn: AsyncConnection, robot_id: str, patch: Mapping[str, Any]) -> None:
    """Set the columns named in ``patch``. Raises :class:`RobotRefused`."""
    with _refused():
        await conn.execute(sql.change, {"robot_id": robot_id, "patch": Jsonb(dict(patch))})


async def begin_maintenance(
    conn: AsyncConnection, robot_ids: Collection[str], reason: str | None, until: datetime | None
) -> None:
    """Of held robots; one that is in maintenance gets the new reason and end. ``until`` None: until
    somebody ends it. Raises :class:`RobotRefused`."""
    named = {"robot_ids": list(robot_ids), "reason": reason, "until": until}
    with _refused():
        await conn.execute(sql.begin_maintenance, named)


async def end_maintenance(conn: AsyncConnection, robot_ids: Collection[str]) -> list[str]:
    """Gives those that were in maintenance, also those whose end had come unwritten."""
    cursor = await conn.execute(sql.end_maintenance, {"robot_ids": list(robot_ids)})
    return sorted(row[0] for row in await cursor.fetchall())


async def end_maintenance_in_time(conn: AsyncConnection) -> list[str]:
    """Write down which maintenances are over by now; gives the robots."""
    cursor = await conn.execute(sql.end_maintenance_in_time)
    return sorted(row[0] for row in await cursor.fetchall())


async def register(
    conn: AsyncConnection, robot_ids: Collection[str], registration: str
) -> list[str]:
    """Accept or refuse robots; gives those for which that is new."""
    named = {"robot_ids": list(robot_ids), "registration": registration}
    cursor = await conn.execute(sql.register, named)
    return sorted(row[0] for row in await cursor.fetchall())


async def groups(conn: AsyncConnection) -> list[Row]:
    """(name, robots): how many robots that are not removed are in each."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.groups)).fetchall()


async def of_group(conn: AsyncConnection, name: str) -> list[str]:
    """Its robots."""
    cursor = await conn.execute(sql.of_group, {"name": name})
    return [row[0] for row in await cursor.fetchall()]


async def put_into_group(conn: AsyncConnection, name: str, robot_ids: Collection[str]) -> list[str]:
    """Of held robots; gives those for which that is new. Raises :class:`RobotRefused`."""
    with _refused():
        named = {"name": name, "robot_ids": list(robot_ids)}
        cursor = await conn.execute(sql.put_into_group, named)
        return sorted(row[0] for row in await cursor.fetchall())


async def take_out_of_group(
    conn: AsyncConnection, name: str, robot_ids: Collection[str]
) -> list[str]:
    """Of held robots; gives those that were in it."""
    named = {"name": name, "robot_ids": list(robot_ids)}
    cursor = await conn.execute(sql.take_out_of_group, named)
    return sorted(row[0] for row in await cursor.fetchall())


async def remove(conn: AsyncConnection, robot_id: str) -> None:
    """Do without the robot: it leaves lists, variables and rules; its history stays."""
    await conn.execute(sql.remove, {"robot_id": robot_id})


async def restore(conn: AsyncConnection, robot_id: str) -> None:
    """Take a removed robot back, active as it was."""
    await conn.execute(sql.restore, {"robot_id": robot_id})


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (errors.CheckViolation, errors.RaiseException, errors.DataError) as error:
        raise RobotRefused(error.diag.message_primary or str(error)) from error

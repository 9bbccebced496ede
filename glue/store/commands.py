"""Commands to robots as rows, and what was answered.

Every write here bears being repeated, and whoever hears an answer writes it: the one who waits for
it, and the events' consumer, which also hears the late ones and those to a glue that has died.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.commands import Answer
from glue.core.sorting import Column
from glue.store import jobs
from glue.store.listing import Listing
from glue.store.queries import load

sql = load("commands")

Row = dict[str, Any]

COMMANDS = Listing(
    sql,
    {
        "asked_at": Column(datetime),
        "robot_id": Column(str, nullable=True),
        "type": Column(str),
        "state": Column(str),
        "id": Column(str),
    },
    default="-asked_at",
)

TIMED_OUT = "the robot did not answer"
UNSENT = "not sent: the MQTT broker was away"


@dataclass(frozen=True)
class Sent:
    """A command that leaves, or has just left. ``robot_id`` None: to all."""

    command_id: uuid.UUID
    kind: str
    robot_id: str | None
    members: Mapping[str, Any]
    asked_by: str
    asked_at: datetime
    deadline: datetime


async def add(conn: AsyncConnection, sent: Sent, state: str = "sent") -> bool:
    """Whether the command is new. ``state`` is sent or unsent."""
    row = {
        "id": sent.command_id,
        "robot_id": sent.robot_id,
        "type": sent.kind,
        "payload": Jsonb(dict(sent.members)),
        "asked_by": sent.asked_by,
        "asked_at": sent.asked_at,
        "sent_at": None if state == "unsent" else sent.asked_at,
        "deadline": sent.deadline,
        "state": state,
    }
    cursor = await conn.execute(sql.add, row)
    return await cursor.fetchone() is not None


async def expect(conn: AsyncConnection, command_id: uuid.UUID, robots: Collection[str]) -> None:
    """Who was there when a command to all was sent."""
    if robots:
        await conn.execute(sql.expect, {"id": command_id, "robots": sorted(robots)})


async def unsent(conn: AsyncConnection, sent: Sent) -> None:
    """It did not leave, and will not."""
    await _hold(conn, {sent.robot_id} if sent.robot_id else set())
    await conn.execute(sql.unsent, {"id": sent.command_id})
    await jobs.refuse(conn, str(sent.command_id), sent.asked_at, UNSENT)


async def answered(conn: AsyncConnection, answers: Iterable[Answer]) -> None:
    """Keeps answers to our commands, the first of each robot; those to others' are passed over. A
    job that was asked for with a command that its robot refuses has failed."""
    said: dict[tuple[uuid.UUID, str], Answer] = {}
    for heard in answers:
        if heard.command_id:
            said.setdefault((heard.command_id, heard.robot_id), heard)
    if not said:
        return
    rows = Jsonb([_row(one) for one in said.values()])
    await _hold(conn, {one.robot_id for one in said.values() if not one.success})
    cursor = await conn.execute(sql.answered_one, {"rows": rows})
    counted = [said[one] for one in await cursor.fetchall()]
    await conn.execute(sql.answered_by_each, {"rows": rows})
    await conn.execute(sql.answered_by_all, {"ids": [one[0] for one in said]})
    for no in counted:
        if not no.success:
            reason = f"the robot refused: {no.message}"
            await jobs.refuse(conn, str(no.command_id), no.at, reason)


async def time_out(conn: AsyncConnection, ids: Mapping[uuid.UUID, str | None]) -> None:
    """The time for an answer to these commands, by id the robot's, is over."""
    await _hold(conn, {robot_id for robot_id in ids.values() if robot_id})
    cursor = await conn.execute(sql.timed_out, {"ids": list(ids)})
    for (command_id,) in await cursor.fetchall():
        await jobs.give_up(conn, str(command_id), TIMED_OUT)


async def sweep(conn: AsyncConnection) -> None:
    """Commands whose sender died before it could say that their time is over."""
    cursor = await conn.execute(sql.overdue)
    ids: dict[uuid.UUID, str | None] = dict(await cursor.fetchall())
    if ids:
        await time_out(conn, ids)


async def present(conn: AsyncConnection) -> frozenset[str]:
    """The robots that should answer a command to all."""
    cursor = await conn.execute(sql.present)
    return frozenset(row[0] for row in await cursor.fetchall())


async def addressed(conn: AsyncConnection, robot_id: str) -> Row | None:
    """What decides whether a robot can be told something."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.addressed, {"robot_id": robot_id})).fetchone()


async def one(conn: AsyncConnection, command_id: uuid.UUID) -> Row | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.one, {"id": command_id})).fetchone()


async def answers(conn: AsyncConnection, command_id: uuid.UUID) -> list[Row]:
    """Of a command to all: one row a robot that was there or answered."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.answers, {"id": command_id})).fetchall()


async def _hold(conn: AsyncConnection, robots: Collection[str]) -> None:
    if robots:
        await conn.execute(sql.hold_robots, {"robots": sorted(robots)})


def _row(one: Answer) -> Row:
    return {
        "command_id": str(one.command_id),
        "robot_id": one.robot_id,
        "success": one.success,
        "message": one.message,
        "at": one.at.isoformat(),
        "data": one.data,
    }

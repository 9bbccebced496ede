"""Changes of the last hour, to be read from where one left off.

A :class:`Position` is a snapshot's oldest transaction that was not over: whatever was committed
before it has been seen. Reading from it may give a change twice, and never leaves one out.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import AsyncConnection

from glue.store.queries import load

sql = load("live")

KEEP_S = 3600.0
ANY = "*"
"""The key of a change that touched too many rows to name them."""
_POSITION = re.compile(r"([0-9]{1,10})-([0-9]{1,18})")


class Position(NamedTuple):
    """``database`` is the oid: a restored database is another one."""

    database: int
    txid: int

    def __str__(self) -> str:
        return f"{self.database}-{self.txid}"


class BadPosition(ValueError):
    """The text is no position that we gave."""


def read_position(text: str) -> Position:
    """Raises :class:`BadPosition`."""
    if not (match := _POSITION.fullmatch(text)):
        raise BadPosition(text[:100])
    return Position(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Told:
    """``key`` names a row of ``topic``; ``id`` counts, for those who read it twice."""

    id: int
    txid: int
    topic: str
    key: str


@dataclass(frozen=True)
class Look:
    """What was found, and from where to look next. Not ``whole``: changes are missing, because
    they were too many or too long ago."""

    upto: Position
    told: list[Told]
    whole: bool


async def since(
    conn: AsyncConnection, position: Position | None, topics: Collection[str], most: int
) -> Look:
    """Changes since ``position``; None: from now on."""
    named = {
        "txid": position.txid if position else 2**62,
        "topics": list(topics),
        "most": most + 1,
    }
    rows = await (await conn.execute(sql.since, named)).fetchall()
    database, upto, oldest = rows[0][:3]
    told = [Told(*row[3:]) for row in rows if row[3] is not None]
    now = Position(database, upto)
    if position is None:
        return Look(now, [], True)
    known = position.database == database and position.txid <= upto
    whole = known and len(told) <= most and (oldest is None or oldest <= position.txid)
    return Look(now, told if whole else [], whole)


async def prune(conn: AsyncConnection, keep_s: float, most: int) -> int:
    """Removes changes older than ``keep_s``: at most ``most``, or the oldest transaction's where
    those are more; gives how many."""
    return (await conn.execute(sql.prune, {"keep_s": keep_s, "most": most})).rowcount

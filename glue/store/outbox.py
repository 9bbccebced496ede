"""The outbox: who is to be told of which transition, and what became of it.

A trigger notes each transition in its own transaction (``notification_waiting``), whoever writes
it. What is decided about it and the removal of that note are one transaction too, so that nothing
is lost wherever a process ends. Sending leases the rows of one message; a lease that is not marked
in time is free again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.messages import Happened, Message
from glue.core.routes import Told, Transition, Unanswered
from glue.core.sorting import Column
from glue.store import listing
from glue.store.listing import Listing, Row
from glue.store.queries import load

sql = load("outbox")

OUTBOX = Listing(
    sql,
    {
        "id": Column(int),
        "created_at": Column(datetime),
        "next_try_at": Column(datetime),
        "finished_at": Column(datetime, nullable=True),
        "attempts": Column(int),
    },
    default="-id",
)


@dataclass(frozen=True)
class Lease:
    """One message to send: its rows, the number of this try, the text when it was tried before."""

    batch: int
    target_id: int
    ids: list[int]
    attempts: int
    message: Message | None


@dataclass(frozen=True)
class Watched:
    """An open episode that nobody acknowledged, by the route and target that told of it."""

    route_id: int
    target_id: int
    transition: Transition
    state: Unanswered


async def lock(conn: AsyncConnection) -> None:
    """Be the only one that decides who is told, or forms a message, until the transaction ends."""
    await conn.execute(sql.lock)


async def waiting(conn: AsyncConnection, rows: int) -> list[Transition]:
    """The oldest transitions of which nothing is decided yet."""
    return [_transition(row) for row in await _rows(conn, sql.waiting, {"rows": rows})]


async def decided(conn: AsyncConnection, ids: Collection[int]) -> None:
    await conn.execute(sql.decided, {"ids": list(ids)})


async def told(conn: AsyncConnection, alert_ids: Collection[int]) -> dict[int, list[Told]]:
    """By alert: the targets that were told of it, or are to be."""
    found: dict[int, list[Told]] = {}
    for row in await _rows(conn, sql.told, {"ids": list(alert_ids)}):
        one = Told(row["route_id"], row["target"], row["held"], row["route_name"])
        found.setdefault(row["alert_id"], []).append(one)
    return found


async def drop_held(conn: AsyncConnection) -> None:
    """Suppress what quiet hours hold back and nobody needs to hear any more."""
    await conn.execute(sql.drop_held)


async def drop_ends(conn: AsyncConnection) -> None:
    """Suppress ends whose beginnings were given up."""
    await conn.execute(sql.drop_ends)


async def last_due(
    conn: AsyncConnection, targets: Collection[int], keys: Collection[str], since: datetime
) -> dict[tuple[int, str], datetime]:
    """When the newest message by (target, group key) was due, of those after ``since``."""
    named = {"targets": list(targets), "keys": list(keys), "since": since}
    rows = await _rows(conn, sql.last_due, named)
    return {(row["target_id"], row["group_key"]): row["at"] for row in rows}


async def add(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Queue rows (see the block ``add``); one that is there is left. Gives how many are new."""
    if not rows:
        return 0
    plain = [
        {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()} for row in rows
    ]
    return (await conn.execute(sql.add, {"rows": Jsonb(plain)})).rowcount


async def unanswered(conn: AsyncConnection) -> list[Watched]:
    found = []
    for row in await _rows(conn, sql.unanswered, {}):
        if row["since"] is None:
            continue
        shared = {name: row[name] for name in ("alert_id", "severity", "alert_type", "metric")}
        found.append(
            Watched(
                row["route_id"],
                row["target_id"],
                Transition(
                    id=row["transition_id"],
                    occasion="opened",
                    robot_id=row["robot_id"],
                    **shared,
                ),
                Unanswered(
                    severity=row["severity"],
                    since=row["since"],
                    last=row["last"],
                    escalated=row["escalated"],
                    rounds=row["rounds"],
                    unsent=row["unsent"],
                    off=row["off"],
                ),
            )
        )
    return found


async def lease(conn: AsyncConnection, failing: bool, seconds: float) -> Lease | None:
    """The next message that is due, of targets that work or of those that fail."""
    rows = await _rows(conn, sql.lease, {"failing": failing, "lease_s": seconds})
    if not rows:
        return None
    rows.sort(key=lambda row: row["id"])
    kept = next((row["message"] for row in rows if row["message"]), None)
    return Lease(
        rows[0]["batch"],
        rows[0]["target_id"],
        [row["id"] for row in rows],
        rows[0]["attempts"],
        Message(**kept) if kept else None,
    )


async def happened(conn: AsyncConnection, ids: Collection[int]) -> list[Happened]:
    """What these rows tell: one an episode, the newest."""
    rows = await _rows(conn, sql.happened, {"ids": list(ids)})
    return list({row["alert_id"]: Happened(**row) for row in rows}.values())


async def told_by(conn: AsyncConnection, batch: int, target: int) -> list[Row]:
    """The alerts that the message ``batch`` to ``target`` told of, as they are now."""
    return await _rows(conn, sql.told_by, {"batch": batch, "target": target})


async def keep_message(conn: AsyncConnection, row_id: int, message: Message) -> None:
    """So that every try says the same."""
    await conn.execute(sql.keep_message, {"id": row_id, "message": Jsonb(vars(message))})


async def delivered(conn: AsyncConnection, leased: Lease) -> None:
    await conn.execute(sql.delivered, {"ids": leased.ids, "attempts": leased.attempts})


async def failed(
    conn: AsyncConnection, leased: Lease, error: str, wait: float, give_up: str | None
) -> bool:
    """Queue the message again in ``wait`` s, or give it up for the reason ``give_up``. False when
    the lease is no longer ours."""
    named = {
        "ids": leased.ids,
        "attempts": leased.attempts,
        "error": error,
        "wait_s": wait,
        "give_up": give_up is not None,
        "reason": give_up,
    }
    return bool(await _rows(conn, sql.failed, named))


async def next_due(conn: AsyncConnection) -> float | None:
    """Seconds until a row is due, None when none waits."""
    row = await (await conn.execute(sql.next_due)).fetchone()
    return None if row is None else row[0]


async def retry(conn: AsyncConnection, ids: Collection[int]) -> list[int]:
    """Try these again now, with all rows of their messages; the ids of those that are."""
    return sorted(row["id"] for row in await _rows(conn, sql.retry, {"ids": list(ids)}))


async def give_up(conn: AsyncConnection, ids: Collection[int], reason: str) -> list[int]:
    """Try these no more, with all rows of their messages; the ids of those that wait no more."""
    named = {"ids": list(ids), "reason": reason}
    return sorted(row["id"] for row in await _rows(conn, sql.give_up, named))


async def hold(conn: AsyncConnection, ids: Collection[int]) -> dict[int, Row]:
    """By id, held until the transaction ends; one that is not there is left out."""
    return {row["id"]: row for row in await _rows(conn, sql.hold, {"ids": list(ids)})}


async def ids(conn: AsyncConnection, filters: Mapping[str, Any], rows: int) -> list[int]:
    """At most ``rows`` ids of those that the filters let through, oldest first."""
    found = await listing.selected(conn, OUTBOX, sql.ids, filters, rows=rows)
    return [row["id"] for row in found]


async def counts(conn: AsyncConnection) -> dict[str, int]:
    """Rows by state."""
    return {row["state"]: row["rows"] for row in await _rows(conn, sql.counts, {})}


async def prune(conn: AsyncConnection, days: int, rows: int) -> int:
    """Remove what is finished for so long, of episodes that are over."""
    return (await conn.execute(sql.prune, {"days": days, "rows": rows})).rowcount


def _transition(row: Row) -> Transition:
    return Transition(
        id=row["id"],
        alert_id=row["alert_id"],
        occasion=row["occasion"],
        severity=row["severity"],
        alert_type=row["alert_type"],
        metric=row["metric"],
        robot_id=row["robot_id"],
        groups=frozenset(row["groups"]),
        late=row["late"],
    )


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

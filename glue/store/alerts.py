"""Episodes as rows: ``alerts`` for people, ``alert_timeline`` for what happened to each, and
``alert_instances`` for what each rule last said of each robot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from glue.core.episodes import Change, Circumstances, Episode, Instance, Known
from glue.store.queries import load

sql = load("alerts")

Pair = tuple[str, str]
"""(metric, robot_id), robot_id '' for the whole stack."""


async def lock(conn: AsyncConnection) -> None:
    """Be the only writer of episodes until the transaction ends."""
    await conn.execute(sql.lock)


async def known(conn: AsyncConnection, pairs: Collection[Pair]) -> dict[Pair, Known]:
    """What is known of each pair, an empty :class:`Known` for one never heard of."""
    found = {pair: Known() for pair in pairs}
    named = _named(pairs)
    async with conn.cursor(row_factory=class_row(Instance)) as cursor:
        for instance in await (await cursor.execute(sql.instances, named)).fetchall():
            found[instance.metric, instance.robot_id].instances[instance.severity] = instance
    async with conn.cursor(row_factory=class_row(Episode)) as cursor:
        for episode in await (await cursor.execute(sql.open_episodes, named)).fetchall():
            found[episode.metric, episode.robot_id].episode = episode
    return found


async def firing(conn: AsyncConnection) -> list[Instance]:
    """Every instance that fires, as far as we know."""
    async with conn.cursor(row_factory=class_row(Instance)) as cursor:
        return await (await cursor.execute(sql.firing)).fetchall()


async def new_ids(conn: AsyncConnection, count: int) -> list[int]:
    cursor = await conn.execute(sql.new_ids, {"count": count})
    return [row[0] for row in await cursor.fetchall()]


async def write(
    conn: AsyncConnection, changes: Sequence[Change], instances: Iterable[Instance]
) -> None:
    """Record ``changes`` in their order, and what the rules now say. Episodes that have a row are
    changed before new ones are added, so that one pair never has two open rows."""
    last = {c.episode.id: c for c in changes}
    moved = {c.episode.id: c for c in changes if c.kind in ("raised", "lowered")}
    first = {c.episode.id: c for c in changes if c.kind == "opened"}
    rows = [_changed(c, moved.get(i)) for i, c in last.items() if i not in first]
    if rows:
        await conn.execute(sql.close_or_change, {"rows": Jsonb(rows)})
    rows = [_opened(c, last[c.episode.id]) for c in first.values()]
    if rows:
        await conn.execute(sql.open, {"rows": Jsonb(rows)})
    rows = [_entry(c) for c in changes]
    if rows:
        await conn.execute(sql.add_to_timeline, {"rows": Jsonb(rows)})
    rows = [_plain(asdict(i)) for i in instances]
    if rows:
        await conn.execute(sql.keep_instances, {"rows": Jsonb(rows)})


async def circumstances(
    conn: AsyncConnection, pairs: Collection[Pair]
) -> dict[Pair, Circumstances]:
    """Why the pairs' alerts may have ended, as far as PostgreSQL knows."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.circumstances, _named(pairs))).fetchall()
    return {
        (row["metric"], row["robot_id"]): Circumstances(
            removed=row["removed"],
            in_maintenance=row["in_maintenance"],
            has_limit=row["has_limit"],
        )
        for row in rows
    }


async def limits(
    conn: AsyncConnection, pairs: Collection[Pair]
) -> dict[tuple[str, str, str], float]:
    """Limit in force by (metric, robot, severity)."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.limits, _named(pairs))).fetchall()
    return {
        (row["metric"], row["robot_id"], severity): row[severity]
        for row in rows
        for severity in ("warning", "critical")
    }


async def row_for_update(conn: AsyncConnection, alert_id: int) -> dict[str, Any] | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.row_for_update, {"id": alert_id})).fetchone()


async def set_acknowledged(
    conn: AsyncConnection, alert_id: int, who: str, at: datetime, comment: str | None
) -> dict[str, Any]:
    named = {"id": alert_id, "who": who, "at": at, "comment": comment}
    return await _returned(conn, sql.acknowledge, named)


async def set_resolved(
    conn: AsyncConnection, alert_id: int, who: str, at: datetime, comment: str | None
) -> dict[str, Any]:
    named = {"id": alert_id, "who": who, "at": at, "comment": comment}
    return await _returned(conn, sql.resolve, named)


async def close_others(
    conn: AsyncConnection, robot_id: str, ruled: Collection[str], who: str, reason: str
) -> list[int]:
    """Close the robot's open alerts of metrics other than ``ruled``; gives their ids."""
    named = {"robot_id": robot_id, "ruled": list(ruled), "who": who, "reason": reason}
    cursor = await conn.execute(sql.close_others, named)
    return [row[0] for row in await cursor.fetchall()]


async def hold_many(conn: AsyncConnection, ids: Collection[int]) -> dict[int, bool]:
    """Whether each of these alerts is acknowledged; one that is not there is left out. They stay
    as they are until the transaction ends."""
    cursor = await conn.execute(sql.hold_many, {"ids": list(ids)})
    return dict(await cursor.fetchall())


async def acknowledge_many(
    conn: AsyncConnection, ids: Collection[int], who: str, at: datetime, comment: str | None
) -> None:
    """Acknowledge held alerts, each with its timeline entry."""
    named = {"ids": list(ids), "who": who, "at": at, "comment": comment}
    await conn.execute(sql.acknowledge_many, named)


async def add_by_person(
    conn: AsyncConnection,
    alert: Mapping[str, Any],
    kind: str,
    at: datetime,
    who: str,
    note: str | None,
) -> None:
    """A timeline entry that a person made."""
    row = {
        "alert_id": alert["id"],
        "at": at.isoformat(),
        "kind": kind,
        "severity": alert["severity"],
        "value": None,
        "threshold": None,
        "source": None,
        "origin": "person",
        "actor": who,
        "note": note,
        "details": None,
    }
    await conn.execute(sql.add_to_timeline, {"rows": Jsonb([row])})


async def _returned(conn: AsyncConnection, query: Any, named: dict[str, Any]) -> dict[str, Any]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, named)).fetchone()
    assert row is not None, "the caller holds the row"
    return row


def _named(pairs: Collection[Pair]) -> dict[str, list[str]]:
    return {"metrics": [m for m, _ in pairs], "robots": [r for _, r in pairs]}


def _changed(last: Change, moved: Change | None) -> dict[str, Any]:
    episode = last.episode
    seen = moved.cause if moved else None
    return _plain(
        {
            "id": episode.id,
            "severity": episode.severity,
            "raised": moved is not None and moved.kind == "raised",
            "value": seen.value if seen else None,
            "threshold": seen.limit if seen else None,
            "message": seen.message if seen else None,
            "resolved": episode.resolved_at is not None,
            "resolved_at": episode.resolved_at,
            "resolve_reason": episode.reason,
        }
    )


def _opened(change: Change, last: Change) -> dict[str, Any]:
    seen = change.cause
    return _plain(
        {
            "id": change.episode.id,
            "robot_id": seen.robot_id,
            "alert_type": seen.alert_type,
            "severity": last.episode.severity,
            "title": seen.title,
            "message": seen.message,
            "source": seen.source,
            "value": seen.value,
            "threshold": seen.limit,
            "resolved": last.episode.resolved_at is not None,
            "resolved_at": last.episode.resolved_at,
            "resolve_reason": last.episode.reason,
            "details": dict(seen.details),
            "metric": seen.metric,
            "rule_uid": seen.rule_uid,
            "fingerprint": seen.fingerprint,
            "starts_at": change.episode.starts_at,
            "origin": seen.origin,
        }
    )


def _entry(change: Change) -> dict[str, Any]:
    seen = change.cause
    return _plain(
        {
            "alert_id": change.episode.id,
            "at": change.at,
            "kind": change.kind,
            "severity": change.severity,
            "value": seen.value,
            "threshold": seen.limit,
            "source": seen.source or None,
            "origin": seen.origin,
            "actor": None,
            "note": change.episode.reason,
            "details": None,
        }
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}

"""Episodes as rows: ``alerts`` for people, ``alert_timeline`` for what happened to each, and
``alert_occurrences`` for when each rule fired, which is what they are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from glue.core.endings import Circumstances, Limit
from glue.core.episodes import Change, Episode, Known
from glue.core.foreign_alerts import FOREIGN
from glue.core.occurrences import Occurrence
from glue.store.queries import load

sql = load("alerts")

Pair = tuple[str, str]
"""(metric, robot_id), robot_id '' for the whole stack."""


async def lock(conn: AsyncConnection) -> None:
    """Be the only writer of episodes until the transaction ends."""
    await conn.execute(sql.lock)


async def known(conn: AsyncConnection, since: Mapping[Pair, datetime]) -> dict[Pair, Known]:
    """What is known of each pair from ``since`` on, and of the last before it; an empty
    :class:`Known` for one never heard of."""
    found = {pair: Known() for pair in since}
    named = _named(since)
    async with conn.cursor(row_factory=class_row(Occurrence)) as cursor:
        asked = {**named, "since": list(since.values())}
        fired = await (await cursor.execute(sql.occurrences, asked)).fetchall()
    for one in fired:
        pair = found[one.metric, one.robot_id]
        pair.occurrences = (*pair.occurrences, one)
    async with conn.cursor(row_factory=class_row(Episode)) as cursor:
        asked = {**named, "ids": [one.alert_id for one in fired]}
        for episode in await (await cursor.execute(sql.episodes, asked)).fetchall():
            found[episode.metric, episode.robot_id].episodes[episode.id] = episode
    return found


async def firing(conn: AsyncConnection) -> list[Occurrence]:
    """Everything that fires, as far as we know."""
    async with conn.cursor(row_factory=class_row(Occurrence)) as cursor:
        return await (await cursor.execute(sql.firing)).fetchall()


async def new_ids(conn: AsyncConnection, count: int) -> list[int]:
    cursor = await conn.execute(sql.new_ids, {"count": count})
    return [row[0] for row in await cursor.fetchall()]


async def write(
    conn: AsyncConnection, changes: Sequence[Change], occurrences: Iterable[Occurrence]
) -> None:
    """Record ``changes`` in their order, and what fired when. Episodes that have a row are changed
    before new ones are added, and those that joined another one go first, so that one pair never
    has two open rows."""
    joined = {c.episode.id: c.into for c in changes if c.kind == "joined" and c.into is not None}
    opened = {c.episode.id for c in changes if c.kind == "opened"}
    for gone, into in joined.items():
        if gone not in opened:
            await conn.execute(sql.move_what_joined, {"id": gone, "into": into})
            await conn.execute(sql.remove, {"id": gone})
    kept = [c for c in changes if c.episode.id not in joined]
    last = {c.episode.id: c for c in kept}
    moved = {c.episode.id: c for c in kept if c.kind in ("raised", "lowered", "reopened")}
    first = {c.episode.id: c for c in kept if c.kind == "opened"}
    rows = [_changed(c, moved.get(i)) for i, c in last.items() if i not in first]
    if rows:
        await conn.execute(sql.close_or_change, {"rows": Jsonb(rows)})
    rows = [_opened(c, moved.get(i, c), last[i]) for i, c in first.items()]
    if rows:
        await conn.execute(sql.open, {"rows": Jsonb(rows)})
    rows = [_entry(c, joined) for c in changes]
    if rows:
        await conn.execute(sql.add_to_timeline, {"rows": Jsonb(rows)})
    over = [i for i, c in last.items() if c.episode.shown != c.episode.severity]
    if over:
        await conn.execute(sql.at_their_worst, {"ids": over})
    await _keep(conn, list(occurrences))


async def _keep(conn: AsyncConnection, occurrences: Sequence[Occurrence]) -> None:
    # One that ended makes room for the open one of its rule.
    rows = [_plain(asdict(o)) for o in occurrences if o.id is not None]
    if rows:
        await conn.execute(sql.change_occurrences, {"rows": Jsonb(rows)})
    rows = [_plain(asdict(o)) for o in occurrences if o.id is None]
    if rows:
        await conn.execute(sql.add_occurrences, {"rows": Jsonb(rows)})


async def circumstances(conn: AsyncConnection, robots: Collection[str]) -> dict[str, Circumstances]:
    """Why the robots' alerts may have ended, as far as PostgreSQL knows; limits are asked apart."""
    cursor = await conn.execute(sql.circumstances, {"robots": list(robots)})
    return {
        robot_id: Circumstances(removed=removed, in_maintenance=in_maintenance)
        for robot_id, removed, in_maintenance in await cursor.fetchall()
    }


async def limits(
    conn: AsyncConnection, pairs: Collection[Pair]
) -> dict[tuple[str, str, str], Limit]:
    """Limits in force by (metric, robot, severity)."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.limits, _named(pairs))).fetchall()
    return {
        (row["metric"], row["robot_id"], severity): Limit(
            row[severity], row[f"{severity}_recovery"]
        )
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
    conn: AsyncConnection, alert_id: int, who: str, at: datetime, reason: str, comment: str | None
) -> dict[str, Any]:
    """The row, at its worst; what it is made of goes on."""
    named = {"id": alert_id, "who": who, "at": at, "reason": reason, "comment": comment}
    row = await _returned(conn, sql.resolve, named)
    async with conn.cursor(row_factory=dict_row) as cursor:
        worse = await (await cursor.execute(sql.at_their_worst, {"ids": [alert_id]})).fetchone()
    return worse or row


async def end_occurrences(conn: AsyncConnection, alert_id: int, at: datetime, reason: str) -> None:
    """What still fires of the alert is over, ``at`` the latest."""
    await conn.execute(sql.end_occurrences, {"id": alert_id, "at": at, "reason": reason})


async def repeated(
    conn: AsyncConnection, metrics: Collection[str], at: datetime, *, listed: bool = False
) -> None:
    """Open alerts of those of ``metrics`` whose rules are not ours still fire ``at``; ``listed``:
    our Grafana says so."""
    theirs = [metric for metric in metrics if metric.startswith(FOREIGN)]
    if theirs:
        await conn.execute(sql.repeated, {"metrics": theirs, "at": at, "listed": listed})


async def listed(conn: AsyncConnection) -> set[str]:
    """Metrics of what fires by rules that are not ours and that our Grafana has listed."""
    return {row[0] for row in await (await conn.execute(sql.listed)).fetchall()}


async def mark_stale(
    conn: AsyncConnection, before: datetime, at: datetime
) -> list[tuple[int, str, datetime]]:
    """Those last repeated ``before``: id, metric, when."""
    cursor = await conn.execute(sql.mark_stale, {"before": before, "at": at})
    return await cursor.fetchall()


async def close_others(
    conn: AsyncConnection, robot_id: str, ruled: Collection[str], who: str, reason: str
) -> list[int]:
    """Close the robot's open alerts of metrics other than ``ruled``; gives their ids."""
    named = {"robot_id": robot_id, "ruled": list(ruled), "who": who, "reason": reason}
    cursor = await conn.execute(sql.close_others, named)
    ids = [row[0] for row in await cursor.fetchall()]
    await conn.execute(sql.at_their_worst, {"ids": ids})
    return ids


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
            "worst": episode.worst or episode.severity,
            "starts_at": episode.starts_at,
            "raised": moved is not None and moved.kind == "raised",
            "value": seen.value if seen else None,
            "threshold": seen.limit if seen else None,
            "message": seen.message if seen else None,
            "resolved": episode.resolved_at is not None,
            "resolved_at": episode.resolved_at,
            "resolve_reason": episode.reason,
        }
    )


def _opened(change: Change, moved: Change, last: Change) -> dict[str, Any]:
    """``moved``: what it became at once; it speaks of that limit."""
    seen, became = change.cause, moved.cause
    return _plain(
        {
            "id": change.episode.id,
            "robot_id": seen.robot_id,
            "alert_type": seen.alert_type,
            "severity": last.episode.severity,
            "worst": last.episode.worst or last.episode.severity,
            "title": seen.title,
            "message": became.message,
            "source": seen.source,
            "value": became.value,
            "threshold": became.limit,
            "resolved": last.episode.resolved_at is not None,
            "resolved_at": last.episode.resolved_at,
            "resolve_reason": last.episode.reason,
            "resolved_by": last.episode.resolved_by,
            "acknowledged_at": last.episode.acknowledged_at,
            "acknowledged_by": last.episode.acknowledged_by,
            "details": dict(seen.details),
            "metric": seen.metric,
            "rule_uid": seen.rule_uid,
            "fingerprint": seen.fingerprint,
            "starts_at": last.episode.starts_at,
            "origin": seen.origin,
        }
    )


def _entry(change: Change, joined: Mapping[int, int]) -> dict[str, Any]:
    seen = change.cause
    alert_id = change.episode.id
    while alert_id in joined:
        alert_id = joined[alert_id]
    return _plain(
        {
            "alert_id": alert_id,
            "at": change.at,
            # To people it is an opening: they were told that it was over.
            "kind": "opened" if change.kind == "reopened" else change.kind,
            "severity": change.severity,
            "value": seen.value,
            "threshold": seen.limit,
            "source": seen.source or None,
            "origin": seen.origin,
            "actor": None,
            "note": _note(change),
            "details": {"message": seen.message} if change.kind in ("opened", "raised") else None,
        }
    )


def _note(change: Change) -> str | None:
    if change.kind == "reopened":
        return "it was told to be over, and fires"
    if change.kind == "joined":
        return f"alert {change.episode.id} was a part of this one"
    if change.kind == "corrected":
        ended = change.at == change.episode.resolved_at
        return f"it {'ended' if ended else 'began'} at this time"
    return change.episode.reason


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}

"""What people do with alerts: acknowledge, comment, resolve.

Every function works in the caller's transaction, and what it did stands in the timeline and in
``system_logs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from glue.core import episodes
from glue.core.episodes import Episode
from glue.store import alerts as rows
from glue.store import audit

Outcome = Literal["acknowledged", "already", "missing"]


class NoSuchAlert(Exception):
    """There is no alert of that id."""


AlreadyResolved = episodes.AlreadyOver


@dataclass(frozen=True)
class Answer:
    """What became of one of many."""

    id: int
    outcome: Outcome


async def hold(conn: Any, alert_id: int, *, to_resolve: bool = False) -> dict[str, Any]:
    """The alert's row, which nobody else changes until the transaction ends; ``to_resolve`` also
    keeps the intake of alerts away. Raises :class:`NoSuchAlert`."""
    if to_resolve:
        await rows.lock(conn)
    alert = await rows.row_for_update(conn, alert_id)
    if alert is None:
        raise NoSuchAlert(f"there is no alert {alert_id}")
    return alert


async def acknowledge(conn: Any, alert: dict[str, Any], who: str, comment: str | None) -> None:
    """Mark a held alert as seen by ``who``. Acknowledging again keeps the first name and time, and
    adds the comment."""
    now = datetime.now(UTC)
    before = _episode(alert)
    if episodes.acknowledge(before, who, now) is before:
        if comment:
            await _note(conn, alert, "commented", now, who, comment)
        return
    await rows.set_acknowledged(conn, alert["id"], who, now, comment)
    await _note(conn, alert, "acknowledged", now, who, comment)


async def acknowledge_many(
    conn: Any, ids: Sequence[int], who: str, comment: str | None
) -> list[Answer]:
    """Mark these alerts as seen by ``who``; the answers are in the order of ``ids``. One that was
    acknowledged before stays as it is."""
    now = datetime.now(UTC)
    before = await rows.hold_many(conn, ids)
    new = [i for i, acknowledged in before.items() if not acknowledged]
    if new:
        await rows.acknowledge_many(conn, new, who, now, comment)
        await audit.record(
            conn,
            "api",
            f"{who} acknowledged {len(new)} alerts",
            details={"username": who, "alerts": new, "comment": comment},
        )
    outcomes: dict[bool | None, Outcome] = {None: "missing", True: "already", False: "acknowledged"}
    return [Answer(i, outcomes[before.get(i)]) for i in ids]


async def comment(conn: Any, alert: dict[str, Any], who: str, text: str) -> None:
    """Add a comment to a held alert's timeline."""
    await _note(conn, alert, "commented", datetime.now(UTC), who, text)


async def resolve(conn: Any, alert: dict[str, Any], who: str, comment: str | None) -> None:
    """Close an alert that is held to resolve. While its rule goes on firing it stays closed, until
    the rule has reported normal once; a stale one opens again when its sender repeats it. Raises
    :class:`AlreadyResolved`."""
    now = datetime.now(UTC)
    episodes.close_by_hand(_episode(alert), who, now)
    reason = "not repeated" if alert["stale_since"] else "by hand"
    row = await rows.set_resolved(conn, alert["id"], who, now, reason, comment)
    if alert["stale_since"]:
        await rows.end_occurrences(conn, alert["id"], now, reason)
    await _note(conn, row, "resolved", now, who, comment or reason)


def _episode(alert: dict[str, Any]) -> Episode:
    """A held row as the core knows it; an older one may lack when."""
    made = alert["created_at"]
    return Episode(
        id=alert["id"],
        metric=alert["metric"] or "",
        robot_id=alert["robot_id"] or "",
        severity=alert["severity"],
        starts_at=alert["starts_at"] or made,
        resolved_at=(alert["resolved_at"] or made) if alert["resolved"] else None,
        reason=alert["resolve_reason"],
        resolved_by=alert["resolved_by"],
        acknowledged_at=(alert["acknowledged_at"] or made) if alert["acknowledged"] else None,
        acknowledged_by=alert["acknowledged_by"],
    )


async def _note(
    conn: Any, alert: dict[str, Any], kind: str, at: datetime, who: str, note: str | None
) -> None:
    await rows.add_by_person(conn, alert, kind, at, who, note)
    verb = "commented on" if kind == "commented" else kind
    await audit.record(
        conn,
        "api",
        f"{who} {verb} alert {alert['id']}",
        robot_id=alert["robot_id"],
        details={"username": who, "alert": alert["id"], "comment": note},
    )

"""What people do so that nobody is told: mute one alert, or whatever they name; and take that back.

Every function works in the caller's transaction, and what it did stands in ``system_logs``, of one
alert also in its timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from glue.alerts.people import AlreadyResolved
from glue.core import quiet
from glue.store import alerts as rows
from glue.store import audit, mutes


class NotMuted(Exception):
    """Nobody muted this one alert; a standing mute may cover it."""


async def mute(
    conn: Any, alert: dict[str, Any], who: str, until: datetime | None, comment: str | None
) -> None:
    """Tell nobody of a held alert, ``until`` then or (None) until it is over. Muted again, it gets
    the new end. Raises :class:`AlreadyResolved`."""
    if alert["resolved"]:
        raise AlreadyResolved(f"alert {alert['id']} is resolved since {alert['resolved_at']}")
    now = datetime.now(UTC)
    await mutes.mute_alert(conn, alert["id"], who, until, quiet.by_hand(who).reason)
    await mutes.take_back(conn)
    said = "until it is over" if until is None else f"until {_utc(until)}"
    note = f"{said}: {comment}" if comment else said
    await rows.add_by_person(conn, alert, "muted", now, who, note)
    await _record(conn, who, "muted", alert, {"until": until and _utc(until), "comment": comment})


async def unmute(conn: Any, alert: dict[str, Any], who: str) -> None:
    """Let people be told of a held alert again. Who has not heard of it hears now. Raises
    :class:`NotMuted`."""
    if alert["muted_by"] is None or alert["resolved"]:
        raise NotMuted(f"alert {alert['id']} is not muted by itself")
    await mutes.unmute_alert(conn, alert["id"])
    await rows.add_by_person(conn, alert, "unmuted", datetime.now(UTC), who, None)
    await _record(conn, who, "unmuted", alert, {})


async def add(conn: Any, values: Mapping[str, Any], who: str) -> dict[str, Any]:
    """A standing mute, from now on; ``values`` by column."""
    row = await mutes.add(conn, {**values, "created_by": who})
    await _record_standing(conn, who, "added", row)
    return row


async def change(conn: Any, mute_id: int, values: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Of one that is held."""
    row = await mutes.change(conn, mute_id, values)
    await _record_standing(conn, who, "changed", row)
    return row


async def remove(conn: Any, row: Mapping[str, Any], who: str) -> None:
    """One that is held. What it held back is told, where nothing else mutes it."""
    await mutes.remove(conn, row["id"])
    await _record_standing(conn, who, "removed", row)


async def _record(
    conn: Any, who: str, verb: str, alert: dict[str, Any], more: Mapping[str, Any]
) -> None:
    await audit.record(
        conn,
        "api",
        f"{who} {verb} alert {alert['id']}",
        robot_id=alert["robot_id"],
        details={"username": who, "alert": alert["id"], **more},
    )


async def _record_standing(conn: Any, who: str, verb: str, row: Mapping[str, Any]) -> None:
    kept = {k: _utc(v) if isinstance(v, datetime) else v for k, v in row.items()}
    message = f"{who} {verb} the mute {row['id']}"
    await audit.record(conn, "api", message, details={"username": who, "mute": kept})


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""What people do with alerts: acknowledge, comment, resolve."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from glue import store
from glue.store import alerts as rows


class NoSuchAlert(Exception):
    """There is no alert of that id."""


class AlreadyResolved(Exception):
    """The alert is over; it can still be acknowledged, not resolved again."""


async def acknowledge(
    pool: store.Pool, alert_id: int, who: str, comment: str | None
) -> dict[str, Any]:
    """Mark as seen by ``who``. Acknowledging again keeps the first name and time, and adds the
    comment. Gives the row of ``alerts``; raises :class:`NoSuchAlert`."""
    now = datetime.now(UTC)
    async with store.transaction(pool) as conn:
        alert = await _existing(conn, alert_id)
        if alert["acknowledged"]:
            if comment:
                await rows.add_by_person(conn, alert, "commented", now, who, comment)
            return alert
        changed = await rows.set_acknowledged(conn, alert_id, who, now, comment)
        await rows.add_by_person(conn, alert, "acknowledged", now, who, comment)
        return changed


async def resolve(pool: store.Pool, alert_id: int, who: str, comment: str | None) -> dict[str, Any]:
    """Close by hand. While its rule goes on firing it stays closed, until the rule has reported
    normal once. Raises :class:`NoSuchAlert`, :class:`AlreadyResolved`."""
    now = datetime.now(UTC)
    async with store.transaction(pool) as conn:
        await rows.lock(conn)
        alert = await _existing(conn, alert_id)
        if alert["resolved"]:
            raise AlreadyResolved(f"alert {alert_id} is resolved since {alert['resolved_at']}")
        changed = await rows.set_resolved(conn, alert_id, who, now, comment)
        await rows.add_by_person(conn, alert, "resolved", now, who, comment or "by hand")
        return changed


async def _existing(conn: Any, alert_id: int) -> dict[str, Any]:
    alert = await rows.row_for_update(conn, alert_id)
    if alert is None:
        raise NoSuchAlert(f"there is no alert {alert_id}")
    return alert

"""What people do with maintenance windows; a change counts at once, also for one that runs.

Every function works in the caller's transaction, and what it did stands in ``system_logs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from glue.store import audit, maintenance

ACTOR = "maintenance window"
"""Who put robots into maintenance, for those that a window did."""


class NameTaken(Exception):
    """Another window has this name."""


async def add(conn: Any, values: Mapping[str, Any], who: str) -> int:
    """``values`` by column; gives the id. Raises :class:`NameTaken`."""
    await maintenance.lock(conn)
    made = await maintenance.add(conn, {**values, "created_by": who}, datetime.now(UTC))
    if made is None:
        raise NameTaken(f"there is a maintenance window {values['name']} already")
    await apply(conn)
    await _record(conn, who, "added", made, values)
    return made


async def change(conn: Any, window_id: int, values: Mapping[str, Any], who: str) -> None:
    """Of a window that is there, under the lock. Raises :class:`NameTaken`."""
    if not await maintenance.change(conn, window_id, values, datetime.now(UTC)):
        raise NameTaken(f"there is a maintenance window {values['name']} already")
    await apply(conn)
    await _record(conn, who, "changed", window_id, values)


async def remove(conn: Any, row: Mapping[str, Any], who: str) -> None:
    """Of a window that is there, under the lock. If it runs, its robots are watched again."""
    await maintenance.remove(conn, row["id"])
    await apply(conn)
    await _record(conn, who, "removed", row["id"], row)


async def apply(conn: Any) -> list[maintenance.Moved]:
    """Put robots where the windows say they are now; each move stands in ``system_logs``."""
    await audit.acting(conn, ACTOR)
    moved = await maintenance.apply(conn)
    for one in moved:
        said = f"Robot {one.robot_id} is in maintenance by window {one.window_id}"
        if not one.began:
            said = f"Robot {one.robot_id} left the maintenance of its window"
        await audit.record(conn, "system", said, robot_id=one.robot_id)
    return moved


async def _record(
    conn: Any, who: str, verb: str, window_id: int, values: Mapping[str, Any]
) -> None:
    kept = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in values.items()}
    message = f"{who} {verb} the maintenance window {values['name']}"
    details = {"username": who, "window": {**kept, "id": window_id}}
    await audit.record(conn, "api", message, details=details)

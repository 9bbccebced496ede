"""Alerts of a robot that is removed. Those of rules, and of an emergency stop, end with the next
look, which no longer finds the robot; what no look would end is closed here."""

from __future__ import annotations

from typing import Any

from glue.core import emergency
from glue.core.rules import BY_METRIC
from glue.store import alerts as rows

REASON = "robot removed"


async def lock(conn: Any) -> None:
    """Keep the intake of alerts away until the transaction ends; to be taken before the robot."""
    await rows.lock(conn)


async def close(conn: Any, robot_id: str, who: str) -> list[int]:
    """Close what no rule looks after; gives the ids. ``who`` removed the robot."""
    return await rows.close_others(conn, robot_id, [*BY_METRIC, emergency.METRIC], who, REASON)

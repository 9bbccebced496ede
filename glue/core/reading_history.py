"""InfluxQL for the past of what the rules read: the newest reading in each window of time.

What a rule reads at one instant is in :mod:`glue.core.limit_rules`; measurement and field are taken
from there. A rule evaluated at the end of a window sees the window's last point as the newest, so
the newest (and not the worst) reading is kept. A peak between two evaluations makes no alert, and
makes none here. Rules look a minute ahead of themselves for robots whose clock is fast; the past is
read without it.
"""

from __future__ import annotations

from dataclasses import dataclass

from glue.core.limit_rules import READINGS
from glue.core.metrics import Metric

PART = {"servo_temp": "servo_id"}
"""The tag of a robot's parts, where the worst of them counts."""

CHARGING = "charging"


@dataclass(frozen=True)
class Stretch:
    """From (included) to (excluded), Unix milliseconds."""

    since: int
    until: int

    @property
    def when(self) -> str:
        return f"time >= {self.since}ms AND time < {self.until}ms"


def peaks(metric: Metric, stretch: Stretch, block: int) -> str:
    """Per robot (and part) and block of milliseconds: its furthest reading on the bad side,
    charging or not (``v``)."""
    return _of_blocks(metric, stretch, block, "max" if metric.direction == "high" else "min")


def counts(metric: Metric, stretch: Stretch, block: int) -> str:
    """The same: how many points there are. Asked for together, the two take twice as long."""
    return _of_blocks(metric, stretch, block, "count")


def _of_blocks(metric: Metric, stretch: Stretch, block: int, function: str) -> str:
    reading = READINGS[metric.name]
    return (
        f'SELECT {function}("{reading.field}") AS "v"'
        f' FROM "{reading.measurement}" WHERE {stretch.when}'
        f" GROUP BY time({block}ms), {_tags(metric)} fill(none)"
    )


def points(metric: Metric, stretch: Stretch, robot_ids: list[str]) -> str:
    """Per robot every point: ``v``; for a battery also ``charging``. Where there are few points in
    a window InfluxDB gives them all in a third of the time that it takes to choose."""
    reading = READINGS[metric.name]
    charging = f', "{CHARGING}"' if metric.name == "battery" else ""
    return (
        f'SELECT "{reading.field}" AS "v"{charging} FROM "{reading.measurement}"'
        f" WHERE {stretch.when}{_of(robot_ids)} GROUP BY {_tags(metric)}"
    )


def newest(metric: Metric, stretch: Stretch, every: int, robot_ids: list[str]) -> str:
    """Per robot (and part) and window of ``every`` milliseconds: ``v``; for a battery also
    ``charging``."""
    reading = READINGS[metric.name]
    charging = f', "{CHARGING}"' if metric.name == "battery" else ""
    return (
        f'SELECT last("{reading.field}") AS "v"{charging} FROM "{reading.measurement}"'
        f" WHERE {stretch.when}{_of(robot_ids)}"
        f" GROUP BY time({every}ms), {_tags(metric)} fill(none)"
    )


def drawn(metric: Metric, stretch: Stretch, every: int, robot_id: str | None) -> str:
    """For a line: of each ``every`` milliseconds the furthest reading on the bad side (``worst``)
    and the mean (``mean``), of one robot with all its parts, or of all robots."""
    reading = READINGS[metric.name]
    furthest = "max" if metric.direction == "high" else "min"
    return (
        f'SELECT {furthest}("{reading.field}") AS "worst", mean("{reading.field}") AS "mean"'
        f' FROM "{reading.measurement}"'
        f" WHERE {stretch.when}{_of([robot_id] if robot_id else [])}"
        f" GROUP BY time({every}ms) fill(none)"
    )


def _tags(metric: Metric) -> str:
    part = PART.get(metric.name)
    return f'"robot_id", "{part}"' if part else '"robot_id"'


def _of(robot_ids: list[str]) -> str:
    # Ids have no character that would end the literal (glue/core/robot_id.py).
    if not robot_ids:
        return ""
    return " AND (" + " OR ".join(f"\"robot_id\" = '{r}'" for r in robot_ids) + ")"

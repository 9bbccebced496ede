"""What a robot's own time is worth. Robots send naive local times, and their clocks may be wrong.

A time that cannot be true is replaced by the time of arrival. How long a message may have waited
in the broker is known from our own heartbeats and outages, so a queued message keeps its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from glue.core.times import unix_time

BACKLOG_S = 30.0
"""When messages may have waited longer than this, arrival says little about when they were sent."""


@dataclass(frozen=True)
class RobotClocks:
    """Zones and tolerances. ``own_zones`` (from PostgreSQL) win over ``zones`` (settings)."""

    zone: str = "UTC"
    zones: Mapping[str, str] = field(default_factory=dict)
    own_zones: Mapping[str, str] = field(default_factory=dict)
    behind_s: float = 600.0
    ahead_s: float = 60.0
    waited_s: float = 0.0
    """At most so long may a message have waited that arrives now."""

    def said(self, robot_id: str, stamp: Any) -> datetime | None:
        """The instant that ``stamp`` means on this robot's clock, right or wrong; UTC."""
        name = self.own_zones.get(robot_id) or self.zones.get(robot_id) or self.zone
        return instant(stamp, _zone(name) or _zone(self.zone) or UTC)

    def at(self, robot_id: str, stamp: Any, arrival: datetime) -> datetime:
        """When the robot said it: its own time where that can be true, else ``arrival``."""
        said = self.said(robot_id, stamp)
        if said is None:
            return arrival
        behind = (arrival - said).total_seconds()
        if -self.ahead_s <= behind <= self.behind_s + self.waited_s:
            return said
        return arrival

    def seen(self, at: datetime, arrival: datetime) -> datetime:
        """When the robot was last known to live: arrival, unless a backlog is being worked off."""
        return min(at, arrival) if self.waited_s > BACKLOG_S else arrival


OLDER_S = 3.0
"""A robot's threads may send a little out of order."""
PACE_S = 30.0
"""So much may two messages of one clock differ in their distance from arrival."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A robot's newest message: its time on the robot's clock, and its arrival; ``doubted`` is a
    later one that was older."""

    said: datetime
    arrival: datetime
    doubted: Spoken | None = None

    def then(self, later: Spoken) -> Spoken:
        """Give the newest after ``later`` arrived: ``later``, unless it is older than this one.

        A last will is: it was written when the robot connected, and says nothing of its end. So is
        a copy that somebody kept. Once the next message goes on from it at the clock's pace, the
        clock was set back, and both are believed.
        """
        if later.said >= self.said - timedelta(seconds=OLDER_S):
            return later
        if self.doubted is not None and later.said > self.doubted.said:
            drift = (later.said - self.doubted.said) - (later.arrival - self.doubted.arrival)
            if abs(drift.total_seconds()) <= PACE_S:
                return later
        return replace(self, doubted=later)


def instant(stamp: Any, zone: Any) -> datetime | None:
    """ISO 8601 (naive in ``zone``, or with an offset) or a Unix time in s, ms, µs or ns, as UTC."""
    try:
        if isinstance(stamp, str):
            said = datetime.fromisoformat(stamp.strip())
            return (said if said.tzinfo else said.replace(tzinfo=zone)).astimezone(UTC)
        if isinstance(stamp, int | float):
            return unix_time(stamp)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def naive_gap(earlier: datetime | None, later: datetime | None) -> timedelta | None:
    """``later - earlier`` where both are known and in this order; a wrong clock cancels out."""
    if earlier is None or later is None or later < earlier:
        return None
    return later - earlier


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None

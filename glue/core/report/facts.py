"""What was read for a report: readings by robot and day, jobs, alerts, log lines.

A robot's readings of a day are one :class:`Stats`, so that 500 robots over a month are 15,000 small
values, whatever they sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from glue.core.report.content import Link, Period
from glue.core.report.request import Request
from glue.core.report.wear import Wear


@dataclass(frozen=True)
class Stats:
    """``count`` readings."""

    count: int
    mean: float
    low: float
    high: float


def merged(found: Iterable[Stats | None]) -> Stats | None:
    """All of them as one, each reading with the same weight; None when there is none."""
    known = [one for one in found if one is not None and one.count]
    count = sum(one.count for one in known)
    if not count:
        return None
    return Stats(
        count,
        sum(one.mean * one.count for one in known) / count,
        min(one.low for one in known),
        max(one.high for one in known),
    )


@dataclass(frozen=True)
class Reading:
    """A quantity by robot and day, and the whole scope's lines.

    ``lines``: name ("mean", "highest", "lowest") to points (Unix seconds, value)."""

    by_robot: Mapping[str, Sequence[Stats | None]]
    lines: Mapping[str, Sequence[tuple[float, float | None]]] = field(default_factory=dict)

    def of(self, robot: str) -> Stats | None:
        return merged(self.by_robot.get(robot, ()))

    def whole(self) -> Stats | None:
        return merged(one for days in self.by_robot.values() for one in days)


EMPTY = Reading({})


@dataclass(frozen=True)
class Robot:
    """``since``: when it was registered; nothing is expected of it before."""

    id: str
    name: str
    since: datetime

    @property
    def title(self) -> str:
        return f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id


@dataclass(frozen=True)
class JobGroup:
    """Jobs that began in the period, of one robot, one day or one task; seconds are means."""

    key: str
    completed: int
    failed: int
    active: int
    items: int
    seconds: float | None
    against_estimate: float | None
    """How long completed jobs took, as a part of what was estimated."""

    @property
    def total(self) -> int:
        return self.completed + self.failed + self.active

    @property
    def success(self) -> float | None:
        """Percent of those that ended."""
        ended = self.completed + self.failed
        return 100 * self.completed / ended if ended else None


@dataclass(frozen=True)
class Jobs:
    whole: JobGroup
    by_robot: Sequence[JobGroup] = ()
    by_day: Sequence[JobGroup] = ()
    by_task: Sequence[JobGroup] = ()
    reasons: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class AlertGroup:
    """Episodes that began in the period; seconds are means."""

    key: str
    critical: int
    warning: int
    info: int
    open: int
    to_acknowledge: float | None
    lasted: float | None

    @property
    def total(self) -> int:
        return self.critical + self.warning + self.info


@dataclass(frozen=True)
class Alerts:
    whole: AlertGroup
    by_robot: Sequence[AlertGroup] = ()
    by_metric: Sequence[AlertGroup] = ()
    by_day: Sequence[AlertGroup] = ()


@dataclass(frozen=True)
class Logs:
    """Lines by level, and the robots with most errors."""

    by_level: Mapping[str, int] = field(default_factory=dict)
    by_robot: Sequence[tuple[str, int, int]] = ()
    """Robot, errors (with critical), warnings."""


@dataclass(frozen=True)
class Facts:
    """``readings`` by name: cpu, memory, disk, temperature, servo_temp, battery, voltage.

    ``heard``: by robot and day, the seconds in which it was heard. ``before`` is the same of the
    period before, None where it was not read; ``earlier`` are figures of an earlier report of just
    that period, for readings that are no longer kept.
    """

    request: Request
    period: Period
    made_at: datetime
    days: Sequence[Period]
    robots: Sequence[Robot]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Warning and critical by metric, in force for the robot, or for most."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    heard: Mapping[str, Sequence[float]] = field(default_factory=dict)
    worst_servos: Sequence[tuple[str, str, Stats]] = ()
    """Robot, servo, its temperatures; warmest first."""
    wear: Mapping[str, Sequence[Wear]] = field(default_factory=dict)
    jobs: Jobs | None = None
    alerts: Alerts | None = None
    logs: Logs | None = None
    before: Facts | None = None
    earlier: Mapping[str, float] = field(default_factory=dict)
    kept_since: datetime | None = None
    """Readings of before are dropped by InfluxDB."""
    unknown: Sequence[str] = ()
    """Robots that were asked for and are not there."""
    later: Sequence[str] = ()
    """Robots that were asked for and registered after the period."""
    links: Mapping[str, Sequence[Link]] = field(default_factory=dict)
    """Dashboards by section."""

    def reading(self, name: str) -> Reading:
        return self.readings.get(name, EMPTY)

    @cached_property
    def known(self) -> dict[str, Robot]:
        """The robots by id."""
        return {one.id: one for one in self.robots}

    def titled(self, robot: str) -> str:
        return self.known[robot].title if robot in self.known else robot

    def name(self, robot: str) -> str:
        return self.known[robot].name if robot in self.known else ""

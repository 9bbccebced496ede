"""What an alert rule is: one model for Grafana's provisioning file and the standby evaluator.

Every rule has the same shape, for any number of robots. ``R`` is the newest reading per robot,
``W`` the limit and ``L`` the recovery limit per robot, all joined on ``robot_id``. The normalised
margin ``M = (R - W) / (W - L)`` is above 0 when the limit is crossed and below -1 when the reading
is back on the safe side of the recovery limit, whichever side is bad. No rule holds a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from glue.core.metrics import METRICS, Direction, Severity

WINDOW = 15 * 60
"""Seconds a rule looks back for the newest reading. More than ``FLEET_CLOCK_BEHIND``, so that a
robot whose clock is late, yet believed, is never outside of it."""

AHEAD = 60
"""Seconds a rule looks ahead, as much as a robot's clock may be fast and still be believed."""

FIRES_ABOVE = 0.0
RECOVERS_BELOW = -1.0
RECENT = 60
"""Seconds for which a robot is still given to Grafana after it has recovered: Grafana must see that
it has, or it takes two evaluations for it, and lets a pending period run on over one."""

NEWEST = f"time >= now() - {WINDOW}s AND time < now() + {AHEAD}s"
"""The window of a live evaluation in InfluxQL."""


@dataclass(frozen=True)
class SeriesReading:
    """Newest value ("v") per robot from InfluxDB. ``$timeFilter`` is the window, and is said in the
    outermost ``SELECT`` too: of the inner one alone InfluxDB opens every shard that it has."""

    influxql: str
    measurement: str
    field: str


@dataclass(frozen=True)
class TableReading:
    """Value per robot (or one value) from PostgreSQL: ``robot_id`` and one number."""

    sql: str


@dataclass(frozen=True)
class Rule:
    """One Grafana alert rule. ``limit_sql`` and ``recovery_sql`` give W and L."""

    uid: str
    title: str
    metric: str
    severity: Severity
    alert_type: str
    direction: Direction
    unit: str
    reading: SeriesReading | TableReading
    limit_sql: str
    recovery_sql: str
    pending: float
    noun: str
    dashboard: str
    panel: int

    @property
    def runbook(self) -> str:
        """File in docs/runbooks."""
        return f"{self.metric.replace('_', '-')}.md"

    @property
    def per_robot(self) -> bool:
        return "robot_id" in self.limit_sql


@dataclass(frozen=True)
class Texts:
    title: str
    message: str


def margin(reading: float, limit: float, recovery: float) -> float:
    """M; the limits view guarantees that limit and recovery differ."""
    return (reading - limit) / (limit - recovery)


def reading(margin: float, limit: float, recovery: float) -> float:
    """The reading that has this margin."""
    return limit + margin * (limit - recovery)


def texts(rule: Rule, robot_id: str, value: float | None, limit: float | None) -> Texts:
    """Title and message of an alert, the same whoever evaluated it."""
    high = rule.direction == "high"
    if not rule.per_robot:
        title = rule.title
    elif rule.metric not in METRICS:
        title = f"{robot_id}: {rule.title.lower()}"
    else:
        title = f"{robot_id}: {rule.noun} too {'high' if high else 'low'}"
    if value is None or limit is None:
        return Texts(title, f"{rule.noun} has crossed its {rule.severity} limit.")
    return Texts(
        title,
        f"{rule.noun} is {value:.4g} {rule.unit}, {'above' if high else 'below'}"
        f" the {rule.severity} limit of {limit:.4g} {rule.unit}.",
    )

"""The alert rules: one model for Grafana's provisioning file and for the standby evaluator.

Every rule has the same shape, for any number of robots. ``R`` is the newest reading per robot,
``W`` the limit and ``L`` the recovery limit per robot, all joined on ``robot_id``. The normalised
margin ``M = (R - W) / (W - L)`` is above 0 when the limit is crossed and below -1 when the reading
is back on the safe side of the recovery limit, whichever side is bad. No rule holds a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from glue.core.metrics import METRICS, SEVERITIES, Direction, Metric, Severity

WINDOW = 15 * 60
"""Seconds a rule looks back for the newest reading. More than ``FLEET_CLOCK_BEHIND``, so that a
robot whose clock is late, yet believed, is never outside of it."""

AHEAD = 60
"""Seconds a rule looks ahead, as much as a robot's clock may be fast and still be believed."""

FIRES_ABOVE = 0.0
RECOVERS_BELOW = -1.0

EVENTS_STOPPED_AFTER = 30
"""Seconds without our own heartbeat through the broker."""


@dataclass(frozen=True)
class SeriesReading:
    """Newest value per robot from InfluxDB. ``$timeFilter`` stands for the window."""

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
    def per_robot(self) -> bool:
        return "robot_id" in self.limit_sql


@dataclass(frozen=True)
class Texts:
    title: str
    message: str


def margin(reading: float, limit: float, recovery: float) -> float:
    """M; the limits view guarantees that limit and recovery differ."""
    return (reading - limit) / (limit - recovery)


def texts(rule: Rule, robot_id: str, value: float | None, limit: float | None) -> Texts:
    """Title and message of an alert, the same whoever evaluated it."""
    high = rule.direction == "high"
    if not rule.per_robot:
        title = rule.title
    elif isinstance(rule.reading, TableReading):
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


_WORST_SERVO = (
    'SELECT max("v") FROM (SELECT last("temperature") AS "v" FROM "servos"'
    ' WHERE $timeFilter GROUP BY "robot_id", "servo_id") GROUP BY "robot_id"'
)
# The newest charge counts only while the robot is not charging. The outer WHERE is needed: a plain
# WHERE charging=false returns the old, low value of a robot that is charging now.
_BATTERY_IN_USE = (
    'SELECT "v" FROM (SELECT last("percentage") AS "v", "charging" FROM "battery"'
    ' WHERE $timeFilter GROUP BY "robot_id") WHERE "charging" = false GROUP BY "robot_id"'
)


def _performance(field: str) -> SeriesReading:
    return SeriesReading(
        f'SELECT last("{field}") FROM "performance" WHERE $timeFilter GROUP BY "robot_id"',
        "performance",
        field,
    )


READINGS: dict[str, SeriesReading] = {
    "cpu": _performance("cpu_percent"),
    "memory": _performance("memory_percent"),
    "temperature": _performance("cpu_temperature"),
    "battery": SeriesReading(_BATTERY_IN_USE, "battery", "percentage"),
    "servo_temp": SeriesReading(_WORST_SERVO, "servos", "temperature"),
}

_PANELS = {"cpu": 10, "memory": 11, "temperature": 12, "battery": 20, "servo_temp": 30}


def _limit_rule(metric: Metric, severity: Severity) -> Rule:
    where = f"FROM grafana.rule_limits WHERE metric = '{metric.name}' AND severity = '{severity}'"
    return Rule(
        uid=f"tonypi-{metric.name.replace('_', '-')}-{severity}",
        title=f"{metric.title} {severity}",
        metric=metric.name,
        severity=severity,
        alert_type=metric.alert_type,
        direction=metric.direction,
        unit=metric.unit,
        reading=READINGS[metric.name],
        limit_sql=f"SELECT robot_id, limit_value {where}",
        recovery_sql=f"SELECT robot_id, recovery_value {where}",
        pending=metric.pending,
        noun=metric.title,
        dashboard="tonypi-robot",
        panel=_PANELS[metric.name],
    )


ROBOT_SILENT = Rule(
    uid="tonypi-robot-silent",
    title="Robot silent",
    metric="silence",
    severity="critical",
    alert_type="network",
    direction="high",
    unit="s",
    reading=TableReading("SELECT robot_id, silent_s FROM grafana.silence"),
    limit_sql="SELECT robot_id, silent_after FROM grafana.silence",
    recovery_sql="SELECT robot_id, silent_after / 2 FROM grafana.silence",
    pending=0,
    noun="Silence",
    dashboard="tonypi-fleet",
    panel=2,
)

EVENTS_STOPPED = Rule(
    uid="tonypi-events-stopped",
    title="Events stopped",
    metric="events",
    severity="critical",
    alert_type="system",
    direction="high",
    unit="s",
    reading=TableReading("SELECT age_s FROM grafana.events_age"),
    limit_sql=f"SELECT {EVENTS_STOPPED_AFTER}::float8 AS limit_value",
    recovery_sql=f"SELECT {EVENTS_STOPPED_AFTER / 2}::float8 AS recovery_value",
    pending=0,
    noun="Age of the last heartbeat through the broker",
    dashboard="tonypi-fleet",
    panel=2,
)

RULES: tuple[Rule, ...] = (
    *(_limit_rule(m, s) for m in METRICS.values() for s in SEVERITIES),
    ROBOT_SILENT,
    EVENTS_STOPPED,
)
BY_UID = {rule.uid: rule for rule in RULES}
BY_KEY: dict[tuple[str, str], Rule] = {(rule.metric, rule.severity): rule for rule in RULES}

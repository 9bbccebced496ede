"""The ten threshold rules: the newest reading of each metric against both of its limits."""

from __future__ import annotations

from glue.core.metrics import METRICS, SEVERITIES, Metric, Severity
from glue.core.rule import Rule, SeriesReading

_WORST_SERVO = (
    'SELECT max("v") AS "v" FROM (SELECT last("temperature") AS "v" FROM "servos"'
    ' WHERE $timeFilter GROUP BY "robot_id", "servo_id") WHERE $timeFilter GROUP BY "robot_id"'
)
# The newest charge counts only while the robot is not charging. The outer WHERE is needed: a plain
# WHERE charging=false returns the old, low value of a robot that is charging now.
_BATTERY_IN_USE = (
    'SELECT "v" FROM (SELECT last("percentage") AS "v", "charging" FROM "battery"'
    ' WHERE $timeFilter GROUP BY "robot_id") WHERE "charging" = false AND $timeFilter'
    ' GROUP BY "robot_id"'
)


def _performance(field: str) -> SeriesReading:
    return SeriesReading(
        f'SELECT last("{field}") AS "v" FROM "performance" WHERE $timeFilter GROUP BY "robot_id"',
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


LIMIT_RULES = tuple(_limit_rule(m, s) for m in METRICS.values() for s in SEVERITIES)

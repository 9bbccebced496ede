"""The five metrics that have limits, and what is true of each.

A limit is *crossed* when the value lies strictly on its bad side. It is *recovered* only when the
value lies strictly on the good side of the recovery limit, which stands ``recovery_margin`` away.
``postgres/migrations`` seeds the table ``metrics`` with the same facts; a test holds them equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "critical")

AlertType = Literal["temperature", "battery", "servo", "system", "network", "performance"]

Direction = Literal["high", "low"]
"""Which side is bad."""


@dataclass(frozen=True)
class Metric:
    """One quantity with limits. Units are those of the series in InfluxDB."""

    name: str
    title: str
    unit: str
    direction: Direction
    warning: float
    critical: float
    recovery_margin: float
    alert_type: str
    pending: float
    """Seconds a limit must be crossed before the alert is raised."""

    def default_limit(self, severity: Severity) -> float:
        return self.warning if severity == "warning" else self.critical

    def recovery(self, limit: float) -> float:
        """The recovery limit that belongs to ``limit`` when none was set."""
        return (
            limit - self.recovery_margin
            if self.direction == "high"
            else limit + self.recovery_margin
        )


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("cpu", "CPU load", "%", "high", 70, 90, 5, "performance", 30),
        Metric("memory", "Memory use", "%", "high", 75, 90, 5, "performance", 30),
        Metric("temperature", "CPU temperature", "°C", "high", 70, 80, 3, "temperature", 0),
        Metric("battery", "Battery charge", "%", "low", 20, 10, 2, "battery", 0),
        Metric("servo_temp", "Servo temperature", "°C", "high", 60, 75, 3, "servo", 0),
    )
}

"""Alert rules: what of them is a matter of the fleet and not of a limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from glue.settings.group import Group, setting

Seconds = Annotated[int, Field(ge=0, le=3600)]


class Rules(Group):
    """Alert rules, the same in Grafana, the standby evaluator and backtests; Grafana takes a change
    in when it starts. Limits and recovery limits are in PostgreSQL: `tonypi thresholds`."""

    pending_cpu: Seconds = setting(
        30,
        "RULE_PENDING_CPU",
        "How long the load must stay beyond its limit before an alert: a task may peak.",
        "s",
    )
    pending_memory: Seconds = setting(
        30, "RULE_PENDING_MEMORY", "The same for memory in use: a task may peak.", "s"
    )
    pending_temperature: Seconds = setting(
        0,
        "RULE_PENDING_TEMPERATURE",
        "The same for the CPU's temperature, which is slow.",
        "s",
    )
    pending_battery: Seconds = setting(
        0, "RULE_PENDING_BATTERY", "The same for the charge, which only falls.", "s"
    )
    pending_servo_temp: Seconds = setting(
        0, "RULE_PENDING_SERVO_TEMP", "The same for servos: one that is hot is soon damaged.", "s"
    )

    def pending(self, metric: str) -> float:
        """Seconds, of one of the metrics that have limits."""
        return float(getattr(self, f"pending_{metric}"))

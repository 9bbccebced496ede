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

    flap_openings: int = setting(
        6,
        "RULE_FLAP_OPENINGS",
        "An alert that opened so often in RULE_FLAP_WITHIN flaps: it is told once until it settles;"
        " 0: never.",
        "openings",
        ge=0,
        le=1000,
    )
    flap_within: int = setting(
        1800,
        "RULE_FLAP_WITHIN",
        "The time for that; it settles after half of it without another opening.",
        "s",
        ge=10,
        le=86400,
    )
    flap_metrics: str = setting(
        "",
        "RULE_FLAP_METRICS",
        "Other figures for some metrics, openings/seconds: servo_temp=4/600,silence=0/600.",
        pattern=r"^(\s*[A-Za-z0-9_:]+\s*=\s*\d{1,4}\s*/\s*[1-9]\d{1,4}\s*(,|$))*$",
    )

    stale_after: int = setting(
        86400,
        "RULE_STALE_AFTER",
        "An open alert of a rule that is not ours is shown as stale when its sender has not"
        " repeated it for so long: senders repeat every few hours.",
        "s",
        ge=300,
        le=31_536_000,
    )

    def flapping(self, metric: str) -> tuple[int, int]:
        """So many openings within so many seconds of the metric are flapping."""
        for one in filter(str.strip, self.flap_metrics.split(",")):
            name, _, figures = one.partition("=")
            if name.strip() == metric:
                openings, _, within = figures.partition("/")
                return int(openings), int(within)
        return self.flap_openings, self.flap_within

    def pending(self, metric: str) -> float:
        """Seconds, of one of the metrics that have limits."""
        return float(getattr(self, f"pending_{metric}"))

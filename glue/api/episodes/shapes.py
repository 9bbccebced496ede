"""What the routes of alerts take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from glue.api.conventions.fields import (
    LARGEST_ID,
    Finite,
    Instant,
    Name,
    Reply,
    RobotId,
    Utc,
    as_named,
    former,
)
from glue.core.metrics import AlertType

Severity = Literal["critical", "warning", "info"]
Origin = Literal["push", "pull", "standby", "person", "events"]


class AlertFilter(BaseModel):
    """Which alerts; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(None, max_length=100)
    severity: list[Severity] | None = Field(None, max_length=3)
    worst_severity: list[Severity] | None = Field(None, max_length=3)
    stale: bool | None = Field(None, description="Open, and not repeated for long.")
    alert_type: list[AlertType] | None = Field(None, max_length=6)
    type: list[AlertType] | None = former("alert_type")
    metric: list[Name] | None = Field(None, max_length=20)
    source: list[Name] | None = Field(None, max_length=100)
    rule_uid: list[Name] | None = Field(None, max_length=100)
    fingerprint: list[Name] | None = Field(
        None, max_length=100, description="Grafana's name of the instance."
    )
    value_from: Finite | None = Field(None, description="At least.")
    value_to: Finite | None = Field(None, description="At most.")
    threshold_from: Finite | None = Field(None, description="At least.")
    threshold_to: Finite | None = Field(None, description="At most.")
    origin: list[Origin] | None = Field(None, max_length=5)
    acknowledged: bool | None = None
    acknowledged_by: Name | None = None
    quiet: bool | None = Field(None, description="Muted, by whatever, or flapping.")
    flap_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    acknowledged_since: Instant | None = Field(None, description="At or after.")
    acknowledged_until: Instant | None = Field(None, description="Before.")
    resolved: bool | None = None
    resolved_since: Instant | None = Field(None, description="At or after.")
    resolved_until: Instant | None = Field(None, description="Before.")
    resolved_by: Name | None = None
    resolve_reason: Name | None = None
    starts_since: Instant | None = Field(None, description="Began at or after.")
    starts_until: Instant | None = Field(None, description="Began before.")
    comment: Name | None = Field(None, description="In the comment, whatever its case.")
    since: Instant | None = Field(None, description="Made at or after.")
    until: Instant | None = Field(None, description="Made before.")
    text: Name | None = Field(None, description="In title or message, whatever its case.")

    @model_validator(mode="after")
    def _range(self) -> AlertFilter:
        as_named(self, alert_type="type")
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


class Alert(Reply):
    """One episode: opened once, closed once. `robot_id` is null for the stack as a whole."""

    id: int
    robot_id: str | None
    metric: str | None
    alert_type: AlertType
    severity: Severity = Field(description="While it is open the current one, then the highest.")
    worst_severity: Severity = Field(description="The highest that it reached so far.")
    title: str
    message: str | None
    source: str | None = Field(description="The part of the robot, e.g. `servo_3`.")
    value: float | None = Field(description="When it opened or rose, in the metric's unit.")
    threshold: float | None
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: Utc | None
    comment: str | None
    muted_by: str | None = Field(description="Who muted this one alert.")
    muted_until: Utc | None = Field(description="With `muted_by`; null: until it is over.")
    quiet_reason: str | None = Field(
        description="Why nobody is told of it: muted by itself or by a standing mute, or flapping."
    )
    flap_id: int | None = Field(description="Alerts that flapped together have the same one.")
    flapping: bool
    resolved: bool
    resolved_at: Utc | None
    resolved_by: str | None
    resolve_reason: str | None
    starts_at: Utc | None
    origin: str | None
    details: dict[str, Any] | None
    repeated_at: Utc | None = Field(
        description="Of a rule that is not ours: when its sender last said that it fires."
    )
    stale_since: Utc | None = Field(
        description="Since when it is open without having been repeated for `RULE_STALE_AFTER`."
        " Resolved by hand, it opens again when it is repeated."
    )
    created_at: Utc


class Event(Reply):
    """Something that happened to an alert."""

    id: int
    at: Utc
    kind: str
    severity: str | None
    value: float | None
    threshold: float | None
    source: str | None
    origin: str | None
    actor: str | None
    note: str | None
    details: dict[str, Any] | None


class AlertWithTimeline(Alert):
    """An alert and what happened to it, oldest first."""

    timeline: list[Event]


class Alerts(Reply):
    """A page. `next` is null on the last one."""

    items: list[Alert]
    next: str | None


class Count(Reply):
    """How many alerts of one name, and how many of those are open now."""

    name: str | None
    alerts: int
    open: int


class Durations(Reply):
    """Of how many alerts, and seconds from their opening; null where there are none."""

    alerts: int
    mean_s: float | None
    median_s: float | None


class AlertStatistics(Reply):
    """Counts of a range, the most first. `open_now` is whatever the range."""

    since: Utc
    until: Utc
    open_now: dict[Severity, int]
    alerts: int
    open: int
    by_severity: list[Count] = Field(description="By the highest that each reached.")
    by_metric: list[Count]
    by_type: list[Count]
    by_robot: list[Count] = Field(description="The first hundred robots.")
    to_acknowledge: Durations
    to_resolve: Durations

"""What the routes of limits take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, computed_field, model_validator

from glue.api.conventions.fields import (
    Body,
    Finite,
    Instant,
    Name,
    Reply,
    RobotId,
    Utc,
    known_metric,
)
from glue.core.limit_sources import Level, Origin
from glue.core.metrics import METRICS

MOST = 2000
"""Robots of one bulk change; each with every metric at most."""

Direction = Literal["high", "low"]
Metric = Annotated[
    str, Field(json_schema_extra={"enum": list(METRICS)}), AfterValidator(known_metric)
]


class ThresholdEdit(Body):
    """The whole row, in the metric's unit. A limit of null comes from the next level; a recovery
    limit of null stands the metric's margin to the safe side of its limit."""

    warning: Finite | None = None
    critical: Finite | None = None
    warning_recovery: Finite | None = None
    critical_recovery: Finite | None = None
    enabled: bool | None = Field(
        None, description="False switches the metric off. Null: as the level above says."
    )


class SetThreshold(Reply):
    """What people set. `robot_id` is null for the whole fleet."""

    robot_id: str | None
    metric: str
    warning: float | None
    critical: float | None
    warning_recovery: float | None
    critical_recovery: float | None
    enabled: bool | None
    updated_at: Utc

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unit(self) -> str:
        return METRICS[self.metric].unit

    @computed_field(description="Which side is bad.")  # type: ignore[prop-decorator]
    @property
    def direction(self) -> Direction:
        return METRICS[self.metric].direction


class FleetThreshold(Reply):
    """A metric's built-in limits, and what is set for the fleet: null where nothing is."""

    metric: str
    title: str
    unit: str
    direction: Direction
    default_warning: float
    default_critical: float
    recovery_margin: float
    set: SetThreshold | None


class LimitSources(Reply):
    """Where each value comes from."""

    warning: Level
    warning_recovery: Origin
    critical: Level
    critical_recovery: Origin
    enabled: Level


class RobotLimit(Reply):
    """The limits of one robot. Rules apply them while `in_force`."""

    metric: str
    warning: float
    warning_recovery: float
    critical: float
    critical_recovery: float
    source: Level = Field(description="The level whose pair of limits counts.")
    enabled: bool = Field(description="False: the metric is switched off for this robot.")
    in_force: bool = Field(description="Enabled, and the robot is active, not in maintenance.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unit(self) -> str:
        return METRICS[self.metric].unit

    @computed_field(description="Which side is bad.")  # type: ignore[prop-decorator]
    @property
    def direction(self) -> Direction:
        return METRICS[self.metric].direction


class EffectiveLimit(RobotLimit):
    """The same, and where each value comes from."""

    sources: LimitSources


class RobotThresholds(Reply):
    """What is set for the robot itself, and what it comes to."""

    robot_id: str
    set: list[SetThreshold]
    effective: list[EffectiveLimit]


class LimitOfFleet(RobotLimit):
    """The limits of one of many robots."""

    robot_id: str


class LimitWithSources(LimitOfFleet):
    """The same, and where each value comes from."""

    sources: LimitSources


class LimitsOfFleet(Reply):
    """A page. `next` is null on the last one."""

    items: list[LimitWithSources]
    next: str | None


class LimitFilter(BaseModel):
    """Which limits; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(None, max_length=100)
    metric: list[Metric] | None = Field(None, max_length=5)
    source: list[Level] | None = Field(None, max_length=3)
    in_force: bool | None = None


class ChangeOfMany(Body):
    """The same rows for each of these robots; null: back to the fleet's."""

    robot_ids: list[RobotId] = Field(min_length=1, max_length=MOST)
    limits: dict[Metric, ThresholdEdit | None] = Field(min_length=1, max_length=len(METRICS))


class BulkChange(Body):
    """What to set, in groups of robots that get the same; and, by an admin, of the fleet."""

    fleet: dict[Metric, ThresholdEdit | None] | None = Field(
        None, min_length=1, description="The fleet's own rows; null: back to what is built in."
    )
    changes: list[ChangeOfMany] = Field(default_factory=list, max_length=MOST)

    @model_validator(mode="after")
    def _something(self) -> BulkChange:
        if not self.changes and not self.fleet:
            raise ValueError("give changes, or fleet")
        return self


class BulkChanged(Reply):
    """How many rows were set and reset, of how many robots."""

    robots: int
    set: int
    reset: int


class Reset(Reply):
    """The metrics whose limits were set and are no more."""

    metrics: list[str]


class Numbers(Reply):
    """A row as it was."""

    warning: float | None = Field(None, validation_alias="warning_threshold")
    critical: float | None = Field(None, validation_alias="critical_threshold")
    warning_recovery: float | None = None
    critical_recovery: float | None = None
    enabled: bool | None = None


class LimitChange(Reply):
    """Who changed what when. `robot_id` null: for the fleet. `before` null: nothing was set;
    `after` null: reset. `actor` null: not through the API."""

    id: int
    at: Utc
    actor: str | None
    robot_id: str | None
    metric: str
    before: Numbers | None
    after: Numbers | None


class LimitChanges(Reply):
    """A page. `next` is null on the last one."""

    items: list[LimitChange]
    next: str | None


class HistoryFilter(BaseModel):
    """Which changes; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(None, max_length=100)
    fleet: bool | None = Field(None, description="True: of the fleet's limits; false: of robots'.")
    metric: list[Metric] | None = Field(None, max_length=5)
    actor: list[Name] | None = Field(None, max_length=100)
    since: Instant | None = Field(None, description="Made at or after.")
    until: Instant | None = Field(None, description="Made before.")

    @model_validator(mode="after")
    def _range(self) -> HistoryFilter:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


def numbers(row: Any) -> dict[str, Any] | None:
    """A row of the store, for the records."""
    if row is None:
        return None
    names = ("warning", "critical", "warning_recovery", "critical_recovery", "enabled")
    return {name: getattr(row, name) for name in names}

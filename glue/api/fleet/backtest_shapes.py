"""What the routes of backtests take and give; ``tonypi thresholds --json`` gives the same."""

from __future__ import annotations

from pydantic import BaseModel, Field

from glue.api.conventions.fields import Body, Finite, Instant, Reply, RobotId, Utc
from glue.api.fleet.threshold_shapes import Direction, Metric
from glue.backtest import preview, suggest
from glue.core.backtest import Pair
from glue.core.sorting import natural

MOST_ROBOTS = 100

_SINCE = "Unless given a day before `until`; at most 31."
_UNTIL = "Unless given, or in the future: now."


class PreviewAsked(Body):
    """Limits to try. Those for recovery stand the metric's margin to the safe side unless given."""

    metric: Metric
    robot_id: RobotId | None = Field(None, description="Null: whom the fleet's limits reach.")
    warning: Finite
    critical: Finite
    warning_recovery: Finite | None = None
    critical_recovery: Finite | None = None
    since: Instant | None = Field(None, description=_SINCE)
    until: Instant | None = Field(None, description=_UNTIL)


class SuggestionAsked(BaseModel):
    """Of whom and when."""

    metric: Metric
    robot_id: RobotId | None = Field(None, description="Left out: one pair for the whole fleet.")
    since: Instant | None = Field(None, description=_SINCE)
    until: Instant | None = Field(None, description=_UNTIL)


class Limits(Reply):
    """In the metric's unit."""

    warning: float
    critical: float
    warning_recovery: float
    critical_recovery: float


class Episode(Reply):
    """`severity` is the highest it reached; `ended_at` null: open at the end. `value` opened it,
    `worst` is the furthest on the bad side; null where the record does not know."""

    robot_id: str
    severity: str
    starts_at: Utc
    ended_at: Utc | None
    reason: str | None
    value: float | None
    worst: float | None


class Tally(Reply):
    """Episodes in the range, by the highest severity of each."""

    episodes: int
    warning: int
    critical: int
    robots: int = Field(description="That had any.")
    hours: float = Field(description="Of alert in all, within the range.")
    per_day: float


class OfRobot(Reply):
    """Episodes of one robot."""

    robot_id: str
    would: int
    happened: int


class Preview(Reply):
    """What the limits would have made, and what happened. Lists have the newest thousand, and the
    hundred robots that would have had the most."""

    metric: str
    unit: str
    direction: Direction
    robot_id: str | None
    since: Utc
    until: Utc
    every_s: float = Field(description="Rules are evaluated so often.")
    limits: Limits
    robots: int = Field(description="Whom the limits reach.")
    heard: int = Field(description="Those of them that sent readings in the range.")
    would: Tally
    happened: Tally
    by_robot: list[OfRobot]
    would_episodes: list[Episode]
    happened_episodes: list[Episode]
    notes: list[str] = Field(description="What to know of the answer; empty: nothing.")


class Suggestion(Reply):
    """Limits out of the readings; `limits` is null where there are too few. `would` is what they
    would have cost, `happened` what the limits of that time did."""

    metric: str
    unit: str
    direction: Direction
    robot_id: str | None
    since: Utc
    until: Utc
    robots: int
    heard: int
    readings: int = Field(description="That were counted: at each evaluation, or a sample of many.")
    percentiles: dict[str, float] = Field(
        description="The value that so many in a hundred readings do not exceed to the bad side."
    )
    furthest: float | None = Field(description="The worst of all points.")
    limits: Limits | None
    would: Tally | None
    happened: Tally
    notes: list[str]


def of_preview(found: preview.Preview) -> Preview:
    """The reply for ``found``."""
    would, happened = found.would, found.happened
    most = sorted(would.by_robot.keys() | happened.by_robot.keys(), key=natural)
    most.sort(key=lambda r: (-would.by_robot.get(r, 0), -happened.by_robot.get(r, 0)))
    return Preview(
        metric=found.metric.name,
        unit=found.metric.unit,
        direction=found.metric.direction,
        robot_id=found.robot_id,
        since=found.range.since,
        until=found.range.until,
        every_s=found.range.span.every / 1000,
        limits=_limits(found.limits),
        robots=found.robots,
        heard=found.heard,
        would=_tally(would, found.range),
        happened=_tally(happened, found.range),
        by_robot=[
            OfRobot(
                robot_id=r, would=would.by_robot.get(r, 0), happened=happened.by_robot.get(r, 0)
            )
            for r in most[:MOST_ROBOTS]
        ],
        would_episodes=[Episode.model_validate(past) for past in would.listed],
        happened_episodes=[Episode.model_validate(past) for past in happened.listed],
        notes=found.notes,
    )


def of_suggestion(found: suggest.Suggestion) -> Suggestion:
    """The reply for ``found``."""
    return Suggestion(
        metric=found.metric.name,
        unit=found.metric.unit,
        direction=found.metric.direction,
        robot_id=found.robot_id,
        since=found.range.since,
        until=found.range.until,
        robots=found.robots,
        heard=found.heard,
        readings=found.readings,
        percentiles={f"{part * 100:g}": value for part, value in found.shares.items()},
        furthest=found.furthest,
        limits=_limits(found.limits) if found.limits else None,
        would=_tally(found.would, found.range) if found.limits else None,
        happened=_tally(found.happened, found.range),
        notes=found.notes,
    )


def _limits(limits: Pair) -> Limits:
    return Limits.model_validate(limits)


def _tally(tally: preview.Tally, of: preview.Range) -> Tally:
    return Tally(
        episodes=tally.episodes,
        warning=tally.warning,
        critical=tally.critical,
        robots=len(tally.by_robot),
        hours=round(tally.seconds / 3600, 2),
        per_day=round(tally.episodes / of.days, 2),
    )

"""Limits: what is set for the fleet and for a robot, and what is in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import Request
from pydantic import Field

from glue import store
from glue.api import access
from glue.api.fields import Body, Finite, MetricPath, Reply, RobotPath, Utc
from glue.api.problems import NotFound, Refused, documented
from glue.core.metrics import METRICS
from glue.store import audit, fleet, limits, thresholds
from glue.store.thresholds import Threshold
from glue.store.users import User

router = access.router("thresholds", access.PREFIX)

ERRORS = documented(401, 403, 404, 422, 503)


class ThresholdEdit(Body):
    """The whole row, in the metric's unit. A limit of null comes from the next level; a recovery
    limit of null stands the metric's margin to the safe side of its limit."""

    warning: Finite | None = None
    critical: Finite | None = None
    warning_recovery: Finite | None = None
    critical_recovery: Finite | None = None
    enabled: bool = Field(True, description="False switches the metric off.")


class SetThreshold(Reply):
    """What people set. `robot_id` is null for the whole fleet."""

    robot_id: str | None
    metric: str
    unit: str
    direction: Literal["high", "low"] = Field(description="Which side is bad.")
    warning: float | None
    critical: float | None
    warning_recovery: float | None
    critical_recovery: float | None
    enabled: bool | None
    updated_at: Utc


class FleetThreshold(Reply):
    """A metric's built-in limits, and what is set for the fleet: null where nothing is."""

    metric: str
    title: str
    unit: str
    direction: Literal["high", "low"]
    default_warning: float
    default_critical: float
    recovery_margin: float
    set: SetThreshold | None


class EffectiveLimit(Reply):
    """The limits of one robot, and the level they come from. Rules apply them while `in_force`."""

    metric: str
    unit: str
    direction: Literal["high", "low"]
    warning: float
    warning_recovery: float
    critical: float
    critical_recovery: float
    source: limits.Source
    enabled: bool = Field(description="False: the metric is switched off for this robot.")
    in_force: bool = Field(description="Enabled, and the robot is active, not in maintenance.")


class RobotThresholds(Reply):
    """What is set for the robot itself, and what it comes to."""

    robot_id: str
    set: list[SetThreshold]
    effective: list[EffectiveLimit]


@router.get("/thresholds", responses=documented(401, 403, 503))
async def list_thresholds(request: Request, user: access.Viewer) -> list[FleetThreshold]:
    """The fleet's limits, metric by metric."""
    async with store.transaction(request.app.state.pool) as conn:
        rows = {row.metric: row for row in await thresholds.listed(conn) if row.robot_id is None}
    return [_fleet_threshold(name, rows.get(name)) for name in METRICS]


@router.put("/thresholds/{metric}", responses=ERRORS)
async def set_threshold(
    request: Request, user: access.Admin, metric: MetricPath, body: ThresholdEdit
) -> FleetThreshold:
    """Set the fleet's limits. In force at the next evaluation."""
    async with store.transaction(request.app.state.pool) as conn:
        return _fleet_threshold(metric, await _put(conn, user, None, metric, body))


@router.delete("/thresholds/{metric}", responses=ERRORS)
async def reset_threshold(
    request: Request, user: access.Admin, metric: MetricPath
) -> FleetThreshold:
    """Back to the built-in limits. 404 when nothing was set."""
    async with store.transaction(request.app.state.pool) as conn:
        await _reset(conn, user, None, metric)
    return _fleet_threshold(metric, None)


@router.get("/robots/{robot_id}/thresholds", responses=ERRORS)
async def list_robot_thresholds(
    request: Request, user: access.Viewer, robot_id: RobotPath
) -> RobotThresholds:
    """What is set for the robot, and the limits it comes to with their source."""
    async with store.transaction(request.app.state.pool) as conn:
        return await _of_robot(conn, robot_id)


@router.put("/robots/{robot_id}/thresholds/{metric}", responses=ERRORS)
async def set_robot_threshold(
    request: Request,
    user: access.Operator,
    robot_id: RobotPath,
    metric: MetricPath,
    body: ThresholdEdit,
) -> RobotThresholds:
    """Set limits of one robot. In force at the next evaluation."""
    async with store.transaction(request.app.state.pool) as conn:
        await _put(conn, user, robot_id, metric, body)
        return await _of_robot(conn, robot_id)


@router.delete("/robots/{robot_id}/thresholds/{metric}", responses=ERRORS)
async def reset_robot_threshold(
    request: Request, user: access.Operator, robot_id: RobotPath, metric: MetricPath
) -> RobotThresholds:
    """Back to the fleet's limits. 404 when nothing was set."""
    async with store.transaction(request.app.state.pool) as conn:
        await _reset(conn, user, robot_id, metric)
        return await _of_robot(conn, robot_id)


async def _put(
    conn: Any, user: User, robot_id: str | None, metric: str, body: ThresholdEdit
) -> Threshold:
    before = await thresholds.one(conn, robot_id, metric)
    try:
        row = await thresholds.put(conn, robot_id, metric, **body.model_dump())
    except thresholds.UnknownRobot:
        raise NotFound(f"There is no robot {robot_id}.") from None
    except thresholds.InvalidThreshold as error:
        raise Refused("body", str(error)) from None
    await _record(conn, user, robot_id, metric, before, row)
    return row


async def _reset(conn: Any, user: User, robot_id: str | None, metric: str) -> None:
    before = await thresholds.one(conn, robot_id, metric)
    if before is None or not await thresholds.reset(conn, robot_id, metric):
        whom = f"robot {robot_id}" if robot_id else "the fleet"
        raise NotFound(f"No limits of {metric} are set for {whom}.")
    await _record(conn, user, robot_id, metric, before, None)


async def _record(
    conn: Any,
    user: User,
    robot_id: str | None,
    metric: str,
    before: Threshold | None,
    after: Threshold | None,
) -> None:
    whom = f"robot {robot_id}" if robot_id else "the fleet"
    verb = "set" if after else "reset"
    await audit.record(
        conn,
        "api",
        f"{user.username} {verb} limits of {metric} for {whom}",
        robot_id=robot_id,
        details={
            "username": user.username,
            "metric": metric,
            "before": _numbers(before),
            "after": _numbers(after),
        },
    )


async def _of_robot(conn: Any, robot_id: str) -> RobotThresholds:
    if await fleet.one(conn, robot_id) is None:
        raise NotFound(f"There is no robot {robot_id}.")
    own = [row for row in await thresholds.listed(conn) if row.robot_id == robot_id]
    found = {limit.metric: limit for limit in await limits.configured(conn, robot_id)}
    return RobotThresholds(
        robot_id=robot_id,
        set=[_set_threshold(row) for row in own],
        effective=[_effective(found[name]) for name in METRICS if name in found],
    )


def _effective(limit: limits.Limit) -> EffectiveLimit:
    metric = METRICS[limit.metric]
    return EffectiveLimit.model_validate(
        asdict(limit)
        | {
            "unit": metric.unit,
            "direction": metric.direction,
            "in_force": limit.enabled and limit.watched,
        }
    )


def _set_threshold(row: Threshold) -> SetThreshold:
    metric = METRICS[row.metric]
    return SetThreshold.model_validate(
        asdict(row) | {"unit": metric.unit, "direction": metric.direction}
    )


def _fleet_threshold(name: str, row: Threshold | None) -> FleetThreshold:
    metric = METRICS[name]
    return FleetThreshold(
        metric=name,
        title=metric.title,
        unit=metric.unit,
        direction=metric.direction,
        default_warning=metric.warning,
        default_critical=metric.critical,
        recovery_margin=metric.recovery_margin,
        set=_set_threshold(row) if row else None,
    )


def _numbers(row: Threshold | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "warning": row.warning,
        "critical": row.critical,
        "warning_recovery": row.warning_recovery,
        "critical_recovery": row.critical_recovery,
        "enabled": row.enabled,
    }

"""Limits of the fleet and of one robot: what is set, what it comes to, and back to what was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import Request, Response
from pydantic import RootModel

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import MetricPath, RobotPath
from glue.api.conventions.problems import NotFound, Refused, documented
from glue.api.fleet.robots import held
from glue.api.fleet.threshold_shapes import (
    FleetThreshold,
    Reset,
    RobotThresholds,
    SetThreshold,
    ThresholdEdit,
    numbers,
)
from glue.core.limit_sources import sources
from glue.core.metrics import METRICS
from glue.store import audit, fleet, limits, thresholds
from glue.store.thresholds import Threshold

router = access.router("thresholds", access.PREFIX)

READS = documented(401, 403, 404, 422, 503)
ERRORS = documented(401, 403, 404, 412, 422, 503)
OF_ROBOT = {**ERRORS, **documented(409)}


@router.get("/thresholds", responses=documented(401, 403, 503))
async def list_thresholds(
    request: Request, response: Response, user: access.Viewer
) -> list[FleetThreshold]:
    """The fleet's limits, metric by metric."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _all_of_fleet(conn)).root


@router.delete("/thresholds", responses=documented(401, 403, 412, 422, 503))
async def reset_fleet(request: Request, user: access.Admin, if_match: etag.IfMatch = None) -> Reset:
    """All metrics back to the built-in limits. Robots' own limits stay."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        await thresholds.hold(conn)
        if if_match:
            etag.check(if_match, await _all_of_fleet(conn))
        return await _reset_all(conn, user, None)


@router.get("/thresholds/{metric}", responses=READS)
async def read_threshold(
    request: Request, response: Response, user: access.Viewer, metric: MetricPath
) -> FleetThreshold:
    """The fleet's limits of one metric."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _of_fleet(conn, metric))


@router.put("/thresholds/{metric}", responses=ERRORS)
async def set_threshold(
    request: Request,
    response: Response,
    user: access.Admin,
    metric: MetricPath,
    body: ThresholdEdit,
    if_match: etag.IfMatch = None,
) -> FleetThreshold:
    """Set the fleet's limits. In force at the next evaluation."""
    async with _fleet_held(request, user, metric, if_match) as conn:
        await _put(conn, user, None, metric, body)
        return etag.tagged(response, await _of_fleet(conn, metric))


@router.delete("/thresholds/{metric}", responses=ERRORS)
async def reset_threshold(
    request: Request,
    response: Response,
    user: access.Admin,
    metric: MetricPath,
    if_match: etag.IfMatch = None,
) -> FleetThreshold:
    """Back to the built-in limits. 404 when nothing was set."""
    async with _fleet_held(request, user, metric, if_match) as conn:
        await _reset(conn, user, None, metric)
        return etag.tagged(response, await _of_fleet(conn, metric))


@router.get("/robots/{robot_id}/thresholds", responses=READS)
async def list_robot_thresholds(
    request: Request, response: Response, user: access.Viewer, robot_id: RobotPath
) -> RobotThresholds:
    """What is set for the robot, and the limits it comes to with the source of each."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _of_robot(conn, robot_id))


@router.put("/robots/{robot_id}/thresholds/{metric}", responses=OF_ROBOT)
async def set_robot_threshold(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    metric: MetricPath,
    body: ThresholdEdit,
    if_match: etag.IfMatch = None,
) -> RobotThresholds:
    """Set limits of one robot. In force at the next evaluation."""
    async with _robot_held(request, user, robot_id, if_match) as conn:
        await _put(conn, user, robot_id, metric, body)
        return etag.tagged(response, await _of_robot(conn, robot_id))


@router.delete("/robots/{robot_id}/thresholds", responses=OF_ROBOT)
async def reset_robot(
    request: Request, user: access.Operator, robot_id: RobotPath, if_match: etag.IfMatch = None
) -> Reset:
    """All metrics of the robot back to the fleet's limits."""
    async with _robot_held(request, user, robot_id, if_match) as conn:
        return await _reset_all(conn, user, robot_id)


@router.delete("/robots/{robot_id}/thresholds/{metric}", responses=OF_ROBOT)
async def reset_robot_threshold(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    metric: MetricPath,
    if_match: etag.IfMatch = None,
) -> RobotThresholds:
    """Back to the fleet's limits. 404 when nothing was set."""
    async with _robot_held(request, user, robot_id, if_match) as conn:
        await _reset(conn, user, robot_id, metric)
        return etag.tagged(response, await _of_robot(conn, robot_id))


@asynccontextmanager
async def _fleet_held(
    request: Request, user: Caller, metric: str, if_match: str | None
) -> AsyncIterator[Any]:
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        await thresholds.hold(conn)
        if if_match:
            etag.check(if_match, await _of_fleet(conn, metric))
        yield conn


@asynccontextmanager
async def _robot_held(
    request: Request, user: Caller, robot_id: str, if_match: str | None
) -> AsyncIterator[Any]:
    async with held(request, user, robot_id) as robot:
        if if_match:
            etag.check(if_match, await _of_robot(robot.conn, robot_id))
        yield robot.conn


async def _put(
    conn: Any, user: Caller, robot_id: str | None, metric: str, body: ThresholdEdit
) -> None:
    before = await thresholds.one(conn, robot_id, metric)
    try:
        row = await thresholds.put(conn, robot_id, metric, **body.model_dump())
    except thresholds.InvalidThreshold as error:
        raise Refused("body", str(error)) from None
    await _record(conn, user, robot_id, metric, before, row)


async def _reset(conn: Any, user: Caller, robot_id: str | None, metric: str) -> None:
    before = await thresholds.one(conn, robot_id, metric)
    if before is None or not await thresholds.reset(conn, robot_id, metric):
        raise NotFound(f"No limits of {metric} are set for {_whom(robot_id)}.")
    await _record(conn, user, robot_id, metric, before, None)


async def _reset_all(conn: Any, user: Caller, robot_id: str | None) -> Reset:
    before = {row.metric: row for row in await thresholds.of(conn, robot_id)}
    metrics = await thresholds.reset_all(conn, robot_id)
    if metrics:
        await audit.record(
            conn,
            "api",
            f"{user.username} reset all limits for {_whom(robot_id)}",
            robot_id=robot_id,
            details={
                "username": user.username,
                "before": {metric: numbers(row) for metric, row in before.items()},
            },
        )
    return Reset(metrics=[name for name in METRICS if name in metrics])


async def _record(
    conn: Any,
    user: Caller,
    robot_id: str | None,
    metric: str,
    before: Threshold | None,
    after: Threshold | None,
) -> None:
    verb = "set" if after else "reset"
    await audit.record(
        conn,
        "api",
        f"{user.username} {verb} limits of {metric} for {_whom(robot_id)}",
        robot_id=robot_id,
        details={
            "username": user.username,
            "metric": metric,
            "before": numbers(before),
            "after": numbers(after),
        },
    )


def _whom(robot_id: str | None) -> str:
    return f"robot {robot_id}" if robot_id else "the fleet"


async def _of_robot(conn: Any, robot_id: str) -> RobotThresholds:
    if await fleet.one(conn, robot_id) is None:
        raise NotFound(f"There is no robot {robot_id}.")
    own = {row.metric: row for row in await thresholds.of(conn, robot_id)}
    of_fleet = {row.metric: row for row in await thresholds.of(conn, None)}
    found = {limit.metric: limit for limit in await limits.configured(conn, robot_id)}
    effective = [
        {
            **asdict(found[name]),
            "in_force": found[name].enabled and found[name].watched,
            "sources": sources(found[name].source, own.get(name), of_fleet.get(name)),
        }
        for name in METRICS
        if name in found
    ]
    rows = [SetThreshold.model_validate(own[name]) for name in METRICS if name in own]
    return RobotThresholds.model_validate(
        {"robot_id": robot_id, "set": rows, "effective": effective}
    )


async def _all_of_fleet(conn: Any) -> RootModel[list[FleetThreshold]]:
    rows = {row.metric: row for row in await thresholds.of(conn, None)}
    return RootModel([_fleet_threshold(name, rows.get(name)) for name in METRICS])


async def _of_fleet(conn: Any, metric: str) -> FleetThreshold:
    return _fleet_threshold(metric, await thresholds.one(conn, None, metric))


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
        set=SetThreshold.model_validate(row) if row else None,
    )

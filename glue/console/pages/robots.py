"""Robots: the list, one with all that is known of it, what people say of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue.api.conventions import etag, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import RobotPath
from glue.api.conventions.problems import ProblemError
from glue.api.episodes import alerts as alert_routes
from glue.api.episodes.shapes import AlertFilter
from glue.api.fleet import commands, robots, thresholds
from glue.api.fleet.robot_shapes import NewRobot, Robot, RobotEdit, RobotFilter
from glue.console import forms, page
from glue.console.operations import perform
from glue.console.pages.overview import first
from glue.core import commands as core
from glue.core.metrics import METRICS
from glue.store import alert_reads, fleet
from glue.store import commands as command_rows

router = page.router("/robots")

ALERTS, COMMANDS = 10, 5
"""The newest, on the page of a robot."""

TEXTS = ("name", "description", "camera_url", "time_zone")


@router.get("")
async def list_robots(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[RobotFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(fleet.ROBOTS)],
) -> Response:
    """The fleet, filtered."""
    found = await perform(robots.list_robots, request, reader, wanted=wanted, asked=asked)
    return page.show(request, "robots", reader, found=found, wanted=wanted)


@router.get("/new")
async def ask_for_robot(request: Request, reader: page.Reader) -> Response:
    """A form for a robot that has not sent yet."""
    return page.show(request, "robot_new", reader)


@router.post("/new")
@page.does(robots.create_robot)
async def add_robot(request: Request, reader: page.Reader) -> Response:
    """Make it known."""
    form = await page.form(request)
    try:
        body = forms.body(NewRobot, form.only("robot_id", "name", "description"))
        made = await perform(robots.create_robot, request, reader, body=body)
    except ProblemError as problem:
        return page.show(request, "robot_new", reader, problem=problem)
    return page.go(request, f"/robots/{made.robot_id}", f"{made.robot_id} is known now.")


@router.get("/{robot_id}")
async def read_robot(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """One robot: state, limits in force, alerts, commands."""
    return await show(request, reader, robot_id)


@router.post("/{robot_id}")
@page.does(robots.update_robot)
async def change_robot(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """What people say of it; an emptied field is emptied."""
    form = await page.form(request)
    given: dict[str, Any] = {name: form[name] or None for name in TEXTS}
    given["is_active"] = bool(form["is_active"])
    try:
        await perform(
            robots.update_robot,
            request,
            reader,
            robot_id=robot_id,
            body=forms.body(RobotEdit, given),
            if_match=form["version"] or None,
        )
    except ProblemError as problem:
        return await show(request, reader, robot_id, problem)
    return page.go(request, f"/robots/{robot_id}", "Saved.")


@router.post("/{robot_id}/remove")
@page.does(robots.remove_robot)
async def remove_robot(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """Do without it; asks first."""
    form = await page.form(request)
    if not form["confirm"]:
        would = (
            f"{robot_id} would leave lists, dashboards and rules. Its open alerts would be closed;"
            " its history stays, and it can be taken back."
        )
        return page.ask(request, reader, f"Remove {robot_id}?", would, f"/robots/{robot_id}")
    removed = await perform(
        robots.remove_robot,
        request,
        reader,
        robot_id=robot_id,
        if_match=form["version"] or None,
    )
    return page.go(request, f"/robots/{removed.robot_id}", f"{robot_id} is removed.")


@router.post("/{robot_id}/restore")
@page.does(robots.restore_robot)
async def restore_robot(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """Take it back."""
    await perform(robots.restore_robot, request, reader, robot_id=robot_id)
    return page.go(request, f"/robots/{robot_id}", f"{robot_id} is back, with its limits.")


async def show(
    request: Request, reader: Caller, robot_id: str, problem: ProblemError | None = None
) -> Response:
    """The page of a robot, with what went wrong on it."""
    robot: Robot = await perform(robots.read_robot, request, reader, robot_id=robot_id)
    limits = await perform(thresholds.list_robot_thresholds, request, reader, robot_id=robot_id)
    alerts = await perform(
        alert_routes.list_alerts,
        request,
        reader,
        wanted=AlertFilter.model_validate({"robot_id": [robot_id]}),
        asked=first(alert_reads.ALERTS, ALERTS),
    )
    given = await perform(
        commands.list_commands,
        request,
        reader,
        wanted=commands.CommandFilter.model_validate({"robot_id": [robot_id]}),
        asked=first(command_rows.COMMANDS, COMMANDS),
    )
    return page.show(
        request,
        "robot",
        reader,
        robot=robot,
        version=etag.tag(robots.record_of(robot)),
        limits=limits,
        metrics=METRICS,
        alerts=alerts.items,
        commands=given.items,
        types=core.TYPES,
        late=await page.lateness(request),
        problem=problem,
    )

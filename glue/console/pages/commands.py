"""Commands to one robot: given, confirmed where it moves, with the robot's answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue.api.conventions import listing
from glue.api.conventions.fields import RobotPath
from glue.api.conventions.problems import ProblemError
from glue.api.fleet import commands
from glue.api.fleet.orders import Confirmation
from glue.console import forms, page
from glue.console.operations import perform
from glue.console.pages import robots as robot_pages
from glue.core import commands as core
from glue.store import commands as rows

router = page.router()

MEMBERS = ("direction", "distance", "speed", "task_name", "items_total", "servo_id", "position")
OF_TYPE = {
    "move": ("direction", "distance", "speed"),
    "start_job": ("task_name", "items_total"),
    "set_servo": ("servo_id", "position"),
}
"""What a command takes besides its type; what else the form has is not meant for it."""


@router.get("/commands")
async def list_commands(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[commands.CommandFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(rows.COMMANDS)],
) -> Response:
    """Who told which robot what, and what came of it."""
    found = await perform(commands.list_commands, request, reader, wanted=wanted, asked=asked)
    return page.show(request, "commands", reader, found=found, wanted=wanted)


@router.post("/commands/resume-all")
@page.does(commands.resume_all)
async def resume_all(request: Request, reader: page.Reader) -> Response:
    """End the emergency stop of all robots; asks first."""
    sure = bool((await page.form(request))["confirm"])
    try:
        body = Confirmation(confirm=sure)
        told = await perform(commands.resume_all, request, reader, body=body)
    except ProblemError as problem:
        if problem.status != 428:
            raise
        would = f"{problem.more['would']}."
        return page.ask(request, reader, "Resume all robots?", would, "/commands")
    missing = f"; no answer from {core.listed(told.missing)}" if told.missing else ""
    return page.go(request, "/commands", f"{len(told.answers)} robots answered{missing}.")


@router.post("/robots/{robot_id}/commands")
@page.does(commands.give_command)
async def give_command(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """Send it and wait for the answer; what moves the robot is asked about first."""
    form = await page.form(request)
    kind = form["type"]
    given: dict[str, Any] = {"type": kind, **form.only(*OF_TYPE.get(kind, ()))}
    sure = {name: True for name in ("confirm", "even_if_offline", "even_if_stopped") if form[name]}
    try:
        body = forms.body(commands.NewCommand, {"command": given, **sure})
        told = await perform(commands.give_command, request, reader, robot_id=robot_id, body=body)
    except ProblemError as problem:
        if problem.status == 428:
            return page.ask(
                request,
                reader,
                f"{kind.replace('_', ' ').capitalize()}: {robot_id}?",
                f"{problem.more['would']}.",
                f"/robots/{robot_id}",
            )
        return await robot_pages.show(request, reader, robot_id, problem)
    answer = f"{robot_id}: {told.answer or told.state}."
    return page.go(request, f"/robots/{robot_id}", answer)

"""Commands to robots: given, answered, looked up. The emergency stop has a file of its own."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from glue import store
from glue.api.conventions import access, etag, export, idempotency, listing
from glue.api.conventions.fields import Body, Instant, Name, Reply, RobotId, RobotPath
from glue.api.conventions.problems import NotFound, documented
from glue.api.fleet.orders import (
    ALTHOUGH_STOPPED,
    ANYWAY,
    CONFIRM,
    Confirmation,
    RobotAnswer,
    Told,
    ToldAll,
    Wait,
    confirmed,
    done,
    give,
    reachable,
    seconds,
    told_all,
)
from glue.commands import Order
from glue.core import commands as core
from glue.store import commands as rows

router = access.router("commands", access.PREFIX)

State = Literal["unsent", "sent", "answered", "refused", "timed out"]
Type = Literal[
    "move",
    "stop",
    "resume",
    "status_request",
    "battery_request",
    "shutdown",
    "head_nod",
    "head_shake",
    "start_job",
    "stop_job",
    "set_servo",
    "emergency_stop",
]


class NewCommand(Body):
    """What the robot shall do."""

    command: core.Command
    confirm: bool = Field(default=False, description=CONFIRM)
    even_if_offline: bool = Field(default=False, description=ANYWAY)
    even_if_stopped: bool = Field(default=False, description=ALTHOUGH_STOPPED)


class ResumeRobot(Confirmation):
    """Ends a robot's emergency stop."""

    even_if_offline: bool = Field(default=False, description=ANYWAY)


class ToldWithAnswers(Told):
    """A command; one to all robots with what each answered."""

    answers: list[RobotAnswer]


class CommandFilter(BaseModel):
    """Which commands; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(
        None, max_length=100, description="A command to all robots is of none of them."
    )
    type: list[Type] | None = Field(None, max_length=12)
    state: list[State] | None = Field(None, max_length=5)
    asked_by: Name | None = None
    since: Instant | None = Field(None, description="Asked at or after.")
    until: Instant | None = Field(None, description="Asked before.")

    @model_validator(mode="after")
    def _range(self) -> CommandFilter:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


class Commands(Reply):
    """A page, newest first unless asked otherwise. `next` is null on the last one."""

    items: list[Told]
    next: str | None


@router.post(
    "/robots/{robot_id}/commands",
    responses={
        202: {"model": Told, "description": "Sent; `wait=0`, so nobody waits for the answer."},
        **documented(401, 403, 404, 409, 422, 428, 503, 504),
    },
    openapi_extra=idempotency.CREATES,
)
async def give_command(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    body: NewCommand,
    wait: Wait = None,
) -> Told:
    """Tell a robot what to do, and wait for its answer.

    What moves it takes `confirm: true`; without, 428 says what would happen. 409 when the robot
    refuses or is offline, 504 when it is silent. A command that a robot does not fetch from the
    broker within the wait is dropped there, never delivered late.
    """
    order = Order(body.command.type, robot_id, core.payload(body.command), user.username)
    return await _give(request, response, order, wait, body)


@router.post(
    "/robots/{robot_id}/resume",
    responses={
        202: {"model": Told, "description": "Sent; `wait=0`, so nobody waits for the answer."},
        **documented(401, 403, 404, 409, 422, 428, 503, 504),
    },
    openapi_extra=idempotency.CREATES,
)
async def resume_robot(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    body: ResumeRobot | None = None,
    wait: Wait = None,
) -> Told:
    """End a robot's emergency stop. It may move at once, so it takes `confirm: true`."""
    given = body or ResumeRobot()
    order = Order("resume", robot_id, {}, user.username)
    return await _give(request, response, order, wait, given)


@router.post(
    "/resume",
    responses=documented(401, 403, 422, 428, 503),
    openapi_extra=idempotency.CREATES,
)
async def resume_all(
    request: Request,
    user: access.Operator,
    body: Confirmation | None = None,
    wait: Wait = None,
) -> ToldAll:
    """End the emergency stop of all robots. They may move at once, so it takes `confirm: true`."""
    confirmed(bool(body and body.confirm), "resume", "Every robot")
    order = Order("resume", None, {}, user.username)
    outcome = await give(request, order, seconds(request, wait))
    return told_all(outcome.sent, outcome.asked)


@router.get("/commands", responses=documented(401, 403, 422, 503))
async def list_commands(
    request: Request,
    user: access.Viewer,
    wanted: Annotated[CommandFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(rows.COMMANDS)],
) -> Commands:
    """Commands that were given through this API, newest first unless asked for another sort."""
    return Commands.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/commands/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_commands(
    request: Request,
    user: access.Viewer,
    wanted: Annotated[CommandFilter, Query()],
    format: export.Format = "csv",
) -> StreamingResponse:
    """All commands that the filters let through, as a file."""
    filters = wanted.model_dump()
    return await export.stream(request, rows.COMMANDS, filters, Told, format, "commands")


@router.get("/commands/{command_id}", responses=documented(401, 403, 404, 422, 503))
async def read_command(
    request: Request, response: Response, user: access.Viewer, command_id: UUID
) -> ToldWithAnswers:
    """One command; an answer that came late is there too."""
    async with store.transaction(request.app.state.pool) as conn:
        row = await rows.one(conn, command_id)
        if row is None:
            raise NotFound(f"There is no command {command_id}.")
        answers = await rows.answers(conn, command_id)
    return etag.tagged(response, ToldWithAnswers.model_validate({**row, "answers": answers}))


async def _give(
    request: Request,
    response: Response,
    order: Order,
    wait: float | None,
    given: NewCommand | ResumeRobot,
) -> Told:
    assert order.robot_id is not None
    async with store.transaction(request.app.state.pool) as conn:
        found = await rows.addressed(conn, order.robot_id)
    anyway = isinstance(given, NewCommand) and given.even_if_stopped
    robot = reachable(found, order.robot_id, order.kind, given.even_if_offline, anyway)
    confirmed(given.confirm, order.kind, order.robot_id, robot)
    outcome = await give(request, order, seconds(request, wait))
    if outcome.state == "sent":
        response.status_code = 202
    return done(outcome)

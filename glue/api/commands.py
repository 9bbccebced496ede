"""Commands to robots: given, answered, looked up. The emergency stop has a file of its own."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field

from glue import store
from glue.api import access, etag, idempotency, listing
from glue.api.fields import Body, Moment, Reply, RobotId, RobotPath, Text
from glue.api.orders import (
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
from glue.api.problems import NotFound, documented
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


class ResumeRobot(Confirmation):
    """Ends a robot's emergency stop."""

    even_if_offline: bool = Field(default=False, description=ANYWAY)


class ToldWithAnswers(Told):
    """A command; one to all robots with what each answered."""

    answers: list[RobotAnswer]


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
    return await _give(request, response, order, wait, body.confirm, body.even_if_offline)


@router.post(
    "/robots/{robot_id}/resume",
    responses={
        202: {"model": Told, "description": "Sent; `wait=0`, so nobody waits for the answer."},
        **documented(401, 403, 404, 409, 422, 428, 503, 504),
    },
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
    return await _give(request, response, order, wait, given.confirm, given.even_if_offline)


@router.post("/resume", responses=documented(401, 403, 422, 428, 503))
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
    asked: Annotated[listing.Asked, listing.of(rows.COMMANDS)],
    robot_id: Annotated[RobotId | None, Query()] = None,
    type: Annotated[list[Type] | None, Query(max_length=12)] = None,
    state: Annotated[list[State] | None, Query(max_length=5)] = None,
    asked_by: Annotated[Text | None, Query(min_length=1, max_length=100)] = None,
    since: Moment = None,
    until: Moment = None,
) -> Commands:
    """Commands that were given through this API. `since` is included in the range, `until` is not;
    a command to all robots has no `robot_id`."""
    filters = {
        "robot_id": robot_id,
        "type": type or None,
        "state": state or None,
        "asked_by": asked_by,
        "since": since,
        "until": until,
    }
    found = await listing.page(request, asked, filters)
    return Commands(items=[Told.model_validate(row) for row in found.items], next=found.next)


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
    confirm: bool,
    even_if_offline: bool,
) -> Told:
    assert order.robot_id is not None
    async with store.transaction(request.app.state.pool) as conn:
        found = await rows.addressed(conn, order.robot_id)
    robot = reachable(found, order.robot_id, even_if_offline)
    confirmed(confirm, order.kind, order.robot_id, robot)
    outcome = await give(request, order, seconds(request, wait))
    if outcome.state == "sent":
        response.status_code = 202
    return done(outcome)

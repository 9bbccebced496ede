"""What all routes that tell robots something have in common: confirmation, who can be told, and how
an outcome becomes an answer.

The confirmation is one member of the body, ``confirm: true``. A token from a first request would
only prove that the client made two requests; the 428 that says what would happen is what a person
is shown before the second one, either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field

from glue.api.conventions import idempotency
from glue.api.conventions.fields import Body, Reply, Seconds, Utc
from glue.api.conventions.problems import NotFound, ProblemError
from glue.broker import BrokerUnavailable
from glue.commands import Commander, Order, Outcome, orders
from glue.core import commands as core
from glue.core.sorting import natural
from glue.store import StoreUnavailable
from glue.store import commands as rows

LONGEST_WAIT_S = 30.0

Wait = Annotated[
    Annotated[Seconds, Field(ge=0, le=LONGEST_WAIT_S)] | None,
    Query(
        description="How long to wait for the answer, seconds or `5s`; unless said,"
        " `GLUE_COMMAND_TIMEOUT`.",
    ),
]

CONFIRM = "Yes, do it, although it moves a robot."
ANYWAY = "Send it although the robot is offline; it gets it if it is back within the wait."


ALTHOUGH_STOPPED = "Send it although the robot said that it is in emergency stop."


class Confirmation(Body):
    """For what moves a robot."""

    confirm: bool = Field(default=False, description=CONFIRM)


class Told(Reply):
    """A command and what became of it."""

    id: UUID
    robot_id: str | None = Field(description="null: all robots")
    type: str
    payload: dict[str, Any]
    asked_by: str
    asked_at: Utc
    sent_at: Utc | None
    deadline: Utc | None = Field(description="Until then an answer was waited for.")
    state: str = Field(
        description="`sent`, `answered`, `refused` (the robot said no), `timed out`, or `unsent`: "
        "the MQTT broker was away, nothing left."
    )
    answer: str | None = Field(description="The robot's words.")
    data: dict[str, Any] | None = Field(description="What it told besides.")
    answered_at: Utc | None


def commander(request: Request) -> Commander:
    found: Commander = request.app.state.commander
    return found


def seconds(request: Request, wait: float | None) -> float:
    """How long to wait for the answer."""
    return request.app.state.settings.glue.command_timeout if wait is None else wait


def confirmed(given: bool, kind: str, who: str, robot: Mapping[str, Any] | None = None) -> None:
    """Raises 428 when ``kind`` moves robots and nobody has said yes."""
    if given or not core.moves(kind):
        return
    would = core.effect(kind, who)
    if robot and robot["in_maintenance"]:
        would += "; it is in maintenance, so somebody may be working on it"
    raise ProblemError(
        428,
        f"{would}. To do it, send the same again with `confirm: true`.",
        "confirmation-required",
        more={"would": would},
    )


def reachable(
    robot: rows.Row | None,
    robot_id: str,
    kind: str,
    even_if_offline: bool,
    even_if_stopped: bool = False,
) -> rows.Row:
    """The robot, when it can be told a ``kind``. Raises 404, 409."""
    if robot is None:
        raise NotFound(f"There is no robot {robot_id}.", {"robot_id": robot_id})
    if robot["removed"]:
        raise ProblemError(409, f"Robot {robot_id} is removed; restore it first.", "removed")
    if robot["registration"] != "accepted":
        raise ProblemError(
            409, f"{robot_id} is {robot['registration']}: an admin has to accept it first."
        )
    if not robot["is_active"]:
        raise ProblemError(409, f"{robot_id} is not active; activate it first.")
    if robot["status"] == "offline" and not even_if_offline:
        raise ProblemError(
            409,
            f"{robot_id} is offline, so nothing was sent. `even_if_offline: true` sends it "
            "nevertheless.",
            "robot-offline",
        )
    if robot["emergency_stopped"] and core.freezes(kind) and not even_if_stopped:
        raise ProblemError(
            409,
            f"{robot_id} is in emergency stop, so nothing was sent; `resume` it first. "
            "`even_if_stopped: true` sends it nevertheless.",
            "robot-emergency-stopped",
        )
    return robot


async def give(
    request: Request,
    order: Order,
    wait: float,
    with_it: orders.WithIt | None = None,
) -> Outcome:
    """Gives the order, once for an ``Idempotency-Key``. Raises 503 when it did not leave."""

    async def together(conn: Any, sent: rows.Sent) -> None:
        if with_it is not None:
            await with_it(conn, sent)
        await idempotency.sending(request, conn, sent.command_id, sent.robot_id)

    try:
        return await orders.give(commander(request), order, wait, together)
    except StoreUnavailable:
        await idempotency.unsent(request)
        raise
    except BrokerUnavailable as error:
        await idempotency.unsent(request)
        raise not_sent(error) from None


def not_sent(error: Exception) -> ProblemError:
    return ProblemError(
        503,
        f"Nothing was sent, and nothing will be sent later: {error}.",
        "broker-unavailable",
        headers={"Retry-After": "2"},
    )


def done(outcome: Outcome, **more: Any) -> Told:
    """The command with its answer. Raises 409 when the robot refused, 504 when it was silent."""
    sent = outcome.sent
    more = {"command_id": str(sent.command_id), **more}
    if outcome.state == "refused" and outcome.answer:
        raise ProblemError(
            409, f"{sent.robot_id} refused: {outcome.answer.message}", "robot-refused", more=more
        )
    if outcome.state == "timed out":
        waited = (sent.deadline - sent.asked_at).total_seconds()
        raise ProblemError(
            504,
            f"{sent.robot_id} did not answer within {waited:g} s. It may have done it "
            f"nevertheless; an answer that still comes is recorded with command {sent.command_id}.",
            "robot-silent",
            more=more,
        )
    answer = outcome.answer
    return Told(
        id=sent.command_id,
        robot_id=sent.robot_id,
        type=sent.kind,
        payload=dict(sent.members),
        asked_by=sent.asked_by,
        asked_at=sent.asked_at,
        sent_at=sent.asked_at,
        deadline=sent.deadline,
        state=outcome.state,
        answer=answer.message if answer else None,
        data=answer.data if answer else None,
        answered_at=answer.at if answer else None,
    )


class RobotAnswer(Reply):
    """What one robot said to a command to all. `success` is null when it said nothing."""

    robot_id: str
    expected: bool = Field(description="It was there when the command was sent.")
    success: bool | None
    message: str | None
    answered_at: Utc | None


class ToldAll(Reply):
    """A command to several robots, and who answered."""

    id: UUID
    robot_id: str | None = Field(description="null: all robots")
    type: str
    asked_by: str
    sent_at: Utc
    complete: bool = Field(description="Everybody has answered who was there.")
    recorded: bool = Field(description="false: PostgreSQL is away, the record follows.")
    answers: list[RobotAnswer]
    missing: list[str] | None = Field(
        description="Who was there and has not answered; null: PostgreSQL, who knows, is away."
    )


def told_all(sent: rows.Sent, asked: core.Asked, recorded: bool = True) -> ToldAll:
    expected = asked.expected
    return ToldAll(
        id=sent.command_id,
        robot_id=sent.robot_id,
        type=sent.kind,
        asked_by=sent.asked_by,
        sent_at=sent.asked_at,
        complete=asked.complete,
        recorded=recorded,
        answers=[
            RobotAnswer(
                robot_id=one.robot_id,
                expected=expected is not None and one.robot_id in expected,
                success=one.success,
                message=one.message,
                answered_at=one.at,
            )
            for one in sorted(asked.answers.values(), key=lambda one: natural(one.robot_id))
        ],
        missing=None if expected is None else core.missing(asked),
    )

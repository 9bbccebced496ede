"""The emergency stop: one robot, or all. No confirmation, no throttle, no PostgreSQL needed.

A robot that is unknown, pending, inactive or offline is sent it as well.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import Field

from glue.api.conventions import access, outage
from glue.api.conventions.fields import Body, RobotPath
from glue.api.conventions.problems import ProblemError, documented
from glue.api.fleet.orders import ToldAll, Wait, commander, not_sent, seconds, told_all
from glue.broker import BrokerUnavailable, Unconfirmed
from glue.commands import Report, emergency
from glue.core.commands import LINE

router = access.router("commands", access.PREFIX)

REASON = "operator"


class EmergencyStop(Body):
    """Why, for the robots and for whoever reads the records."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)] | None = None


@router.post("/robots/{robot_id}/emergency-stop", responses=documented(401, 403, 422, 503, 504))
async def stop_robot(
    request: Request,
    user: outage.OperatorAlways,
    robot_id: RobotPath,
    body: EmergencyStop | None = None,
    wait: Wait = None,
) -> ToldAll:
    """Stop a robot at once; it stands until `resume`. 504 when it does not answer: then go there.

    Works while PostgreSQL is away: sent first, recorded after.
    """
    report = await _stop(request, user.username, robot_id, body, wait)
    if not report.asked.complete and wait != 0:
        raise ProblemError(
            504,
            f"The stop was sent, and {robot_id} has not answered. It may move still: use the "
            "switch on the robot.",
            "robot-silent",
            more={"command_id": str(report.sent.command_id), "recorded": report.recorded},
        )
    return told_all(report.sent, report.asked, report.recorded)


@router.post("/emergency-stop", responses=documented(401, 403, 422, 503))
async def stop_all(
    request: Request,
    user: outage.OperatorAlways,
    body: EmergencyStop | None = None,
    wait: Wait = None,
) -> ToldAll:
    """Stop all robots at once. The answer says who has answered, and who was there and has not.

    Works while PostgreSQL is away: sent first, recorded after.
    """
    report = await _stop(request, user.username, None, body, wait)
    return told_all(report.sent, report.asked, report.recorded)


async def _stop(
    request: Request,
    username: str,
    robot_id: str | None,
    body: EmergencyStop | None,
    wait: float | None,
) -> Report:
    reason = (body and body.reason) or f"{REASON} {username}"
    try:
        return await emergency.stop(
            commander(request), robot_id, reason, username, seconds(request, wait)
        )
    except Unconfirmed as error:
        raise ProblemError(
            503,
            f"PERHAPS NOT STOPPED: {error}. Use the switches on the robots.",
            "stop-unconfirmed",
        ) from None
    except BrokerUnavailable as error:
        problem = not_sent(error)
        problem.detail = f"NOT STOPPED. {problem.detail} Use the switches on the robots."
        raise problem from None

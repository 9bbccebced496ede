"""Maintenance of robots: on with a reason and an end, off, of one or of many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.fields import Body, InstantToCome, Reply, RobotId, RobotPath, Text
from glue.api.conventions.problems import ProblemError, Refused, documented
from glue.api.fleet.robot_shapes import Robot
from glue.api.fleet.robots import ERRORS, answered, held, in_no_window, read, record
from glue.core.references import hint
from glue.store import audit, fleet, references

router = access.router("robots", f"{access.PREFIX}/robots")

MOST = 2000
"""Robots of one call."""

RobotIds = Annotated[list[RobotId], Field(min_length=1, max_length=MOST)]


class Maintenance(Body):
    """Why, and until when."""

    reason: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    until: InstantToCome | None = Field(
        None, description="It ends by itself at this time. Null: when somebody ends it."
    )


class MaintenanceOfMany(Maintenance):
    """Robots that go into maintenance together."""

    robot_ids: RobotIds


class RobotIdList(Body):
    """Robots."""

    robot_ids: RobotIds


class Changed(Reply):
    """The robots for which something changed."""

    robot_ids: list[str]


@router.post("/maintenance", responses=documented(401, 403, 404, 409, 422, 503))
async def begin_maintenance_of_many(
    request: Request, user: access.Operator, body: MaintenanceOfMany
) -> Changed:
    """Put robots into maintenance, all or none. Those in it get the new reason and end."""
    until = _to_come(body.until)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        robot_ids = await hold_many(conn, body.robot_ids)
        await _begin(conn, robot_ids, body)
        details = _details(user.username, body.reason, until)
        for robot_id in robot_ids:
            message = f"{user.username} put robot {robot_id} into maintenance"
            await audit.record(conn, "api", message, robot_id=robot_id, details=details)
    return Changed(robot_ids=robot_ids)


@router.post("/maintenance/end", responses=documented(401, 403, 404, 409, 422, 503))
async def end_maintenance_of_many(
    request: Request, user: access.Operator, body: RobotIdList
) -> Changed:
    """Take robots out of maintenance, all or none; those not in it stay as they are."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        for robot_id in await hold_many(conn, body.robot_ids):
            await in_no_window(conn, robot_id)
        ended = await fleet.end_maintenance(conn, body.robot_ids)
        for robot_id in ended:
            await record(conn, user, "ended the maintenance of", robot_id)
    return Changed(robot_ids=ended)


@router.put("/{robot_id}/maintenance", responses=ERRORS)
async def begin_maintenance(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    body: Maintenance,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Put a robot into maintenance, or give the maintenance another reason and end. It is not
    watched meanwhile; its open alerts end with the reason `maintenance`."""
    until = _to_come(body.until)
    async with held(request, user, robot_id, if_match) as robot:
        await _begin(robot.conn, [robot_id], body)
        message = f"{user.username} put robot {robot_id} into maintenance"
        details = _details(user.username, body.reason, until)
        await audit.record(robot.conn, "api", message, robot_id=robot_id, details=details)
        return answered(response, await read(robot.conn, robot_id))


@router.delete("/{robot_id}/maintenance", responses=ERRORS)
async def end_maintenance(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Take a robot out of maintenance. It is offline until it says more."""
    async with held(request, user, robot_id, if_match) as robot:
        if not robot.held.in_maintenance:
            raise ProblemError(409, f"Robot {robot_id} is not in maintenance.")
        await in_no_window(robot.conn, robot_id)
        await fleet.end_maintenance(robot.conn, [robot_id])
        await record(robot.conn, user, "ended the maintenance of", robot_id)
        return answered(response, await read(robot.conn, robot_id))


async def hold_many(conn: Any, asked: Sequence[str]) -> list[str]:
    """The ids, each once, held until the transaction ends. Raises :class:`ProblemError` that names
    every id that is no robot (404) or removed (409)."""
    robot_ids = list(dict.fromkeys(asked))
    found = await fleet.hold(conn, robot_ids)
    if missing := [one for one in robot_ids if one not in found]:
        known = await references.known(conn, "robots")
        errors = [_error(asked, one, f"no such robot; {hint(one, known)}") for one in missing]
        raise ProblemError(
            404, f"Nothing was changed: {len(errors)} of these are no robots.", more=_more(errors)
        )
    gone = [one for one in robot_ids if found[one].removed]
    if errors := [_error(asked, one, "removed; restore it first") for one in gone]:
        raise ProblemError(
            409,
            f"Nothing was changed: {len(errors)} of these robots are removed.",
            "removed",
            more=_more(errors),
        )
    return robot_ids


def _error(asked: Sequence[str], robot_id: str, why: str) -> dict[str, str]:
    return {"where": f"body.robot_ids.{asked.index(robot_id)}", "why": f"{robot_id}: {why}"}


def _more(errors: list[dict[str, str]]) -> dict[str, Any]:
    return {"errors": errors[:100]}


def _to_come(until: datetime | None) -> datetime | None:
    if until is not None and until <= datetime.now(UTC):
        raise Refused("body.until", "has passed; give a time to come, or null")
    return until


async def _begin(conn: Any, robot_ids: list[str], body: Maintenance) -> None:
    try:
        await fleet.begin_maintenance(conn, robot_ids, body.reason, body.until)
    except fleet.RobotRefused as error:
        raise Refused("body", str(error)) from None


def _details(who: str, reason: str | None, until: datetime | None) -> dict[str, Any]:
    return {
        "username": who,
        "reason": reason,
        "until": until.isoformat().replace("+00:00", "Z") if until else None,
    }

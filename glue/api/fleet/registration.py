"""Robots that have sent and wait for an admin (`FLEET_REGISTRATION=pending`): accepted, refused."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from glue import store
from glue.api.conventions import access, etag, listing
from glue.api.conventions.fields import Body, RobotPath
from glue.api.conventions.problems import documented
from glue.api.fleet.maintenance import Changed, RobotIds, hold_many
from glue.api.fleet.robot_shapes import Registration, Robot, Robots
from glue.api.fleet.robots import ERRORS, answered, held, read, record
from glue.store import audit, fleet

router = access.router("robots", f"{access.PREFIX}/robots")

Decision = Literal["accepted", "refused"]


class Decided(Body):
    """What becomes of a robot that has sent. A refused one is not taken in; it can be accepted
    later."""

    registration: Decision


class DecidedOfMany(Decided):
    """The same for several robots."""

    robot_ids: RobotIds


@router.get("/registrations", responses=documented(401, 403, 422, 503))
async def list_registrations(
    request: Request,
    user: access.Viewer,
    asked: Annotated[listing.Asked, listing.of(fleet.ROBOTS)],
    registration: Annotated[list[Registration] | None, Query(max_length=3)] = None,
) -> Robots:
    """Robots that wait to be accepted; with `registration=refused` those that were refused."""
    filters = {"registration": registration or ["pending"], "removed": False}
    return Robots.model_validate(await listing.page(request, asked, filters))


@router.post("/registrations", responses=documented(401, 403, 404, 409, 422, 503))
async def decide_on_many(request: Request, user: access.Admin, body: DecidedOfMany) -> Changed:
    """Accept or refuse robots, all or none. Gives those for which that is new."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        robot_ids = await hold_many(conn, body.robot_ids)
        changed = await fleet.register(conn, robot_ids, body.registration)
        for robot_id in changed:
            await record(conn, user, body.registration, robot_id)
    return Changed(robot_ids=changed)


@router.put("/{robot_id}/registration", responses=ERRORS)
async def decide(
    request: Request,
    response: Response,
    user: access.Admin,
    robot_id: RobotPath,
    body: Decided,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Accept or refuse a robot, whatever was said of it before."""
    async with held(request, user, robot_id, if_match) as robot:
        if await fleet.register(robot.conn, [robot_id], body.registration):
            await record(robot.conn, user, body.registration, robot_id)
        return answered(response, await read(robot.conn, robot_id))

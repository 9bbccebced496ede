"""Groups of robots: a hall, a crew, a test series. A group is there as long as a robot is in it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.fields import Body, GroupPath, Reply, RobotId
from glue.api.conventions.problems import NotFound, Refused, documented
from glue.api.fleet.maintenance import MOST, hold_many
from glue.store import audit, fleet, references

router = access.router("robots", f"{access.PREFIX}/groups")

ERRORS = documented(401, 403, 404, 409, 412, 422, 503)


class Members(Body):
    """All robots of the group."""

    robot_ids: Annotated[list[RobotId], Field(min_length=1, max_length=MOST)]


class Group(Reply):
    """How many robots are in it, without removed ones."""

    name: str
    robots: int


class GroupWithRobots(Reply):
    """A group and who is in it."""

    name: str
    robot_ids: list[str]


@router.get("", responses=documented(401, 403, 503))
async def list_groups(request: Request, user: access.Viewer) -> list[Group]:
    """Groups by name. Routes of notifications, mutes and maintenance windows name them."""
    async with store.transaction(request.app.state.pool) as conn:
        return [Group.model_validate(row) for row in await fleet.groups(conn)]


@router.get("/{group}", responses=documented(401, 403, 404, 422, 503))
async def read_group(
    request: Request, response: Response, user: access.Viewer, group: GroupPath
) -> GroupWithRobots:
    """One group with its robots."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _read(conn, group))


@router.put("/{group}", responses=ERRORS)
async def set_group(
    request: Request,
    response: Response,
    user: access.Operator,
    group: GroupPath,
    body: Members,
    if_match: etag.IfMatch = None,
) -> GroupWithRobots:
    """Let exactly these robots be in the group, all or none; a new name makes a new group. What a
    robot belongs to is also a field of the robot, `groups`."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        # All at once and in one order, so that two who change groups do not wait for each other.
        await fleet.hold(conn, [*body.robot_ids, *await fleet.of_group(conn, group)])
        robot_ids = await hold_many(conn, body.robot_ids)
        before = await fleet.of_group(conn, group)
        etag.check(if_match, GroupWithRobots(name=group, robot_ids=before))
        gone = [one for one in before if one not in robot_ids]
        await fleet.take_out_of_group(conn, group, gone)
        try:
            new = await fleet.put_into_group(conn, group, robot_ids)
        except fleet.RobotRefused:
            raise Refused("body.robot_ids", "a robot is in 20 groups at most") from None
        await _record(conn, user.username, "changed", group, {"in": new, "out": gone})
        return etag.tagged(response, await _read(conn, group))


@router.delete("/{group}", status_code=204, responses=ERRORS)
async def delete_group(
    request: Request, user: access.Operator, group: GroupPath, if_match: etag.IfMatch = None
) -> None:
    """Take all robots out of it. 409 where a route, mute, window or report schedule names it."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        await references.lock_groups(conn)
        found = await _read(conn, group)
        etag.check(if_match, found)
        await fleet.hold(conn, found.robot_ids)
        await fleet.take_out_of_group(conn, group, found.robot_ids)
        await references.let_go(conn, [group])
        await _record(conn, user.username, "removed", group, {"out": found.robot_ids})


async def _read(conn: Any, name: str) -> GroupWithRobots:
    """Raises :class:`NotFound`."""
    robot_ids = await fleet.of_group(conn, name)
    if not robot_ids:
        raise NotFound(f"No robot is in a group {name}.")
    return GroupWithRobots(name=name, robot_ids=robot_ids)


async def _record(conn: Any, who: str, verb: str, name: str, more: dict[str, Any]) -> None:
    details = {"username": who, "group": name, **more}
    await audit.record(conn, "api", f"{who} {verb} the group {name}", details=details)

"""Robots: the list, and what people may say of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from glue import store
from glue.alerts import removal
from glue.api.conventions import access, etag, export, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import RobotPath
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.fleet.robot_shapes import NewRobot, Robot, RobotEdit, RobotFilter, Robots
from glue.store import audit, fleet, maintenance, references

router = access.router("robots", f"{access.PREFIX}/robots")

Wanted = Annotated[RobotFilter, Query()]
ERRORS = documented(401, 403, 404, 409, 412, 422, 503)


@router.get("", responses=documented(401, 403, 422, 503))
async def list_robots(
    request: Request,
    user: access.Viewer,
    wanted: Wanted,
    asked: Annotated[listing.Asked, listing.of(fleet.ROBOTS)],
) -> Robots:
    """Robots by id unless asked for another sort, without removed ones unless asked for them."""
    return Robots.model_validate(await listing.page(request, asked, wanted.filters()))


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_robots(
    request: Request, user: access.Viewer, wanted: Wanted, format: export.Format = "csv"
) -> StreamingResponse:
    """All robots that the filters let through, as a file."""
    return await export.stream(request, fleet.ROBOTS, wanted.filters(), Robot, format, "robots")


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_robot(
    request: Request, response: Response, user: access.Operator, body: NewRobot
) -> Robot:
    """Make a robot known. One that sends is registered by itself (`FLEET_REGISTRATION`)."""
    _may_register(user, body)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        if not await fleet.add(conn, body.robot_id, body.name or body.robot_id):
            raise _taken((await fleet.hold(conn, [body.robot_id])).get(body.robot_id), body)
        await _change(conn, body.robot_id, _columns(body))
        await record(conn, user, "made", body.robot_id, _columns(body))
        reply = await read(conn, body.robot_id)
    response.headers["Location"] = f"{request.url.path}/{body.robot_id}"
    return answered(response, reply)


@router.get("/{robot_id}", responses=documented(401, 403, 404, 422, 503))
async def read_robot(
    request: Request, response: Response, user: access.Viewer, robot_id: RobotPath
) -> Robot:
    """One robot, also a removed one. Its `ETag` stands for its record: signs of life (`last_seen`,
    `location`, `system_info`) do not change it."""
    async with store.transaction(request.app.state.pool) as conn:
        return answered(response, await read(conn, robot_id))


@router.patch("/{robot_id}", responses=ERRORS)
async def update_robot(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    body: RobotEdit,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Change what is given. Limits changed here are its thresholds, and the other way round.

    Only an admin changes `registration`.
    """
    _may_register(user, body)
    regroups = "groups" in body.model_fields_set
    async with held(request, user, robot_id, if_match, regroups=regroups) as robot:
        patch = _columns(body)
        if patch.get("status") == "offline":
            if robot.held.in_maintenance:
                await in_no_window(robot.conn, robot_id)
            else:
                del patch["status"]
        before = await read(robot.conn, robot_id)
        await _change(robot.conn, robot_id, patch)
        if regroups:
            await references.let_go(robot.conn, set(before.groups) - set(body.groups))
        await record(robot.conn, user, "changed", robot_id, patch)
        return answered(response, await read(robot.conn, robot_id))


@router.delete("/{robot_id}", responses=ERRORS)
async def remove_robot(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Do without a robot. It leaves lists, dashboards and rules within one evaluation; its alerts,
    jobs and logs stay, and it can be restored. If it goes on sending, that is not taken in and
    does not register it again; `still_sends` tells."""
    async with held(request, user, robot_id, if_match, closes_alerts=True) as robot:
        await fleet.remove(robot.conn, robot_id)
        closed = await removal.close(robot.conn, robot_id, user.username)
        await record(robot.conn, user, "removed", robot_id, more={"alerts_closed": closed})
        return answered(response, await read(robot.conn, robot_id))


@router.post("/{robot_id}/restore", responses=ERRORS)
async def restore_robot(
    request: Request,
    response: Response,
    user: access.Operator,
    robot_id: RobotPath,
    if_match: etag.IfMatch = None,
) -> Robot:
    """Take a removed robot back, active if it was, with its limits."""
    async with held(request, user, robot_id, if_match, removed=True) as robot:
        await fleet.restore(robot.conn, robot_id)
        await record(robot.conn, user, "restored", robot_id)
        return answered(response, await read(robot.conn, robot_id))


@dataclass(frozen=True)
class HeldRobot:
    """A robot, and the transaction that holds it."""

    conn: Any
    held: fleet.Held


@asynccontextmanager
async def held(
    request: Request,
    user: Caller,
    robot_id: str,
    if_match: str | None = None,
    *,
    removed: bool = False,
    closes_alerts: bool = False,
    regroups: bool = False,
) -> AsyncIterator[HeldRobot]:
    """A transaction of ``user`` that holds the robot, which is as the client last saw it. Raises
    404 where there is none, 409 where it is ``removed`` and should not be, or the other way round,
    412."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        if closes_alerts:
            await removal.lock(conn)
        if regroups:
            await references.lock_groups(conn)
        robot = (await fleet.hold(conn, [robot_id])).get(robot_id)
        if robot is None:
            raise NotFound(f"There is no robot {robot_id}.")
        if if_match:
            etag.check(if_match, record_of(await read(conn, robot_id)))
        if robot.removed and not removed:
            raise ProblemError(409, f"Robot {robot_id} is removed; restore it first.", "removed")
        if removed and not robot.removed:
            raise ProblemError(409, f"Robot {robot_id} is not removed.")
        yield HeldRobot(conn, robot)


async def read(conn: Any, robot_id: str) -> Robot:
    """The robot as `GET` answers it. Raises :class:`NotFound`."""
    row = await fleet.one(conn, robot_id)
    if row is None:
        raise NotFound(f"There is no robot {robot_id}.")
    return Robot.model_validate(row)


def record_of(robot: Robot) -> Robot:
    """Without the signs of life, which come every second."""
    alive = ("last_seen", "location", "system_info", "removed_heard_at")
    return robot.model_copy(update=dict.fromkeys(alive))


def answered(response: Response, robot: Robot) -> Robot:
    """``robot``, the tag of its record among the headers."""
    response.headers["ETag"] = etag.tag(record_of(robot))
    return robot


async def record(
    conn: Any,
    user: Caller,
    verb: str,
    robot_id: str,
    patch: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what to the robot."""
    what = "" if patch is None else f": {', '.join(sorted(patch)) or 'nothing'}"
    details = {"username": user.username, **(more or {})}
    if patch is not None:
        details["set"] = _short(patch)
    message = f"{user.username} {verb} robot {robot_id}{what}"
    await audit.record(conn, "api", message, robot_id=robot_id, details=details)


async def in_no_window(conn: Any, robot_id: str) -> None:
    """Raises :class:`ProblemError` 409 where a window keeps the robot in maintenance now."""
    for window in await maintenance.of_robot(conn, robot_id):
        raise ProblemError(
            409,
            f"Robot {robot_id} is in maintenance by the window {window.name} until"
            f" {window.ends_at:%Y-%m-%d %H:%M} UTC; change or remove that"
            f" (/maintenance-windows/{window.window_id}).",
            "in-window",
        )


def _taken(robot: fleet.Held | None, body: NewRobot) -> ProblemError:
    said = f"There is a robot {body.robot_id} already"
    if robot and robot.removed:
        return ProblemError(
            409, f"{said}, removed; POST /robots/{body.robot_id}/restore takes it back.", "removed"
        )
    return ProblemError(409, f"{said}.")


def _may_register(user: Caller, body: RobotEdit) -> None:
    if "registration" in body.model_fields_set and user.role != "admin":
        raise ProblemError(403, "Only an admin accepts or refuses a robot.")


def _columns(body: RobotEdit) -> dict[str, Any]:
    """The columns that ``body`` sets. Out of maintenance a robot is offline until it says more."""
    given = body.model_dump(exclude_unset=True, exclude={"robot_id"})
    if (maintenance := given.pop("maintenance", None)) is not None:
        given["status"] = "maintenance" if maintenance else "offline"
    return given


async def _change(conn: Any, robot_id: str, patch: Mapping[str, Any]) -> None:
    if not patch:
        return
    try:
        await fleet.change(conn, robot_id, patch)
    except fleet.RobotRefused as error:
        raise Refused("body", str(error)) from None


def _short(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is long: the robot's row has it."""
    return {key: value for key, value in patch.items() if key not in ("settings", "description")}

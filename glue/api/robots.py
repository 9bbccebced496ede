"""Robots: the list, and what people may say of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from pydantic import AfterValidator, Field, computed_field

from glue import store
from glue.api import access
from glue.api.fields import (
    Body,
    Cursor,
    Finite,
    JsonObject,
    PageLimit,
    Reply,
    RobotId,
    RobotPath,
    SearchText,
    Text,
    Utc,
)
from glue.api.problems import NotFound, ProblemError, Refused, documented
from glue.core import page
from glue.store import audit, fleet
from glue.store.users import User

router = access.router("robots", f"{access.PREFIX}/robots")

Status = Literal["online", "offline", "error", "maintenance"]
Registration = Literal["accepted", "pending", "refused"]


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https", "rtsp") and bool(parts.hostname)
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("not an address like http://192.168.1.20:8080/stream (http, https, rtsp)")
    return url


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no time zone; use a name like Europe/Berlin") from None
    return name


class Location(Body):
    """Where it stands, in metres of its map; heading in degrees."""

    x: Finite | None = None
    y: Finite | None = None
    z: Finite | None = None
    heading: Finite | None = None


class RobotEdit(Body):
    """What is left out stays as it is; null empties it (a limit: back to the fleet's)."""

    name: Annotated[Text, Field(max_length=100)] | None = None
    description: Annotated[Text, Field(max_length=10_000)] | None = None
    location: Location | None = None
    camera_url: Annotated[Text, Field(max_length=255), AfterValidator(_web_address)] | None = None
    settings: JsonObject | None = None
    time_zone: Annotated[Text, Field(min_length=1, max_length=64), AfterValidator(_zone)] | None = (
        Field(None, description="Zone of its clock, where that is not the fleet's.")
    )
    battery_threshold_low: Finite | None = Field(None, description="%")
    battery_threshold_critical: Finite | None = Field(None, description="%")
    temp_threshold_warning: Finite | None = Field(None, description="°C, of its processor")
    temp_threshold_critical: Finite | None = Field(None, description="°C, of its processor")
    is_active: bool = Field(True, description="An inactive robot is not watched.")
    maintenance: bool = Field(False, description="In maintenance it is not watched either.")
    registration: Registration = "accepted"


class NewRobot(RobotEdit):
    """A robot that shall be known before it sends."""

    robot_id: RobotId


class Robot(Reply):
    """A robot. `last_seen` is null until it was heard for the first time."""

    robot_id: str
    name: str | None
    description: str | None
    location: dict[str, Any] | None
    status: Status
    ip_address: str | None
    camera_url: str | None
    battery_threshold_low: float
    battery_threshold_critical: float
    temp_threshold_warning: float
    temp_threshold_critical: float
    settings: dict[str, Any] | None
    last_seen: Utc | None
    created_at: Utc
    updated_at: Utc
    is_active: bool
    registration: Registration
    time_zone: str | None
    system_info: dict[str, Any] | None
    emergency_stopped: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def maintenance(self) -> bool:
        return self.status == "maintenance"


class Robots(Reply):
    """A page, by id. `next` is null on the last one."""

    items: list[Robot]
    next: str | None


@router.get("", responses=documented(401, 403, 422, 503))
async def list_robots(
    request: Request,
    user: access.Viewer,
    status: Status | None = None,
    active: bool | None = None,
    registration: Registration | None = None,
    text: SearchText = None,
    rows: PageLimit = page.LIMIT,
    cursor: Cursor = None,
) -> Robots:
    """Robots by id. `text` is looked for in id, name and description."""
    wanted = fleet.Filter(status, active, registration, text)
    after = _after(cursor)
    async with store.transaction(request.app.state.pool) as conn:
        found = await fleet.page(conn, wanted, after, rows + 1)
    more = page.name_cursor(found[rows - 1]["robot_id"]) if len(found) > rows else None
    return Robots(items=[Robot.model_validate(row) for row in found[:rows]], next=more)


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_robot(
    request: Request, response: Response, user: access.Operator, body: NewRobot
) -> Robot:
    """Make a robot known. One that sends is registered by itself (`FLEET_REGISTRATION`)."""
    _may_register(user, body)
    async with store.transaction(request.app.state.pool) as conn:
        if not await fleet.add(conn, body.robot_id, body.name or body.robot_id):
            raise ProblemError(409, f"There is a robot {body.robot_id} already.")
        row = await _change(conn, user, body.robot_id, _columns(body), "made")
    response.headers["Location"] = f"{request.url.path}/{body.robot_id}"
    return Robot.model_validate(row)


@router.get("/{robot_id}", responses=documented(401, 403, 404, 422, 503))
async def read_robot(request: Request, user: access.Viewer, robot_id: RobotPath) -> Robot:
    """One robot."""
    async with store.transaction(request.app.state.pool) as conn:
        return Robot.model_validate(_found(await fleet.one(conn, robot_id), robot_id))


@router.patch("/{robot_id}", responses=documented(401, 403, 404, 422, 503))
async def update_robot(
    request: Request, user: access.Operator, robot_id: RobotPath, body: RobotEdit
) -> Robot:
    """Change what is given. Limits changed here are its thresholds, and the other way round.

    Only an admin changes `registration`.
    """
    _may_register(user, body)
    async with store.transaction(request.app.state.pool) as conn:
        kept = _found(await fleet.hold(conn, robot_id), robot_id)
        patch = _columns(body)
        if patch.get("status") == "offline" and kept["status"] != "maintenance":
            del patch["status"]
        row = await _change(conn, user, robot_id, patch, "changed")
    return Robot.model_validate(row)


def _after(cursor: str | None) -> str | None:
    try:
        return page.read_name(cursor) if cursor else None
    except page.BadCursor:
        raise Refused("query.cursor", "not a cursor of this list; start without one") from None


def _found(row: fleet.Row | None, robot_id: str) -> fleet.Row:
    if row is None:
        raise NotFound(f"There is no robot {robot_id}.")
    return row


def _may_register(user: User, body: RobotEdit) -> None:
    if "registration" in body.model_fields_set and user.role != "admin":
        raise ProblemError(403, "Only an admin accepts or refuses a robot.")


def _columns(body: RobotEdit) -> dict[str, Any]:
    """The columns that ``body`` sets. Out of maintenance a robot is offline until it says more."""
    given = body.model_dump(exclude_unset=True, exclude={"robot_id"})
    if (maintenance := given.pop("maintenance", None)) is not None:
        given["status"] = "maintenance" if maintenance else "offline"
    return given


async def _change(
    conn: Any, user: User, robot_id: str, patch: Mapping[str, Any], verb: str
) -> fleet.Row:
    if patch:
        try:
            await fleet.change(conn, robot_id, patch)
        except fleet.RobotRefused as error:
            raise Refused("body", str(error)) from None
    await audit.record(
        conn,
        "api",
        f"{user.username} {verb} robot {robot_id}: {', '.join(sorted(patch)) or 'nothing'}",
        robot_id=robot_id,
        details={"username": user.username, "set": _short(patch)},
    )
    return _found(await fleet.one(conn, robot_id), robot_id)


def _short(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is long: the robot's row has it."""
    return {key: value for key, value in patch.items() if key not in ("settings", "description")}

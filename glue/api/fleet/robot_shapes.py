"""What the routes of robots take and give."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, computed_field, model_validator

from glue.api.conventions.fields import (
    Body,
    Finite,
    GroupName,
    Instant,
    JsonObject,
    Name,
    Reply,
    RobotId,
    Text,
    Utc,
    as_named,
    former,
)

Status = Literal["online", "offline", "error", "maintenance"]
Registration = Literal["accepted", "pending", "refused"]

PATHS = ("export", "registrations")
"""Words that stand in the place of an id in paths: no new robot is called so."""

ZONE_NOTE = (
    "Events of this robot are read in its time_zone. Its metrics are not: Telegraf reads those of"
    " all robots in FLEET_ROBOT_TZ."
)

STILL = timedelta(seconds=10)
"""What a removed robot sends in this time was on its way."""


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


def _once(names: list[str]) -> list[str]:
    return sorted(set(names))


Groups = Annotated[list[GroupName], Field(max_length=20), AfterValidator(_once)]


def _no_path(robot_id: str) -> str:
    if robot_id in PATHS:
        raise ValueError(f"a word of the API's own paths ({', '.join(PATHS)}); choose another")
    return robot_id


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
        Field(
            None,
            description="Zone of its clock, where that is not the fleet's; for its events. Metrics"
            " of all robots are read in `FLEET_ROBOT_TZ`.",
        )
    )
    groups: Groups = Field(
        [], description="By which routes, mutes and maintenance windows name it with others."
    )
    battery_threshold_low: Finite | None = Field(None, description="%")
    battery_threshold_critical: Finite | None = Field(None, description="%")
    temp_threshold_warning: Finite | None = Field(None, description="°C, of its processor")
    temp_threshold_critical: Finite | None = Field(None, description="°C, of its processor")
    is_active: bool = Field(True, description="An inactive robot is not watched.")
    maintenance: bool = Field(
        False,
        description="In maintenance it is not watched either. `PUT /robots/{robot_id}/maintenance`"
        " also takes a reason and an end.",
    )
    registration: Registration = "accepted"


class NewRobot(RobotEdit):
    """A robot that shall be known before it sends."""

    robot_id: Annotated[RobotId, AfterValidator(_no_path)]


class RobotFilter(BaseModel):
    """Which robots; what is left out lets everything through. Several values: any of them."""

    status: list[Status] | None = Field(None, max_length=4)
    is_active: bool | None = None
    active: bool | None = former("is_active")
    registration: list[Registration] | None = Field(None, max_length=3)
    group: list[GroupName] | None = Field(None, max_length=20)
    removed: Literal["without", "only", "with"] = Field("without", description="Removed robots.")
    still_sends: bool | None = Field(
        None, description="True, with `removed=only`: removed robots that go on sending."
    )
    never_seen: bool | None = None
    emergency_stopped: bool | None = None
    seen_since: Instant | None = Field(None, description="Last seen at or after.")
    seen_before: Instant | None = Field(None, description="Last seen before.")
    text: Name | None = Field(None, description="In id, name or description, whatever its case.")

    @model_validator(mode="after")
    def _named(self) -> RobotFilter:
        as_named(self, is_active="active")
        return self

    def filters(self) -> dict[str, Any]:
        """As the store takes them."""
        removed = {"without": False, "only": True, "with": None}[self.removed]
        return self.model_dump() | {"removed": removed}


class Robot(Reply):
    """A robot. `last_seen` is null until it was heard for the first time."""

    robot_id: str
    name: str | None
    description: str | None
    location: dict[str, Any] | None
    status: Status
    reported_status: str | None = Field(
        description="The word of its newest status as it was sent; one that is not known is online."
    )
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
    groups: list[str]
    time_zone: str | None
    system_info: dict[str, Any] | None
    emergency_stopped: bool
    maintenance_since: Utc | None
    maintenance_until: Utc | None = Field(description="Null: until somebody ends it.")
    maintenance_reason: str | None
    maintenance_by: str | None
    maintenance_window: int | None = Field(description="The window that put it there; else null.")
    removed_at: Utc | None = Field(description="Since when the fleet does without it.")
    removed_by: str | None
    removed_heard_at: Utc | None = Field(description="When it last sent although removed.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def maintenance(self) -> bool:
        return self.status == "maintenance"

    @computed_field(description="It is removed and goes on sending.")  # type: ignore[prop-decorator]
    @property
    def still_sends(self) -> bool:
        if self.removed_at is None or self.removed_heard_at is None:
            return False
        return self.removed_heard_at > self.removed_at + STILL

    @computed_field(description="What its own time zone does not do.")  # type: ignore[prop-decorator]
    @property
    def time_zone_note(self) -> str | None:
        return ZONE_NOTE if self.time_zone else None


class Robots(Reply):
    """A page. `next` is null on the last one."""

    items: list[Robot]
    next: str | None

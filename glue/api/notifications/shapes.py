"""What the routes of notifications take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from glue.api.conventions.fields import (
    LARGEST_ID,
    Body,
    GroupName,
    Instant,
    Name,
    Remarked,
    Reply,
    RobotId,
    Seconds,
    Text,
    Utc,
)
from glue.api.episodes.shapes import AlertType, Severity
from glue.core import names

Occasion = Literal["opened", "raised", "resolved", "escalated", "repeated"]
State = Literal["queued", "leased", "delivered", "given up", "suppressed"]
RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]
TargetId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


def _label(name: str) -> str:
    if why := names.objection(name):
        raise ValueError(why)
    return name


Label = Annotated[
    Text,
    Field(min_length=1, max_length=names.MAX_LENGTH, pattern=r"^\S(.*\S)?$"),
    AfterValidator(_label),
]
Template = Annotated[Text, Field(min_length=1, max_length=4000)]
TargetIds = Annotated[list[TargetId], Field(max_length=50)]
UpToAWeek = Annotated[Seconds, Field(gt=0, le=7 * 86400)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no time zone; use a name like Europe/Berlin") from None
    return name


Zone = Annotated[Text, Field(max_length=60, examples=["Europe/Berlin"]), AfterValidator(_zone)]
Clock = Annotated[
    str,
    Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["22:00"]),
]


class Hours(Body):
    """From `start` until `end`, which may be on the next day; the same twice is the whole day.
    `weekdays` (1 is Monday) are those on which it starts; empty: all."""

    start: Clock
    end: Clock
    zone: Zone
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(max_length=7)] = Field([])


class HoursShown(Reply):
    """The same, as it is kept."""

    start: str
    end: str
    zone: str
    weekdays: list[int]


class _Templates(Body):
    title_template: Template | None = Field(
        None, description="Jinja2; null: the shipped one.", examples=["{{ heading }}"]
    )
    body_template: Template | None = Field(
        None, description="Jinja2: `items`, `first`, `count`, `more`, `severity`, `occasion`."
    )


Url = Annotated[
    SecretStr,
    Field(
        min_length=5,
        max_length=2000,
        description="As Apprise takes it; it is kept sealed and never shown.",
        examples=["mailto://user:password@smtp.example.org?to=ops@example.org"],
    ),
]


class NewTarget(_Templates):
    """Where messages go."""

    name: Label
    url: Url
    enabled: bool = True


class TargetChange(_Templates):
    """What is left out stays; null takes a template away."""

    name: Label | None = None
    url: Url | None = None
    enabled: bool | None = None


class Target(Reply):
    """`address` is what may be shown of it; the error is of the last try that failed."""

    id: int
    name: str
    scheme: str
    address: str = Field(validation_alias="masked")
    title_template: str | None
    body_template: str | None
    enabled: bool
    created_by: str
    created_at: Utc
    last_delivered_at: Utc | None
    failing_since: Utc | None
    last_error: str | None


class Tried(Reply):
    """`error` says why it was not delivered."""

    delivered: bool
    error: str | None
    took_s: float


class NewRoute(Body):
    """Conditions (an empty one lets everything through), targets, timing. Routes are tried by
    `position`; the first that fits decides, and the next ones too where it says `go_on`."""

    name: Label
    position: Annotated[int, Field(ge=0, le=LARGEST_ID)] = 100
    enabled: bool = True
    severities: Annotated[list[Severity], Field(max_length=3)] = Field([])
    types: Annotated[list[AlertType], Field(max_length=6)] = Field([])
    metrics: Annotated[list[Name], Field(max_length=50)] = Field([])
    robots: Annotated[
        list[Annotated[Text, Field(min_length=1, max_length=50)]],
        Field(max_length=100, description="Ids, or patterns like `lab-*`."),
    ] = Field([])
    groups: Annotated[
        list[GroupName], Field(max_length=20, description="Robots of any of these groups.")
    ] = Field([])
    hours: Hours | None = Field(None, description="It counts only then.")
    quiet_hours: Hours | None = Field(
        None, description="What is not critical is held back until they end."
    )
    targets: Annotated[TargetIds, Field(min_length=1)]
    escalate_after: UpToAWeek | None = Field(
        None, description="Seconds after which, not acknowledged, `escalate_to` is told."
    )
    escalate_to: TargetIds = Field([])
    repeat_every: Annotated[Seconds, Field(ge=30, le=7 * 86400)] | None = Field(
        None, description="Seconds after which what is critical is told again, until acknowledged."
    )
    send_resolved: bool = True
    group_wait: Annotated[Seconds, Field(ge=0, le=600)] = Field(
        1.0, description="Seconds in which alerts of one cause become one message."
    )
    group_interval: Annotated[Seconds, Field(ge=0, le=86400)] = Field(
        60.0, description="Seconds between two messages of an outage that many robots share."
    )
    go_on: bool = False

    @model_validator(mode="after")
    def _escalation(self) -> NewRoute:
        if (self.escalate_after is None) != (not self.escalate_to):
            raise ValueError("escalate_after and escalate_to belong together")
        return self

    def names(self) -> dict[str, Any]:
        """What has to be there, by field."""
        return self.model_dump(include={"robots", "groups", "metrics", "targets", "escalate_to"})


class Route(Remarked):
    """A route as it is kept."""

    id: int
    name: str
    position: int
    enabled: bool
    severities: list[str]
    types: list[str]
    metrics: list[str]
    robots: list[str]
    groups: list[str]
    hours: HoursShown | None
    quiet_hours: HoursShown | None
    targets: list[int]
    escalate_after: float | None
    escalate_to: list[int]
    repeat_every: float | None
    send_resolved: bool
    group_wait: float
    group_interval: float
    go_on: bool


class OutboxFilter(BaseModel):
    """Which rows; what is left out lets everything through. Several values: any of them."""

    state: list[State] | None = Field(None, max_length=5)
    occasion: list[Occasion] | None = Field(None, max_length=5)
    target_id: list[TargetId] | None = Field(None, max_length=50)
    alert_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    robot_id: list[RobotId] | None = Field(None, max_length=100)
    since: Instant | None = Field(None, description="Made at or after.")
    until: Instant | None = Field(None, description="Made before.")


class MessageText(Reply):
    """What was sent, or is about to be."""

    title: str
    body: str


class OutboxRow(Reply):
    """One transition of one alert for one target. Rows with the same `batch` are one message."""

    id: int
    alert_id: int
    alert_title: str
    robot_id: str | None
    metric: str | None
    occasion: Occasion
    round: int
    target_id: int | None
    target_name: str
    route_id: int | None
    route_name: str
    state: State
    reason: str | None
    held: bool
    attempts: int
    due_at: Utc
    next_try_at: Utc
    last_error: str | None
    created_at: Utc
    finished_at: Utc | None
    batch: int | None
    message: MessageText | None


class OutboxPage(Reply):
    """A page; `next` is the cursor of the next one, null on the last."""

    items: list[OutboxRow]
    next: str | None


class Rows(Body):
    """Rows of the outbox."""

    ids: Annotated[list[RowId], Field(min_length=1, max_length=1000)]


class ChangedRows(Reply):
    """The rows for which something changed; with each all rows of its message."""

    ids: list[int]

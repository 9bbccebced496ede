"""Maintenance windows: planned, for robots, groups or the fleet, once or again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import (
    AfterValidator,
    Field,
    NaiveDatetime,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.fields import LARGEST_ID, Body, GroupName, Remarked, Reply, Text, Utc
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.notifications.shapes import Label, Zone
from glue.core.maintenance_windows import Occurrence, Schedule, mistake, next_ones
from glue.events import maintenance_windows as acts
from glue.store import maintenance, references

router = access.router("robots", f"{access.PREFIX}/maintenance-windows")

ERRORS = documented(401, 403, 404, 409, 412, 422, 503)
WindowPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Count = Annotated[int, Query(ge=1, le=100, description="How many occurrences.")]
RobotPattern = Annotated[
    Text, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9_.:*?-]+$", examples=["lab-*"])
]


def _of_our_time(at: datetime) -> datetime:
    if not 1970 <= at.year <= 2999:
        raise ValueError("not between the years 1970 and 2999")
    return at.replace(second=0, microsecond=0)


Local = Annotated[
    NaiveDatetime,
    Field(strict=False),
    AfterValidator(_of_our_time),
    PlainSerializer(lambda at: at.isoformat(timespec="minutes"), return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$",
            "examples": ["2027-01-31T22:00"],
        }
    ),
]
"""What a clock on the wall shows, to the minute."""


class When(Body):
    """`start` and `end` of the first time, as a clock in `zone` shows them. With `weekdays` (1 is
    Monday) it repeats on those that follow, every so many weeks, until `last_day`."""

    zone: Zone
    start: Local
    end: Local
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(max_length=7)] = Field(
        [], description="On which it starts; empty: it happens once."
    )
    every_weeks: Annotated[int, Field(ge=1, le=52)] = 1
    last_day: Annotated[date, Field(strict=False)] | None = Field(
        None, description="On which it starts at last; null: it goes on for ever."
    )

    @model_validator(mode="after")
    def _possible(self) -> When:
        if why := mistake(self.schedule(), datetime.now(UTC)):
            raise ValueError(why)
        return self

    def schedule(self) -> Schedule:
        return Schedule(
            self.zone,
            self.start,
            self.end,
            frozenset(self.weekdays),
            self.every_weeks,
            self.last_day,
        )


class NewWindow(When):
    """A window, and for whom: `fleet`, or robots (ids, or patterns like `lab-*`) and groups. Robots
    that come later are meant too."""

    name: Label
    reason: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    fleet: bool = False
    robots: Annotated[list[RobotPattern], Field(max_length=2000)] = Field([])
    groups: Annotated[list[GroupName], Field(max_length=100)] = Field([])
    enabled: bool = True

    @model_validator(mode="after")
    def _whom(self) -> NewWindow:
        if self.fleet == bool(self.robots or self.groups):
            raise ValueError("either fleet, or some robots or groups")
        return self

    def columns(self) -> dict[str, Any]:
        """As the store takes them."""
        given = self.model_dump(exclude={"start", "end"})
        return {**given, "starts": self.start, "ends": self.end}


class Time(Reply):
    """One occurrence."""

    starts_at: Utc
    ends_at: Utc


class Window(Remarked):
    """A window as it is kept. `running`: it takes place now."""

    id: int
    name: str
    reason: str | None
    fleet: bool
    robots: list[str]
    groups: list[str]
    zone: str
    start: Local
    end: Local
    weekdays: list[int]
    every_weeks: int
    last_day: date | None
    enabled: bool
    running: bool
    created_by: str
    created_at: Utc


class Preview(Reply):
    """When a window takes place next; the one that goes on is among them."""

    occurrences: list[Time]


@router.get("", responses=documented(401, 403, 503))
async def list_windows(request: Request, user: access.Viewer) -> list[Window]:
    """All windows, by name."""
    async with store.transaction(request.app.state.pool) as conn:
        return [_window(row) for row in await maintenance.windows(conn)]


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_window(
    request: Request, response: Response, user: access.Operator, body: NewWindow
) -> Window:
    """Plan a window. One that should be going on begins at once. While it lasts its robots are not
    watched; their open alerts end with the reason `maintenance`."""
    async with store.transaction(request.app.state.pool) as conn:
        remarks = await references.check(conn, robots=body.robots, groups=body.groups)
        try:
            made = await acts.add(conn, body.columns(), user.username)
        except acts.NameTaken:
            raise _taken(body.name) from None
        reply = await _read(conn, made, remarks)
    response.headers["Location"] = f"{request.url.path}/{made}"
    return etag.tagged(response, reply)


@router.post("/preview", responses=documented(401, 403, 422, 503))
async def preview(request: Request, user: access.Viewer, body: When, count: Count = 10) -> Preview:
    """When such a window would take place next. Nothing is kept."""
    return _preview(body.schedule(), count)


@router.get("/{window_id}", responses=documented(401, 403, 404, 422, 503))
async def read_window(
    request: Request, response: Response, user: access.Viewer, window_id: WindowPath
) -> Window:
    """One window."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _read(conn, window_id))


@router.get("/{window_id}/occurrences", responses=documented(401, 403, 404, 422, 503))
async def read_occurrences(
    request: Request, user: access.Viewer, window_id: WindowPath, count: Count = 10
) -> Preview:
    """When it takes place next."""
    async with store.transaction(request.app.state.pool) as conn:
        return _preview(maintenance.schedule(await _row(conn, window_id)), count)


@router.put("/{window_id}", responses=ERRORS)
async def replace_window(
    request: Request,
    response: Response,
    user: access.Operator,
    window_id: WindowPath,
    body: NewWindow,
    if_match: etag.IfMatch = None,
) -> Window:
    """Replace a window as a whole: what is left out gets its default. It counts at once, also where
    the window goes on."""
    async with store.transaction(request.app.state.pool) as conn:
        remarks = await references.check(conn, robots=body.robots, groups=body.groups)
        await maintenance.lock(conn)
        etag.check(if_match, await _read(conn, window_id))
        try:
            await acts.change(conn, window_id, body.columns(), user.username)
        except acts.NameTaken:
            raise _taken(body.name) from None
        return etag.tagged(response, await _read(conn, window_id, remarks))


@router.delete("/{window_id}", status_code=204, responses=ERRORS)
async def delete_window(
    request: Request,
    user: access.Operator,
    window_id: WindowPath,
    if_match: etag.IfMatch = None,
) -> None:
    """Remove a window. If it goes on, its robots are watched again."""
    async with store.transaction(request.app.state.pool) as conn:
        await maintenance.lock(conn)
        row = await _row(conn, window_id)
        etag.check(if_match, _window(row))
        await acts.remove(conn, row, user.username)


def _preview(schedule: Schedule, count: int) -> Preview:
    found: list[Occurrence] = next_ones(schedule, datetime.now(UTC), count)
    return Preview(occurrences=[Time.model_validate(one) for one in found])


async def _read(conn: Any, window_id: int, remarks: Sequence[str] = ()) -> Window:
    return _window({**await _row(conn, window_id), "remarks": list(remarks)})


async def _row(conn: Any, window_id: int) -> dict[str, Any]:
    """Raises :class:`NotFound`."""
    row = await maintenance.one(conn, window_id)
    if row is None:
        raise NotFound(f"There is no maintenance window {window_id}.")
    return row


def _window(row: Mapping[str, Any]) -> Window:
    return Window.model_validate({**row, "start": row["starts"], "end": row["ends"]})


def _taken(name: str) -> ProblemError:
    return ProblemError(409, f"There is a maintenance window {name} already.", "taken")

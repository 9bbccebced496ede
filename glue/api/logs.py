"""Logs: what robots said, what people and the glue did. Entries of sign-ins are for admins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from glue import store
from glue.api.conventions import access, etag, export, listing
from glue.api.conventions.fields import LARGEST_ID, Instant, Name, Reply, RobotId, Utc
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.store import log_reads

router = access.router("logs", f"{access.PREFIX}/logs")

Level = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]
LEVELS: tuple[Level, ...] = ("INFO", "WARNING", "ERROR", "CRITICAL")
Category = Literal["mqtt", "api", "database", "system", "auth", "command"]

RANGE = timedelta(days=1)
LONGEST_RANGE = timedelta(days=92)
"""Of statistics: unless asked, and at most, since an hour is a row."""

MOST_ROBOTS = 100

LogPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class LogFilter(BaseModel):
    """Which entries; what is left out lets everything through. Several values: any of them."""

    level: list[Level] | None = Field(None, max_length=4)
    at_least: Level | None = Field(None, description="This level and those above it.")
    category: list[Category] | None = Field(None, max_length=6)
    robot_id: list[RobotId] | None = Field(None, max_length=100)
    actor: list[Name] | None = Field(
        None, max_length=20, description="Who did it: the user name, or `token:<name>`."
    )
    since: Instant | None = Field(None, description="Written at or after.")
    until: Instant | None = Field(None, description="Written before.")
    text: Name | None = Field(None, description="In the message, whatever its case.")

    @model_validator(mode="after")
    def _range(self) -> LogFilter:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


class LogEntry(Reply):
    """An entry; `robot_id` is null where it is about no robot."""

    id: int
    timestamp: Utc
    level: Level
    category: Category
    robot_id: str | None
    message: str
    details: Any


class LogEntries(Reply):
    """A page. `next` is null on the last one."""

    items: list[LogEntry]
    next: str | None


class LogCount(Reply):
    """How many entries of one name."""

    name: str | None
    entries: int


class LogHour(Reply):
    """How many entries from `hour` on; `errors` are those of level ERROR and CRITICAL."""

    hour: Utc
    entries: int
    warnings: int
    errors: int


class LogStatistics(Reply):
    """Counts of a range, the most first; hours in their order, those without entries left out."""

    since: Utc
    until: Utc
    entries: int
    by_level: list[LogCount]
    by_category: list[LogCount]
    by_robot: list[LogCount] = Field(description="The first hundred robots.")
    by_hour: list[LogHour]


Wanted = Annotated[LogFilter, Query()]


@router.get("", responses=documented(401, 403, 422, 503))
async def list_logs(
    request: Request,
    user: access.Viewer,
    wanted: Wanted,
    asked: Annotated[listing.Asked, listing.of(log_reads.LOGS)],
) -> LogEntries:
    """Entries, newest first unless asked for another sort. Those of category `auth` are for
    admins; others do not see them."""
    return LogEntries.model_validate(
        await listing.page(request, asked, _seen_by(user.role, wanted))
    )


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_logs(
    request: Request, user: access.Viewer, wanted: Wanted, format: export.Format = "csv"
) -> StreamingResponse:
    """All entries that the filters let through, as a file, oldest first."""
    filters = _seen_by(user.role, wanted)
    return await export.stream(request, log_reads.LOGS, filters, LogEntry, format, "logs")


@router.get("/statistics", responses=documented(401, 403, 422, 503))
async def log_statistics(request: Request, user: access.Viewer, wanted: Wanted) -> LogStatistics:
    """How many, of what, hour by hour: of those that the filters let through, of the last day
    unless asked, of 92 days at most."""
    until = wanted.until or datetime.now(UTC)
    since = wanted.since or until - RANGE
    if until - since > LONGEST_RANGE:
        raise Refused("query.since", f"more than {LONGEST_RANGE.days} days before until")
    filters = _seen_by(user.role, wanted) | {"since": since, "until": until}
    async with store.transaction(request.app.state.pool) as conn:
        counts = await log_reads.counts(conn, filters)
        hours = await log_reads.hours(conn, filters)
    by: dict[str, list[LogCount]] = {}
    for row in counts:
        by.setdefault(row["by"], []).append(LogCount.model_validate(row))
    return LogStatistics(
        since=since,
        until=until,
        entries=by["all"][0].entries,
        by_level=by.get("level", []),
        by_category=by.get("category", []),
        by_robot=by.get("robot_id", [])[:MOST_ROBOTS],
        by_hour=[LogHour.model_validate(row) for row in hours],
    )


@router.get("/{log_id}", responses=documented(401, 403, 404, 422, 503))
async def read_log(
    request: Request, response: Response, user: access.Viewer, log_id: LogPath
) -> LogEntry:
    """One entry."""
    async with store.transaction(request.app.state.pool) as conn:
        row = await log_reads.one(conn, log_id)
    hidden = user.role != "admin" and row and row["kept_category"].lower().startswith("auth")
    if row is None or hidden:
        raise NotFound(f"There is no log entry {log_id}.")
    return etag.tagged(response, LogEntry.model_validate(row))


def _seen_by(role: str, wanted: LogFilter) -> dict[str, Any]:
    """The filters, and what this role may not see."""
    filters = wanted.model_dump()
    if wanted.at_least:
        filters["at_least"] = list(LEVELS[LEVELS.index(wanted.at_least) :])
    if role == "admin":
        return filters
    if wanted.category and "auth" in wanted.category:
        raise ProblemError(403, "Entries of category auth are for admins.")
    return filters | {"without_auth": True}

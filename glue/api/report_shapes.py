"""What the routes of reports take and give, beside the reports themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Path
from pydantic import BaseModel, Field, ValidationError, model_validator

from glue.api.conventions.fields import LARGEST_ID, Body, Instant, Name, Reply, RobotId, Text, Utc
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.notifications.shapes import Clock, Label, TargetIds
from glue.core.report import periods, schedule
from glue.core.report.content import Kind
from glue.core.report.periods import Covers
from glue.core.report.request import GROUP, Paper, Request, SectionName

Format = Literal["pdf", "html", "json", "csv"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
JobPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
SchedulePath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Zone = Annotated[Text, Field(max_length=60, examples=["Europe/Berlin"])]


class About(Body):
    """What a report is about. No robots and no group: the fleet."""

    type: Kind
    robots: list[RobotId] = Field([], max_length=GROUP)
    group: Annotated[Text, Field(max_length=100)] = Field(
        "", description="Instead of robots; who is in it is looked up when it is made."
    )
    title: Annotated[Text, Field(max_length=200)] = Field("", description="Made up unless given.")
    sections: list[SectionName] = Field(
        [], max_length=8, description="Of a custom report, in their order."
    )
    paper: Paper = "a4"

    def plain(self) -> dict[str, Any]:
        """As a schedule keeps it."""
        return {
            "kind": self.type,
            "robots": list(dict.fromkeys(self.robots)),
            "group": self.group,
            "title": self.title,
            "sections": self.sections,
            "paper": self.paper,
        }


class NewReport(About):
    """`since` and `until` (now without it), or `covers`: the last whole day, seven days or
    month."""

    since: Instant | None = None
    until: Instant | None = None
    covers: Covers | None = None
    zone: Zone | None = Field(None, description="Of days and times; FLEET_TZ unless given.")

    @model_validator(mode="after")
    def _when(self) -> NewReport:
        if (self.covers is None) == (self.since is None):
            raise ValueError("give since and until, or covers")
        return self

    def request(self, zone: str) -> Request:
        """Raises :class:`ProblemError` 422."""
        chosen = self.zone or zone
        since, until = self.since, self.until or datetime.now(UTC)
        if self.covers is not None:
            found = periods.last(self.covers, datetime.now(UTC), known(chosen))
            since, until = found.since, found.until
        return asked({**self.plain(), "since": since, "until": until, "zone": chosen})


class ReportJob(Reply):
    """`progress` from 0 to 1, `step` what is being done; `report_id` when it is done."""

    id: int
    state: State
    progress: float
    step: str
    error: str | None
    attempts: int
    report_id: int | None
    request: dict[str, Any]
    schedule: str | None
    created_by: str
    created_at: Utc
    started_at: Utc | None
    finished_at: Utc | None
    cancelled_by: str | None


class ReportJobs(Reply):
    """A page. `next` is null on the last one."""

    items: list[ReportJob]
    next: str | None


class JobFilter(BaseModel):
    """Which jobs; what is left out lets everything through."""

    state: list[State] | None = Field(None, max_length=5)
    created_by: Name | None = None
    schedule_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None


class NewSchedule(Body):
    """`every` with `at` (and `weekday` or `day`), or `cron`; both in `zone`."""

    name: Label
    report: About
    every: schedule.Every | None = None
    at: Clock = "06:00"
    weekday: Weekday = "monday"
    day: Annotated[int, Field(ge=1, le=28)] = 1
    cron: Annotated[Text, Field(min_length=9, max_length=100)] | None = Field(
        None, examples=["0 6 * * 1-5"]
    )
    zone: Zone | None = Field(None, description="FLEET_TZ unless given.")
    covers: Covers | None = Field(
        None, description="What it reports on; follows from `every`, of cron the day before."
    )
    targets: TargetIds = Field([], description="Notification targets it is sent to.")
    format: Format = "pdf"
    enabled: bool = True

    @model_validator(mode="after")
    def _when(self) -> NewSchedule:
        if (self.every is None) == (self.cron is None):
            raise ValueError("give every, or cron")
        return self

    def names(self) -> dict[str, Any]:
        """What has to be there, by field."""
        about = self.report
        return {"robots": about.robots, "group": about.group, "targets": self.targets}

    def values(self, zone: str, now: datetime) -> dict[str, Any]:
        """As :mod:`glue.store.report_schedules` takes them. Raises :class:`ProblemError` 422."""
        chosen = self.zone or zone
        tz = known(chosen)
        covers = self.covers or (schedule.COVERS[self.every] if self.every else "day")
        try:
            if self.every is not None:
                cron = schedule.cron(self.every, self.at, self.weekday, self.day)
            else:
                cron = schedule.check(" ".join(str(self.cron).split()))
            following = schedule.following(cron, tz, now)
            schedule.request_of(self.report.plain(), covers, now, chosen)
        except ValidationError as error:
            raise refused(error, "body.report") from None
        except ValueError as error:
            raise Refused("body.cron", str(error)) from None
        return {
            "name": self.name,
            "enabled": self.enabled,
            "request": self.report.plain(),
            "cron": cron,
            "zone": chosen,
            "covers": covers,
            "format": self.format,
            "targets": list(dict.fromkeys(self.targets)),
            "next_run_at": following,
        }


class ReportSchedule(Reply):
    """`missed` counts runs that a later one stood in for."""

    id: int
    name: str
    enabled: bool
    request: dict[str, Any]
    cron: str
    zone: str
    covers: Covers
    format: Format
    targets: list[int]
    next_run_at: Utc
    last_run_at: Utc | None
    missed: int
    created_by: str
    created_at: Utc
    updated_at: Utc


class Delivery(Reply):
    """One report of a schedule on its way to one target."""

    id: int
    report_id: int
    report_title: str
    target_name: str
    format: Format
    state: Literal["queued", "leased", "delivered", "given up"]
    sent_as: Literal["attachment", "link"] | None
    attempts: int
    last_error: str | None
    created_at: Utc
    finished_at: Utc | None


class Queued(Reply):
    """The job that makes the report."""

    job_id: int


def asked(values: dict[str, Any]) -> Request:
    """Raises :class:`ProblemError` 422."""
    try:
        return Request.model_validate(values)
    except ValidationError as error:
        raise refused(error, "body") from None


def known(zone: str) -> ZoneInfo:
    """Raises :class:`ProblemError` 422."""
    try:
        return ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        raise Refused("body.zone", "no time zone; use a name like Europe/Berlin") from None


def refused(error: ValidationError, where: str) -> ProblemError:
    """422 with what the core found wrong."""
    found = [
        {
            "where": ".".join([where, *map(str, one["loc"])]),
            "why": one["msg"].removeprefix("Value error, "),
        }
        for one in error.errors()
    ]
    return Refused.all_of(found)

"""What the routes of jobs take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, computed_field, model_validator

from glue.api.conventions.fields import Body, Finite, Instant, Name, Reply, RobotId, Utc
from glue.api.fleet.orders import ALTHOUGH_STOPPED, ANYWAY, CONFIRM
from glue.core.commands import LINE

Status = Literal["active", "completed", "failed"]


class JobFilter(BaseModel):
    """Which jobs; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(None, max_length=100)
    status: list[Status] | None = Field(None, max_length=3)
    task_name: list[Name] | None = Field(None, max_length=100)
    asked_by: Name | None = Field(None, description="Who asked for it here.")
    since: Instant | None = Field(None, description="Started at or after.")
    until: Instant | None = Field(None, description="Started before.")

    @model_validator(mode="after")
    def _range(self) -> JobFilter:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


class NewJob(Body):
    """A job for a robot."""

    robot_id: RobotId
    task_name: Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
    items_total: Annotated[int, Field(ge=1, le=1_000_000)]
    estimated_duration: Annotated[Finite, Field(gt=0, le=1e7)] | None = Field(
        default=None, description="Seconds that it should take, for comparison. The robot's wins."
    )
    confirm: bool = Field(default=False, description=CONFIRM)
    even_if_offline: bool = Field(default=False, description=ANYWAY)
    even_if_stopped: bool = Field(default=False, description=ALTHOUGH_STOPPED)


class Cancellation(Body):
    """How hard to insist."""

    force: bool = Field(
        default=False,
        description="End the job here even when the robot is away, silent or says no.",
    )


class Job(Reply):
    """A robot's job, as the robot reports it. A job cancelled here has failed, with the reason
    `cancelled`."""

    id: int
    robot_id: str
    task_name: str | None
    status: Status
    phase: str | None
    reason: str | None
    start_time: Utc
    end_time: Utc | None
    items_total: int | None
    items_done: int
    percent_complete: float
    last_item: Any
    details: dict[str, Any] = Field(
        description="What robots report besides; for a job that was asked for here, `asked_by` and "
        "`command_id`, and `awaited` until the robot has begun it."
    )
    created_at: Utc
    updated_at: Utc

    @computed_field(description="Seconds, of a job that has ended.")  # type: ignore[prop-decorator]
    @property
    def duration_s(self) -> float | None:
        return _seconds(self.start_time, self.end_time)


class Jobs(Reply):
    """A page, newest first unless asked otherwise. `next` is null on the last one."""

    items: list[Job]
    next: str | None


class JobFigures(Reply):
    """How many jobs, how well, how fast. Figures are null where no job gives one."""

    jobs: int
    active: int
    completed: int
    failed: int
    cancelled: int = Field(description="Of those that failed.")
    success_rate: float | None = Field(description="Completed of those that ended, 0 to 1.")
    items_done: int
    items_per_hour: float | None = Field(description="Of the time at work, in jobs that ended.")
    duration_mean_s: float | None = Field(description="Of completed jobs.")
    duration_median_s: float | None
    estimated_jobs: int = Field(description="Completed jobs with an estimate.")
    estimated_mean_s: float | None
    duration_of_estimated: float | None = Field(
        description="Mean of duration by estimate: 1.2 is a fifth longer than thought."
    )


class RobotJobFigures(JobFigures):
    """Those of one robot."""

    robot_id: str


class JobStatistics(Reply):
    """Of jobs that started in a range of time."""

    since: Utc
    until: Utc
    overall: JobFigures
    by_robot: list[RobotJobFigures] = Field(description="By robot id; robots with jobs only.")


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start).total_seconds())

"""A robot's job from what it reports: started opens it, progress moves it, an end closes it.

Reports may be repeated, come late, in the wrong order, or not at all, so each is weighed against
the robot's latest job: what is older than the job's newest report changes nothing; progress without
a start opens a job; a new start ends the job before it, until that one's own end comes late. A job
that a person has asked for is there before the robot speaks of it: the robot's first report of it
begins it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from glue.core.events import JobReport, Scan

SAME_START = timedelta(seconds=2)
"""Start times this close are of one job: they are worked out from two rounded clocks."""
REPEATED = timedelta(seconds=60)
"""A second ``started`` without a start time within this, before any progress, is a repetition."""
BEHIND = timedelta(minutes=14)
"""A robot's clock may be so far behind (``FLEET_CLOCK_BEHIND`` at most) when it begins what was
asked for."""
LATE = timedelta(hours=1)
"""So long after a job was superseded, a report of its task without a start time may be of it."""
SUPERSEDED = "superseded: the robot went on to another job without ending this one"


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``jobs``; ``id`` None: not stored yet. ``told`` is when its newest report was."""

    robot_id: str
    start_time: datetime
    told: datetime
    status: Literal["active", "completed", "failed"] = "active"
    id: int | None = None
    end_time: datetime | None = None
    items_total: int | None = None
    items_done: int = 0
    percent_complete: float = 0.0
    last_item: Any = None
    task_name: str | None = None
    phase: str | None = None
    reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.status == "active"

    @property
    def awaited(self) -> bool:
        """Whether it was asked for and the robot has not spoken of it yet."""
        return bool(self.details.get("awaited"))


def asked(
    robot_id: str,
    at: datetime,
    command_id: str,
    task_name: str,
    items_total: int,
    estimated_s: float | None,
) -> Job:
    """A job that a person asks for; ``estimated_s`` seconds it should take."""
    details: dict[str, Any] = {"awaited": True, "command_id": command_id}
    if estimated_s is not None:
        details["estimated_duration"] = estimated_s
    return Job(robot_id, at, at, items_total=items_total, task_name=task_name, details=details)


def report(recent: Sequence[Job], said: JobReport) -> list[Job]:
    """Give the ``recent`` jobs of a robot (its latest last) as they are after the report; one that
    does not change is the same object."""
    latest = recent[-1] if recent else None
    earlier = next((job for job in reversed(recent[:-1]) if _names(said, job)), None)
    if latest is not None and earlier is not None and not _is_of(latest, said):
        return [_late(job, said) if job is earlier else job for job in recent]
    if latest is not None and latest.active and _ends_another(latest, said):
        # Its start was lost; what the robot does now is what it began last.
        repeated = any(said.at <= job.told + LATE and _repeats(job, said) for job in recent)
        return list(recent) if repeated else [*recent[:-1], _opened(said), latest]
    changed, new = _reported(latest, said)
    return [job for job in (*recent[:-1], changed or latest, new) if job is not None]


def _reported(latest: Job | None, said: JobReport) -> tuple[Job | None, Job | None]:
    """(the ``latest`` job as it is now, None if unchanged; a new job, None if there is none)."""
    if latest is None:
        return None, _opened(said)
    if latest.awaited:
        if _begins(latest, said):
            return _moved(_begun(latest, said), said), None
        if latest.active and said.word != "started":
            return None, None  # of the job before it
    if latest.active and not _another(latest, said):
        return (None if said.at < latest.told else _moved(latest, said)), None
    if said.at <= latest.told or _repeats(latest, said):
        return None, None
    if latest.active:
        return _ended(latest, said.at, "failed", SUPERSEDED), _opened(said)
    return None, _opened(said)


def scanned(latest: Job | None, scan: Scan) -> Job | None:
    """The active job with its last item; None while no job is active."""
    if latest is None or not latest.active or scan.at < latest.start_time:
        return None
    return replace(latest, last_item=scan.item)


def _begins(latest: Job, said: JobReport) -> bool:
    """Whether the report is the first of the ``latest`` job, which was asked for."""
    if said.task_name and latest.task_name and said.task_name != latest.task_name:
        return False
    if said.word == "started":
        # We may have given it up just before: the robot was slow to begin.
        late = not latest.active and said.at > latest.start_time + REPEATED
        return said.at >= latest.start_time - BEHIND and not late
    if not latest.active:
        return False
    if said.start is not None:
        return said.start >= latest.start_time - SAME_START
    ended = said.word in ("completed", "cancelled", "failed")
    # An end so soon is that of the job before it, said again.
    return said.at >= latest.start_time + (REPEATED if ended else -SAME_START)


def _begun(latest: Job, said: JobReport) -> Job:
    details = {name: value for name, value in latest.details.items() if name != "awaited"}
    start = min(said.start or said.at, said.at)
    return replace(
        latest,
        start_time=start,
        told=said.at,
        status="active",
        end_time=None,
        reason=None,
        details=details,
    )


def _same(latest: Job, said: JobReport) -> bool:
    """Whether both began at one instant of the robot's own clock, right or wrong: on ours, what a
    wrong clock says again later seems to have begun later."""
    told, again = latest.details.get("robot_start"), said.details.get("robot_start")
    if told is None or again is None:
        return False
    return abs(datetime.fromisoformat(told) - datetime.fromisoformat(again)) <= SAME_START


def _is_of(job: Job, said: JobReport) -> bool:
    """Whether the report names this job: by its beginning or, where it gives none, by its task."""
    if _same(job, said):
        return True
    if said.start is not None:
        return abs(said.start - job.start_time) <= SAME_START
    return said.task_name is None or said.task_name == job.task_name


def _names(said: JobReport, job: Job) -> bool:
    """Whether the report is of ``job``, which is not the latest: by its beginning or, soon after
    another superseded it, by its task."""
    if not _is_of(job, said):
        return False
    if said.start is not None or _same(job, said):
        return True
    late = said.at <= (job.end_time or job.told) + LATE
    return job.reason == SUPERSEDED and said.word != "started" and late


def _late(job: Job, said: JobReport) -> Job:
    """An earlier job after a late report: its own end, where we only know that another began."""
    if job.reason != SUPERSEDED or _outcome(said) == "active":
        return job
    ended = _moved(replace(job, status="active", reason=None), said)
    # Without a time of its end, it ended when the next began.
    end = said.end or min(job.end_time or said.at, said.at)
    return replace(ended, end_time=max(end, ended.start_time))


def _ends_another(latest: Job, said: JobReport) -> bool:
    """Whether the report is the end of a task that the robot had before the active ``latest``."""
    if _outcome(said) == "active" or latest.awaited or latest.task_name is None:
        return False
    return said.start is None and said.task_name is not None and not _is_of(latest, said)


def _another(latest: Job, said: JobReport) -> bool:
    """Whether the report is of another job than the active ``latest``."""
    if _same(latest, said):
        return False
    if said.start is not None:
        # An earlier start only corrects ours, where progress had opened the job.
        return said.start > latest.start_time + SAME_START
    if said.word != "started":
        return not _is_of(latest, said) and latest.task_name is not None
    fresh = latest.items_done == 0 and said.at - latest.start_time <= REPEATED
    return not (fresh and said.task_name == latest.task_name)


def _repeats(latest: Job, said: JobReport) -> bool:
    """Whether the report only says again what closed the ``latest`` job, or comes too late."""
    if latest.active:
        return False
    if _same(latest, said):
        return True
    if said.start is not None:
        return said.start <= latest.start_time + SAME_START
    ended = said.word in ("completed", "cancelled", "failed")
    same = said.task_name in (None, latest.task_name)
    return ended and _outcome(said) == latest.status and same


def _outcome(said: JobReport) -> Literal["active", "completed", "failed"]:
    if said.word == "completed":
        return "failed" if said.success is False else "completed"
    return "failed" if said.word in ("cancelled", "failed") else "active"


def _opened(said: JobReport) -> Job:
    elapsed = said.details.get("elapsed_time")
    start = said.start or said.at
    if said.start is None and isinstance(elapsed, int | float) and 0 < elapsed < 7 * 86400:
        start = said.at - timedelta(seconds=float(elapsed))
    return _moved(Job(said.robot_id, min(start, said.at), said.at), said)


def _moved(job: Job, said: JobReport) -> Job:
    total = said.items_total if said.items_total is not None else job.items_total
    done = said.items_done if said.items_done is not None else job.items_done
    percent = said.percent
    if percent is None and said.items_done is not None and total:
        percent = min(100.0, 100 * done / total)
    moved = replace(
        job,
        start_time=min(job.start_time, said.start or job.start_time),
        told=max(job.told, said.at),
        items_total=total,
        items_done=done,
        percent_complete=job.percent_complete if percent is None else percent,
        last_item=said.last_item if said.last_item is not None else job.last_item,
        task_name=said.task_name or job.task_name,
        phase=said.phase or job.phase,
        details={**job.details, **said.details},
    )
    outcome = _outcome(said)
    if outcome == "active":
        return moved
    if outcome == "completed" and percent is None:
        moved = replace(moved, percent_complete=100.0)
    reason = said.reason or ("cancelled" if said.word == "cancelled" else None)
    return _ended(moved, said.end or said.at, outcome, reason)


def _ended(
    job: Job, at: datetime, status: Literal["active", "completed", "failed"], reason: str | None
) -> Job:
    return replace(job, status=status, end_time=max(at, job.start_time), reason=reason)

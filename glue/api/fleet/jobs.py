"""Jobs: what robots work on; asked for, cancelled, counted.

A robot has one active job. One that is asked for here is a row at once; the robot's first report of
it begins it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from glue import store
from glue.api.conventions import access, etag, export, idempotency, listing
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.fleet.job_shapes import (
    Cancellation,
    Job,
    JobFigures,
    JobFilter,
    Jobs,
    JobStatistics,
    NewJob,
    RobotJobFigures,
)
from glue.api.fleet.orders import Wait, confirmed, done, give, reachable, seconds
from glue.commands import Order
from glue.core import commands as core
from glue.core import jobs as rules
from glue.store import audit, commands, fleet, job_reads, jobs
from glue.store.commands import Sent

router = access.router("jobs", f"{access.PREFIX}/jobs")

JobPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Wanted = Annotated[JobFilter, Query()]

RANGE = timedelta(days=7)
"""Of statistics, unless asked."""


@router.get("", responses=documented(401, 403, 422, 503))
async def list_jobs(
    request: Request,
    user: access.Viewer,
    wanted: Wanted,
    asked: Annotated[listing.Asked, listing.of(job_reads.JOBS)],
) -> Jobs:
    """Jobs, newest first unless asked for another sort."""
    return Jobs.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_jobs(
    request: Request, user: access.Viewer, wanted: Wanted, format: export.Format = "csv"
) -> StreamingResponse:
    """All jobs that the filters let through, as a file, oldest first."""
    filters = wanted.model_dump()
    return await export.stream(request, job_reads.JOBS, filters, Job, format, "jobs")


@router.get("/statistics", responses=documented(401, 403, 422, 503))
async def job_statistics(request: Request, user: access.Viewer, wanted: Wanted) -> JobStatistics:
    """How many jobs ended how, how much was done in an hour, how long they took against what was
    estimated; overall and by robot. Of the last seven days unless asked."""
    until = wanted.until or datetime.now(UTC)
    since = wanted.since or until - RANGE
    filters = wanted.model_dump() | {"since": since, "until": until}
    async with store.transaction(request.app.state.pool) as conn:
        overall, *robots = await job_reads.statistics(conn, filters)
    return JobStatistics(
        since=since,
        until=until,
        overall=JobFigures.model_validate(overall),
        by_robot=[RobotJobFigures.model_validate(row) for row in robots],
    )


@router.get("/{job_id}", responses=documented(401, 403, 404, 422, 503))
async def read_job(
    request: Request, response: Response, user: access.Viewer, job_id: JobPath
) -> Job:
    """One job."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _read(conn, job_id))


@router.post(
    "",
    status_code=201,
    responses=documented(401, 403, 404, 409, 422, 428, 503, 504),
    openapi_extra=idempotency.CREATES,
)
async def create_job(
    request: Request,
    response: Response,
    user: access.Operator,
    body: NewJob,
    wait: Wait = None,
) -> Job:
    """Have a robot begin a job (`start_job`), and wait until it says yes.

    The robot would walk about, so it takes `confirm: true`. When the robot refuses (409) or is
    silent (504) the job is kept as failed, with the reason; `job_id` says which.
    """
    async with store.transaction(request.app.state.pool) as conn:
        found = await commands.addressed(conn, body.robot_id)
    robot = reachable(found, body.robot_id, "start_job", body.even_if_offline, body.even_if_stopped)
    confirmed(body.confirm, "start_job", body.robot_id, robot)
    told = core.StartJob(type="start_job", task_name=body.task_name, items_total=body.items_total)
    order = Order("start_job", body.robot_id, core.payload(told), user.username)
    made: list[int] = []

    async def with_it(conn: Any, sent: Sent) -> None:
        made.append(await _ask(conn, body, sent))

    outcome = await give(request, order, seconds(request, wait), with_it)
    done(outcome, job_id=made[0])
    response.headers["Location"] = f"{request.url.path}/{made[0]}"
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await _read(conn, made[0]))


@router.post(
    "/{job_id}/cancel",
    responses=documented(401, 403, 404, 409, 412, 422, 503, 504),
    openapi_extra=idempotency.CREATES,
)
async def cancel_job(
    request: Request,
    response: Response,
    user: access.Operator,
    job_id: JobPath,
    body: Cancellation | None = None,
    wait: Wait = None,
    if_match: etag.IfMatch = None,
) -> Job:
    """Have the robot end its job (`stop_job`). It is kept as failed, with the reason `cancelled`.

    With `force` it is ended here whatever the robot says, or does not say.
    """
    force = body is not None and body.force
    async with store.transaction(request.app.state.pool) as conn:
        since = await jobs.clock(conn)
        job = await _read(conn, job_id)
        etag.check(if_match, job)
        if job.status != "active":
            raise ProblemError(409, f"Job {job_id} has ended already: {job.status}.", "job-ended")
        robot = await commands.addressed(conn, job.robot_id)
    try:
        reachable(robot, job.robot_id, "stop_job", force)
        order = Order("stop_job", job.robot_id, {}, user.username)
        done(await give(request, order, seconds(request, wait)), job_id=job_id)
    except ProblemError as problem:
        if not force:
            problem.detail += " `force: true` ends the job here nevertheless."
            raise
    async with store.transaction(request.app.state.pool) as conn:
        await fleet.hold(conn, [job.robot_id])
        if await jobs.cancel(conn, job_id, user.username, since) == "ended":
            raise ProblemError(409, f"Job {job_id} ended by itself just before.", "job-ended")
        await audit.record(
            conn,
            "api",
            f"{user.username} cancelled job {job_id} of {job.robot_id}",
            robot_id=job.robot_id,
            details={"username": user.username, "job_id": job_id, "force": force},
        )
        return etag.tagged(response, await _read(conn, job_id))


async def _ask(conn: Any, body: NewJob, sent: Sent) -> int:
    """Keeps the job that the command asks for; gives its id."""
    await fleet.hold(conn, [body.robot_id])
    job = rules.asked(
        body.robot_id,
        sent.asked_at,
        str(sent.command_id),
        body.task_name,
        body.items_total,
        body.estimated_duration,
    )
    made = await jobs.ask(conn, job, sent.asked_by)
    if made is None:
        at_work = await job_reads.active(conn, body.robot_id)
        raise ProblemError(
            409,
            f"{body.robot_id} is at work on job {at_work}; cancel that first. Nothing was sent.",
            "robot-at-work",
            more={"job_id": at_work},
        )
    await audit.record(
        conn,
        "api",
        f"{sent.asked_by} asked {body.robot_id} for job {made}: {body.task_name}",
        robot_id=body.robot_id,
        details={"username": sent.asked_by, "job_id": made, "command_id": str(sent.command_id)},
    )
    return made


async def _read(conn: Any, job_id: int) -> Job:
    row = await job_reads.one(conn, job_id)
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return Job.model_validate(row)

"""Reports, making: asked for here, made beside (``glue/reports/worker.py``), watched here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue import store
from glue.api.conventions import access, idempotency, listing
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.report_shapes import JobFilter, JobPath, NewReport, Queued, ReportJob, ReportJobs
from glue.core.report import request as about
from glue.core.roles import allows
from glue.store import audit, references, report_jobs

router = access.router("reports", f"{access.PREFIX}/reports")

JOBS = f"{access.PREFIX}/reports/jobs"


@router.post(
    "",
    status_code=202,
    openapi_extra=idempotency.CREATES,
    responses=documented(401, 403, 409, 422, 503),
)
async def make_report(
    request: Request, response: Response, user: access.Viewer, body: NewReport
) -> Queued:
    """Have a report made. `Location` is its job, which says how far it is. A report changes
    nothing, so whoever may read may have one; how many wait is limited (`REPORTS_QUEUE`)."""
    wanted = body.request(request.app.state.settings.fleet.tz)
    job_id = await add(request, user, wanted)
    response.headers["Location"] = f"{JOBS}/{job_id}"
    return Queued(job_id=job_id)


@router.get("/jobs", responses=documented(401, 403, 422, 503))
async def list_report_jobs(
    request: Request,
    user: access.Viewer,
    wanted: Annotated[JobFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(report_jobs.JOBS)],
) -> ReportJobs:
    """Jobs that make reports, newest first unless asked for another sort; 90 days of them."""
    return ReportJobs.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/jobs/{job_id}", responses=documented(401, 403, 404, 422, 503))
async def read_report_job(request: Request, user: access.Viewer, job_id: JobPath) -> ReportJob:
    """One job."""
    async with store.transaction(request.app.state.pool) as conn:
        return ReportJob.model_validate(await _one(conn, job_id))


@router.post("/jobs/{job_id}/cancel", responses=documented(401, 403, 404, 409, 422, 503))
async def cancel_report_job(request: Request, user: access.Viewer, job_id: JobPath) -> ReportJob:
    """Make this report no more. One's own, or any as an operator. 409 when it is over."""
    async with store.transaction(request.app.state.pool) as conn:
        row = await _one(conn, job_id)
        if row["created_by"] != user.username and not allows(user.role, "operator"):
            raise ProblemError(403, f"{row['created_by']} asked for it; an operator may end it.")
        if not await report_jobs.cancel(conn, job_id, user.username):
            raise ProblemError(409, f"The job {job_id} is over: {row['state']}.", "over")
        await audit.record(conn, "api", f"{user.username} cancelled the report job {job_id}")
        return ReportJob.model_validate(await _one(conn, job_id))


async def add(request: Request, user: Any, wanted: about.Request) -> int:
    """The id of a new job. Raises :class:`ProblemError` 409 when too many wait, and
    ``UnknownNames``."""
    state = request.app.state
    most = state.settings.reports.queue
    async with store.transaction(state.pool) as conn:
        await references.check(conn, robots=wanted.robots, group=wanted.group)
        if await report_jobs.waiting(conn) >= most:
            raise ProblemError(
                409, f"{most} reports wait already (REPORTS_QUEUE); try again later.", "queue-full"
            )
        job_id = await report_jobs.add(conn, wanted, user.username)
        assert job_id is not None
    state.reporter.hint()
    return job_id


async def _one(conn: Any, job_id: int) -> dict[str, Any]:
    row = await report_jobs.one(conn, job_id)
    if row is None:
        raise NotFound(f"There is no report job {job_id}.")
    return row

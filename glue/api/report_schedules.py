"""Schedules of reports: reports that are made by themselves, and sent to notification targets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue import store
from glue.api.conventions import access, etag, idempotency
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.report_shapes import Delivery, NewSchedule, Queued, ReportSchedule, SchedulePath
from glue.reports import scheduler
from glue.store import audit, notifications, references, report_deliveries, report_schedules
from glue.store.report_schedules import Schedule

router = access.router("reports", f"{access.PREFIX}/report-schedules")

ERRORS = documented(401, 403, 404, 409, 412, 422, 503)


@router.get("", responses=documented(401, 403, 503))
async def list_report_schedules(request: Request, user: access.Viewer) -> list[ReportSchedule]:
    """All schedules, by name."""
    async with store.transaction(request.app.state.pool) as conn:
        return [ReportSchedule.model_validate(one) for one in await report_schedules.every(conn)]


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_report_schedule(
    request: Request, response: Response, user: access.Admin, body: NewSchedule
) -> ReportSchedule:
    """Add a schedule. Its times are local times of its zone, with daylight saving; runs that were
    missed are made up for once."""
    values = body.values(request.app.state.settings.fleet.tz, datetime.now(UTC))
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        await references.check(conn, **body.names())
        made = await report_schedules.add(conn, values | {"created_by": user.username})
        if made is None:
            raise _taken(body.name)
        await audit.record(conn, "api", f"{user.username} added the report schedule {made.name}")
    response.headers["Location"] = f"{access.PREFIX}/report-schedules/{made.id}"
    return etag.tagged(response, ReportSchedule.model_validate(made))


@router.get("/{schedule_id}", responses=documented(401, 403, 404, 422, 503))
async def read_report_schedule(
    request: Request, response: Response, user: access.Viewer, schedule_id: SchedulePath
) -> ReportSchedule:
    """One schedule."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await _one(conn, schedule_id)
    return etag.tagged(response, ReportSchedule.model_validate(found))


@router.put("/{schedule_id}", responses=ERRORS)
async def change_report_schedule(
    request: Request,
    response: Response,
    user: access.Admin,
    schedule_id: SchedulePath,
    body: NewSchedule,
    if_match: etag.IfMatch = None,
) -> ReportSchedule:
    """Replace a schedule. Its next run is planned anew."""
    values = body.values(request.app.state.settings.fleet.tz, datetime.now(UTC))
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        await references.check(conn, **body.names())
        held = await _one(conn, schedule_id, hold=True)
        etag.check(if_match, ReportSchedule.model_validate(held))
        changed = await report_schedules.change(conn, schedule_id, values)
        if changed is None:
            raise _taken(body.name)
        await audit.record(
            conn, "api", f"{user.username} changed the report schedule {changed.name}"
        )
    return etag.tagged(response, ReportSchedule.model_validate(changed))


@router.delete("/{schedule_id}", status_code=204, responses=ERRORS)
async def delete_report_schedule(
    request: Request, user: access.Admin, schedule_id: SchedulePath, if_match: etag.IfMatch = None
) -> None:
    """Remove a schedule. Its reports stay."""
    async with store.transaction(request.app.state.pool) as conn:
        held = await _one(conn, schedule_id, hold=True)
        etag.check(if_match, ReportSchedule.model_validate(held))
        await report_schedules.delete(conn, schedule_id)
        await audit.record(conn, "api", f"{user.username} removed the report schedule {held.name}")


@router.post(
    "/{schedule_id}/run",
    status_code=202,
    openapi_extra=idempotency.CREATES,
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def run_report_schedule(
    request: Request, response: Response, user: access.Operator, schedule_id: SchedulePath
) -> Queued:
    """Run it now, besides its planned runs, and send what comes of it. `Location` is the job."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await _one(conn, schedule_id, hold=True)
        try:
            job_id = await scheduler.run_now(conn, found, datetime.now(UTC), user.username)
        except ValueError as error:
            raise ProblemError(409, f"The schedule cannot be run: {error}.", "unusable") from None
        await audit.record(conn, "api", f"{user.username} ran the report schedule {found.name}")
    request.app.state.reporter.hint()
    response.headers["Location"] = f"{access.PREFIX}/reports/jobs/{job_id}"
    return Queued(job_id=job_id)


@router.get("/{schedule_id}/deliveries", responses=documented(401, 403, 404, 422, 503))
async def list_report_deliveries(
    request: Request,
    user: access.Operator,
    schedule_id: SchedulePath,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[Delivery]:
    """What was sent of it to whom, the newest first."""
    async with store.transaction(request.app.state.pool) as conn:
        await _one(conn, schedule_id)
        rows = await report_deliveries.of_schedule(conn, schedule_id, limit)
    return [Delivery.model_validate(row) for row in rows]


async def _one(conn: Any, schedule_id: int, hold: bool = False) -> Schedule:
    found = await report_schedules.one(conn, schedule_id, hold)
    if found is None:
        raise NotFound(f"There is no report schedule {schedule_id}.")
    return found


def _taken(name: str) -> ProblemError:
    return ProblemError(409, f"There is a report schedule {name} already.", "taken")

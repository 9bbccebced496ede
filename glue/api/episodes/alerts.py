"""Alerts, reading: the list, export, statistics, one with what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from glue import store
from glue.api.conventions import access, etag, export, listing
from glue.api.conventions.fields import AlertPath
from glue.api.conventions.problems import NotFound, documented
from glue.api.episodes.shapes import (
    Alert,
    AlertFilter,
    Alerts,
    AlertStatistics,
    AlertWithTimeline,
    Count,
    Durations,
    Event,
)
from glue.store import alert_reads

router = access.router("alerts", f"{access.PREFIX}/alerts")

RANGE = timedelta(days=7)
"""Of statistics, unless asked."""

MOST_ROBOTS = 100

Wanted = Annotated[AlertFilter, Query()]


@router.get("", responses=documented(401, 403, 422, 503))
async def list_alerts(
    request: Request,
    user: access.Viewer,
    wanted: Wanted,
    asked: Annotated[listing.Asked, listing.of(alert_reads.ALERTS)],
) -> Alerts:
    """Alerts, newest first unless asked for another sort."""
    return Alerts.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_alerts(
    request: Request, user: access.Viewer, wanted: Wanted, format: export.Format = "csv"
) -> StreamingResponse:
    """All alerts that the filters let through, as a file, oldest first."""
    filters = wanted.model_dump()
    return await export.stream(request, alert_reads.ALERTS, filters, Alert, format, "alerts")


@router.get("/statistics", responses=documented(401, 403, 422, 503))
async def alert_statistics(
    request: Request, user: access.Viewer, wanted: Wanted
) -> AlertStatistics:
    """How many, of what, and how long until somebody looked after them and until they were over:
    of those that the filters let through, made in the last seven days unless asked."""
    until = wanted.until or datetime.now(UTC)
    since = wanted.since or until - RANGE
    filters = wanted.model_dump() | {"since": since, "until": until}
    async with store.transaction(request.app.state.pool) as conn:
        open_now = await alert_reads.open_by_severity(conn)
        counts = await alert_reads.counts(conn, filters)
        took = await alert_reads.durations(conn, filters)
    return _statistics(since, until, open_now, counts, took)


@router.get("/{alert_id}", responses=documented(401, 403, 404, 422, 503))
async def read_alert(
    request: Request, response: Response, user: access.Viewer, alert_id: AlertPath
) -> AlertWithTimeline:
    """One alert with its timeline."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, await read(conn, alert_id))


@router.get("/{alert_id}/timeline", responses=documented(401, 403, 404, 422, 503))
async def read_timeline(request: Request, user: access.Viewer, alert_id: AlertPath) -> list[Event]:
    """What happened to the alert, oldest first."""
    async with store.transaction(request.app.state.pool) as conn:
        return (await read(conn, alert_id)).timeline


async def read(conn: Any, alert_id: int) -> AlertWithTimeline:
    """The alert as `GET` answers it. Raises :class:`NotFound`."""
    row = await alert_reads.one(conn, alert_id)
    if row is None:
        raise NotFound(f"There is no alert {alert_id}.")
    timeline = await alert_reads.timeline(conn, alert_id)
    return AlertWithTimeline.model_validate({**row, "timeline": timeline})


def _statistics(
    since: datetime,
    until: datetime,
    open_now: Mapping[str, int],
    counts: list[alert_reads.Row],
    took: alert_reads.Row,
) -> AlertStatistics:
    by: dict[str, list[Count]] = {}
    for row in counts:
        by.setdefault(row["by"], []).append(Count.model_validate(row))
    (every,) = by["all"]
    return AlertStatistics(
        since=since,
        until=until,
        open_now={name: open_now.get(name, 0) for name in ("critical", "warning", "info")},
        alerts=every.alerts,
        open=every.open,
        by_severity=by.get("severity", []),
        by_metric=by.get("metric", []),
        by_type=by.get("type", []),
        by_robot=by.get("robot_id", [])[:MOST_ROBOTS],
        to_acknowledge=_durations(took, "acknowledge"),
        to_resolve=_durations(took, "resolve"),
    )


def _durations(took: alert_reads.Row, what: str) -> Durations:
    return Durations(
        alerts=took[f"{what}_alerts"],
        mean_s=took[f"{what}_mean_s"],
        median_s=took[f"{what}_median_s"],
    )

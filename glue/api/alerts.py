"""Alerts: the list, one with what happened to it, acknowledge, resolve."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import Field

from glue import store
from glue.alerts import people
from glue.api import access
from glue.api.fields import (
    AlertPath,
    Body,
    Cursor,
    Moment,
    PageLimit,
    Reply,
    RobotId,
    Text,
    Utc,
)
from glue.api.problems import NotFound, ProblemError, Refused, documented
from glue.core import page
from glue.store import alert_reads

router = access.router("alerts", f"{access.PREFIX}/alerts")

Severity = Literal["critical", "warning", "info"]
AlertType = Literal["temperature", "battery", "servo", "system", "network", "performance"]


class Comment(Body):
    """What to tell colleagues."""

    comment: Annotated[Text, Field(min_length=1, max_length=2000)] | None = None


class Alert(Reply):
    """One episode: opened once, closed once. `robot_id` is null for the stack as a whole."""

    id: int
    robot_id: str | None
    metric: str | None
    alert_type: AlertType
    severity: Severity
    title: str
    message: str | None
    source: str | None = Field(description="The part of the robot, e.g. `servo_3`.")
    value: float | None = Field(description="When it opened or rose, in the metric's unit.")
    threshold: float | None
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: Utc | None
    comment: str | None
    resolved: bool
    resolved_at: Utc | None
    resolved_by: str | None
    resolve_reason: str | None
    starts_at: Utc | None
    origin: str | None
    details: dict[str, Any] | None
    created_at: Utc


class Event(Reply):
    """Something that happened to an alert."""

    at: Utc
    kind: str
    severity: str | None
    value: float | None
    threshold: float | None
    source: str | None
    origin: str | None
    actor: str | None
    note: str | None
    details: dict[str, Any] | None


class AlertWithTimeline(Alert):
    """An alert and what happened to it, oldest first."""

    timeline: list[Event]


class Alerts(Reply):
    """A page, newest first. `next` is null on the last one."""

    items: list[Alert]
    next: str | None


@router.get("", responses=documented(401, 403, 422, 503))
async def list_alerts(
    request: Request,
    user: access.Viewer,
    robot_id: Annotated[RobotId | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query(max_length=3)] = None,
    type: Annotated[list[AlertType] | None, Query(max_length=6)] = None,
    acknowledged: bool | None = None,
    resolved: bool | None = None,
    since: Moment = None,
    until: Moment = None,
    rows: PageLimit = page.LIMIT,
    cursor: Cursor = None,
) -> Alerts:
    """Alerts, newest first. `since` is included in the range, `until` is not."""
    if since and until and since >= until:
        raise Refused("query.until", "not after since")
    wanted = alert_reads.Filter(robot_id, severity, type, acknowledged, resolved, since, until)
    after = _after(cursor)
    async with store.transaction(request.app.state.pool) as conn:
        found = await alert_reads.page(conn, wanted, after, rows + 1)
    more = None
    if len(found) > rows:
        more = page.time_cursor((found[rows - 1]["created_at"], found[rows - 1]["id"]))
    return Alerts(items=[Alert.model_validate(row) for row in found[:rows]], next=more)


@router.get("/{alert_id}", responses=documented(401, 403, 404, 422, 503))
async def read_alert(
    request: Request, user: access.Viewer, alert_id: AlertPath
) -> AlertWithTimeline:
    """One alert with its timeline."""
    return await _read(request, alert_id)


@router.post("/{alert_id}/acknowledge", responses=documented(401, 403, 404, 422, 503))
async def acknowledge_alert(
    request: Request, user: access.Operator, alert_id: AlertPath, body: Comment | None = None
) -> AlertWithTimeline:
    """Say that somebody looks after it. Again, it adds the comment; the first name stays."""
    comment = body.comment if body else None
    try:
        await people.acknowledge(request.app.state.pool, alert_id, user.username, comment)
    except people.NoSuchAlert:
        raise _missing(alert_id) from None
    return await _read(request, alert_id)


@router.post("/{alert_id}/resolve", responses=documented(401, 403, 404, 409, 422, 503))
async def resolve_alert(
    request: Request, user: access.Operator, alert_id: AlertPath, body: Comment | None = None
) -> AlertWithTimeline:
    """Close it by hand. It stays closed until its rule has reported normal once."""
    comment = body.comment if body else None
    try:
        await people.resolve(request.app.state.pool, alert_id, user.username, comment)
    except people.NoSuchAlert:
        raise _missing(alert_id) from None
    except people.AlreadyResolved:
        raise ProblemError(409, f"Alert {alert_id} is resolved already.") from None
    return await _read(request, alert_id)


def _after(cursor: str | None) -> page.Key | None:
    try:
        return page.read_time(cursor) if cursor else None
    except page.BadCursor:
        raise Refused("query.cursor", "not a cursor of this list; start without one") from None


async def _read(request: Request, alert_id: int) -> AlertWithTimeline:
    async with store.transaction(request.app.state.pool) as conn:
        row = await alert_reads.one(conn, alert_id)
        if row is None:
            raise _missing(alert_id)
        timeline = await alert_reads.timeline(conn, alert_id)
    return AlertWithTimeline.model_validate({**row, "timeline": timeline})


def _missing(alert_id: int) -> NotFound:
    return NotFound(f"There is no alert {alert_id}.")

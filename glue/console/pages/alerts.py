"""Alerts: the list, one with its timeline, what people do with them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, Request, Response

from glue import store
from glue.alerts import lookup
from glue.api.conventions import etag, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import AlertPath
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.episodes import actions, alerts, mutes
from glue.api.episodes.shapes import AlertFilter, AlertWithTimeline
from glue.console import forms, page
from glue.console.operations import perform
from glue.core.metrics import METRICS
from glue.core.rules import BY_METRIC
from glue.series import SeriesError
from glue.store import alert_reads

router = page.router("/alerts")

Wanted = Annotated[AlertFilter, Query()]
Asked = Annotated[listing.Asked, listing.of(alert_reads.ALERTS)]

READING_TIMEOUT = 2.0
"""Seconds that a page waits for the present reading."""

MUTES = {"1": "for an hour", "8": "for eight hours", "24": "for a day", "": "until it is over"}
"""Hours that nobody is told of one alert."""

MESSAGES = {
    "acknowledge": "You look after it now.",
    "comment": "Your comment is in the timeline.",
    "mute": "Muted.",
    "unmute": "Who has not heard of it hears now.",
    "resolve": "Resolved by hand.",
}


@router.get("")
async def list_alerts(
    request: Request, reader: page.Reader, wanted: Wanted, asked: Asked
) -> Response:
    """Alerts, newest first; the open ones unless asked otherwise."""
    return await _show_list(request, reader, wanted, asked)


@router.post("")
@page.does(actions.acknowledge_alerts)
async def acknowledge_many(
    request: Request, reader: page.Reader, wanted: Wanted, asked: Asked
) -> Response:
    """Acknowledge those that are marked."""
    form = await page.form(request)
    try:
        if not (ids := form.all("id")):
            raise Refused("alerts", "mark at least one")
        body = forms.body(actions.AcknowledgeMany, {"ids": ids, **form.only("comment")})
        answers = await perform(actions.acknowledge_alerts, request, reader, body=body)
    except ProblemError as problem:
        return await _show_list(request, reader, wanted, asked, problem)
    new = sum(one.outcome == "acknowledged" for one in answers.items)
    back = page.query(request.query_params.multi_items())
    old = f", {len(answers.items) - new} had been before" if new < len(answers.items) else ""
    return page.go(request, f"/alerts{back}", f"{new} acknowledged{old}.")


@router.get("/{alert_id}")
async def read_alert(request: Request, reader: page.Reader, alert_id: AlertPath) -> Response:
    """One alert and what happened to it."""
    return await _show(request, reader, alert_id)


@router.post("/{alert_id}")
@page.does(
    acknowledge=actions.acknowledge_alert,
    comment=actions.comment_on_alert,
    resolve=actions.resolve_alert,
    mute=mutes.mute_alert,
    unmute=mutes.unmute_alert,
)
async def act(request: Request, reader: page.Reader, alert_id: AlertPath) -> Response:
    """Acknowledge, comment, mute, resolve."""
    form = await page.form(request)
    comment = form.only("comment")
    about = {"alert_id": alert_id, "if_match": form["version"] or None}
    do = form["do"]
    try:
        if do == "comment":
            body = forms.body(actions.NewComment, comment)
            await perform(actions.comment_on_alert, request, reader, body=body, **about)
        elif do in ("acknowledge", "resolve"):
            by = actions.acknowledge_alert if do == "acknowledge" else actions.resolve_alert
            said = forms.body(actions.Comment, comment)
            await perform(by, request, reader, body=said, **about)
        elif do == "mute":
            until = _in_hours(form["hours"])
            muting = forms.body(mutes.MuteOfOne, {"until": until, **form.only("comment")})
            await perform(mutes.mute_alert, request, reader, body=muting, **about)
        elif do == "unmute":
            await perform(mutes.unmute_alert, request, reader, **about)
        else:
            raise Refused("do", "acknowledge, comment, mute, unmute or resolve")
    except ProblemError as problem:
        return await _show(request, reader, alert_id, problem)
    return page.go(request, f"/alerts/{alert_id}", MESSAGES[do])


def _in_hours(hours: str) -> datetime | None:
    return datetime.now(UTC) + timedelta(hours=int(hours)) if hours in MUTES and hours else None


async def _show_list(
    request: Request,
    reader: Caller,
    wanted: AlertFilter,
    asked: listing.Asked,
    problem: ProblemError | None = None,
) -> Response:
    # Who just comes here wants what is open; the form says so with `resolved=any`.
    state = request.query_params.get("state", "open")
    states = {"open": {"resolved": False}, "resolved": {"resolved": True}, "stale": {"stale": True}}
    wanted = wanted.model_copy(update={"resolved": None, **states.get(state, {})})
    found = await perform(alerts.list_alerts, request, reader, wanted=wanted, asked=asked)
    return page.show(
        request,
        "alerts",
        reader,
        found=found,
        wanted=wanted,
        state=state,
        metrics=METRICS,
        late=await page.lateness(request),
        problem=problem,
    )


async def _show(
    request: Request, reader: Caller, alert_id: int, problem: ProblemError | None = None
) -> Response:
    alert: AlertWithTimeline = await perform(alerts.read_alert, request, reader, alert_id=alert_id)
    return page.show(
        request,
        "alert",
        reader,
        alert=alert,
        version=etag.tag(alert),
        mutes=MUTES,
        unit=BY_METRIC[alert.metric].unit if alert.metric in BY_METRIC else "",
        late=await page.lateness(request),
        reading=None if alert.resolved else await _reading_now(request, alert),
        problem=problem,
    )


async def _reading_now(request: Request, alert: AlertWithTimeline) -> float | None:
    """What the alert's rule reads now; None where that cannot be told."""
    try:
        async with asyncio.timeout(READING_TIMEOUT):
            return await lookup.reading_now(
                request.app.state.pool,
                request.app.state.series,
                (alert.metric or "", alert.robot_id or ""),
            )
    except (SeriesError, store.StoreError, TimeoutError):
        return None

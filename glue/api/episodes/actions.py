"""Alerts, acting: acknowledge one or many, comment, resolve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from glue import store
from glue.alerts import people
from glue.api.conventions import access, etag
from glue.api.conventions.fields import LARGEST_ID, AlertPath, Body, Reply, Text
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.episodes.alerts import read
from glue.api.episodes.shapes import AlertFilter, AlertWithTimeline
from glue.store import alert_reads, audit

router = access.router("alerts", f"{access.PREFIX}/alerts")

MOST = 1000
"""Alerts acknowledged in one call."""

CommentText = Annotated[Text, Field(min_length=1, max_length=2000)]
ERRORS = documented(401, 403, 404, 412, 422, 503)


class Comment(Body):
    """What to tell colleagues."""

    comment: CommentText | None = None


class NewComment(Body):
    """What to tell colleagues."""

    comment: CommentText


class StrictFilter(AlertFilter, Body):
    """Which alerts; at least one condition."""


class AcknowledgeMany(Body):
    """Either `ids` or `filter`."""

    ids: list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] | None = Field(
        None, min_length=1, max_length=MOST
    )
    filter: StrictFilter | None = None
    comment: CommentText | None = None


class Acknowledgement(Reply):
    """What became of one alert; `already`: somebody had acknowledged it."""

    id: int
    outcome: people.Outcome


class Acknowledgements(Reply):
    """One answer an alert. `more`: the filter lets others through; ask again for them."""

    items: list[Acknowledgement]
    more: bool


@router.post("/acknowledge", responses=documented(401, 403, 422, 503))
async def acknowledge_alerts(
    request: Request, user: access.Operator, body: AcknowledgeMany
) -> Acknowledgements:
    """Say that somebody looks after these: by id, or those not acknowledged yet that the filter
    lets through, the newest thousand at most."""
    conditions = body.filter.model_dump(exclude_none=True) if body.filter else {}
    if (body.ids is None) == (not conditions):
        raise Refused("body", "give either ids, or a filter with at least one condition")
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        ids = list(dict.fromkeys(body.ids or []))
        if conditions:
            ids = await alert_reads.ids(conn, {"acknowledged": False, **conditions}, MOST + 1)
        answers = await people.acknowledge_many(conn, ids[:MOST], user.username, body.comment)
    items = [Acknowledgement.model_validate(answer) for answer in answers]
    return Acknowledgements(items=items, more=len(ids) > MOST)


@router.post("/{alert_id}/acknowledge", responses=ERRORS)
async def acknowledge_alert(
    request: Request,
    response: Response,
    user: access.Operator,
    alert_id: AlertPath,
    body: Comment | None = None,
    if_match: etag.IfMatch = None,
) -> AlertWithTimeline:
    """Say that somebody looks after it. Again, it adds the comment; the first name stays."""
    async with held(request, user.username, alert_id, if_match) as (conn, alert):
        await people.acknowledge(conn, alert, user.username, body.comment if body else None)
        return etag.tagged(response, await read(conn, alert_id))


@router.post("/{alert_id}/comments", status_code=201, responses=ERRORS)
async def comment_on_alert(
    request: Request,
    response: Response,
    user: access.Operator,
    alert_id: AlertPath,
    body: NewComment,
    if_match: etag.IfMatch = None,
) -> AlertWithTimeline:
    """Add a comment to its timeline, open or resolved."""
    async with held(request, user.username, alert_id, if_match) as (conn, alert):
        await people.comment(conn, alert, user.username, body.comment)
        return etag.tagged(response, await read(conn, alert_id))


@router.post("/{alert_id}/resolve", responses={**ERRORS, **documented(409)})
async def resolve_alert(
    request: Request,
    response: Response,
    user: access.Operator,
    alert_id: AlertPath,
    body: Comment | None = None,
    if_match: etag.IfMatch = None,
) -> AlertWithTimeline:
    """Close it by hand. It stays closed until its rule has reported normal once."""
    async with held(request, user.username, alert_id, if_match, to_resolve=True) as (conn, alert):
        try:
            await people.resolve(conn, alert, user.username, body.comment if body else None)
        except people.AlreadyResolved:
            raise ProblemError(409, f"Alert {alert_id} is resolved already.") from None
        return etag.tagged(response, await read(conn, alert_id))


@asynccontextmanager
async def held(
    request: Request, who: str, alert_id: int, if_match: str | None, *, to_resolve: bool = False
) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """A transaction of ``who`` that holds the alert, which is as the client last saw it."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, who)
        try:
            alert = await people.hold(conn, alert_id, to_resolve=to_resolve)
        except people.NoSuchAlert:
            raise NotFound(f"There is no alert {alert_id}.") from None
        if if_match:
            etag.check(if_match, await read(conn, alert_id))
        yield conn, alert

"""Mutes: alerts of which nobody is told, one by one or whatever a standing mute names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Request, Response
from pydantic import Field, model_validator

from glue import store
from glue.alerts import mutes as acts
from glue.alerts import people
from glue.api.conventions import access, etag
from glue.api.conventions.fields import (
    LARGEST_ID,
    AlertPath,
    Body,
    InstantToCome,
    Remarked,
    Text,
    Utc,
)
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.episodes.actions import CommentText, held
from glue.api.episodes.alerts import read
from glue.api.episodes.shapes import AlertWithTimeline
from glue.store import audit, mutes, references

router = access.router("alerts", access.PREFIX)

ERRORS = documented(401, 403, 404, 412, 422, 503)
MutePath = Annotated[int, Path(ge=1, le=LARGEST_ID)]

Pattern = Annotated[Text, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9_.:*?\[\]!-]+$")]
Patterns = Annotated[list[Pattern], Field(max_length=100)]


class MuteOfOne(Body):
    """Until when, and why."""

    until: InstantToCome | None = Field(None, description="Null: until the alert is over.")
    comment: CommentText | None = None


class NewMute(Body):
    """What it names, by ids or patterns like `lab-*`; a list that is empty lets everything through,
    but not all may be. What concerns the whole stack has neither robot nor group."""

    robots: Patterns = Field([])
    groups: Patterns = Field([])
    metrics: Patterns = Field([])
    types: Patterns = Field([])
    until: InstantToCome | None = Field(None, description="Null: until somebody removes it.")
    comment: CommentText | None = None

    @model_validator(mode="after")
    def _something(self) -> NewMute:
        if not (self.robots or self.groups or self.metrics or self.types):
            raise ValueError("name some robots, groups, metrics or types; `*` stands for all")
        return self

    def names(self) -> dict[str, list[str]]:
        """What has to be there, by field."""
        return self.model_dump(include={"robots", "groups", "metrics", "types"})


class Mute(Remarked):
    """A standing mute."""

    id: int
    robots: list[str]
    groups: list[str]
    metrics: list[str]
    types: list[str]
    until: Utc | None
    comment: str | None
    created_by: str
    created_at: Utc


@router.post("/alerts/{alert_id}/mute", responses={**ERRORS, **documented(409)})
async def mute_alert(
    request: Request,
    response: Response,
    user: access.Operator,
    alert_id: AlertPath,
    body: MuteOfOne | None = None,
    if_match: etag.IfMatch = None,
) -> AlertWithTimeline:
    """Tell nobody of it, until a time or until it is over. If it opened or rose meanwhile and still
    is there when the mute ends, people are told then. Its end is told to whoever heard of its
    beginning."""
    asked = body or MuteOfOne(until=None)
    until = to_come(asked.until)
    async with held(request, user.username, alert_id, if_match) as (conn, alert):
        try:
            await acts.mute(conn, alert, user.username, until, asked.comment)
        except people.AlreadyResolved:
            raise ProblemError(409, f"Alert {alert_id} is resolved already.") from None
        return etag.tagged(response, await read(conn, alert_id))


@router.delete("/alerts/{alert_id}/mute", responses={**ERRORS, **documented(409)})
async def unmute_alert(
    request: Request,
    response: Response,
    user: access.Operator,
    alert_id: AlertPath,
    if_match: etag.IfMatch = None,
) -> AlertWithTimeline:
    """Take back the mute of this one alert. Who has not heard of it hears now."""
    async with held(request, user.username, alert_id, if_match) as (conn, alert):
        try:
            await acts.unmute(conn, alert, user.username)
        except acts.NotMuted:
            raise ProblemError(
                409, f"Alert {alert_id} has no mute of its own; GET /mutes lists standing ones."
            ) from None
        return etag.tagged(response, await read(conn, alert_id))


@router.get("/mutes", responses=documented(401, 403, 503))
async def list_mutes(request: Request, user: access.Viewer) -> list[Mute]:
    """Standing mutes that hold, oldest first."""
    async with store.transaction(request.app.state.pool) as conn:
        return [Mute.model_validate(row) for row in await mutes.rows(conn)]


@router.post("/mutes", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_mute(
    request: Request, response: Response, user: access.Operator, body: NewMute
) -> Mute:
    """Tell nobody of what it names, from now on. Alerts that are open and muted by it say so in
    their timelines."""
    to_come(body.until)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        remarks = await references.check(conn, **body.names())
        row = await acts.add(conn, body.model_dump(), user.username)
    response.headers["Location"] = f"{access.PREFIX}/mutes/{row['id']}"
    return etag.tagged(response, Mute.model_validate({**row, "remarks": remarks}))


@router.get("/mutes/{mute_id}", responses=documented(401, 403, 404, 422, 503))
async def read_mute(
    request: Request, response: Response, user: access.Viewer, mute_id: MutePath
) -> Mute:
    """One standing mute."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, Mute.model_validate(await _one(conn, mute_id)))


@router.put("/mutes/{mute_id}", responses=ERRORS)
async def replace_mute(
    request: Request,
    response: Response,
    user: access.Operator,
    mute_id: MutePath,
    body: NewMute,
    if_match: etag.IfMatch = None,
) -> Mute:
    """Replace a standing mute as a whole: what is left out gets its default."""
    to_come(body.until)
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        remarks = await references.check(conn, **body.names())
        etag.check(if_match, Mute.model_validate(await _one(conn, mute_id, hold=True)))
        row = await acts.change(conn, mute_id, body.model_dump(), user.username)
    return etag.tagged(response, Mute.model_validate({**row, "remarks": remarks}))


@router.delete("/mutes/{mute_id}", status_code=204, responses=ERRORS)
async def delete_mute(
    request: Request, user: access.Operator, mute_id: MutePath, if_match: etag.IfMatch = None
) -> None:
    """End a standing mute. What it held back is told now, where it still is there."""
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        row = await _one(conn, mute_id, hold=True)
        etag.check(if_match, Mute.model_validate(row))
        await acts.remove(conn, row, user.username)


def to_come(until: datetime | None) -> datetime | None:
    """``until``. Raises :class:`Refused` when it has passed."""
    if until is not None and until <= datetime.now(UTC):
        raise Refused("body.until", "has passed; give a time to come, or null")
    return until


async def _one(conn: Any, mute_id: int, hold: bool = False) -> dict[str, Any]:
    row = await mutes.one(conn, mute_id, hold)
    if row is None:
        raise NotFound(f"There is no mute {mute_id}, or it is over.")
    return row

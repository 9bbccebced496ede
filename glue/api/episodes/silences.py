"""Silences that people made in Grafana, and ours there."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request
from pydantic import Field

from glue import store
from glue.api.conventions import access
from glue.api.conventions.fields import Reply, Utc
from glue.api.conventions.problems import documented
from glue.core import silences as core
from glue.store import mutes, silences

router = access.router("alerts", f"{access.PREFIX}/silences")


class Matcher(Reply):
    """On a label of an alert. `understood` is false for an expression that we do not try: its
    silence covers nothing here."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool
    understood: bool


class Silence(Reply):
    """A silence of Grafana, as seen within the last seconds. `alert_id`: we made it, for somebody
    looks after this alert. `alerts`: open ones that it covers now."""

    id: str
    matchers: list[Matcher]
    starts_at: Utc
    ends_at: Utc
    created_by: str
    comment: str
    alert_id: int | None
    alerts: list[int] = Field(description="The first hundred.")


@router.get("", responses=documented(401, 403, 503))
async def list_silences(request: Request, user: access.Viewer) -> list[Silence]:
    """Silences of Grafana that hold or are to come. Nobody is told of what those that people made
    cover, by Grafana or by us; they are made and ended in Grafana."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await silences.silences(conn)
        alerts = await mutes.subjects(conn, []) if found else []
    now = datetime.now(UTC)
    return [
        Silence(
            id=one.id,
            matchers=[
                Matcher(**vars(matcher), understood=core.is_understood(matcher))
                for matcher in one.matchers
            ],
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            created_by=one.created_by,
            comment=one.comment,
            alert_id=one.alert_id,
            alerts=[a.id for a in alerts if core.covers(one, a.labels, now)][:100],
        )
        for one in found
    ]

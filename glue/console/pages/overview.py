"""The first page: how the fleet is, what is open, where to go on from."""

from __future__ import annotations

from fastapi import Request, Response

from glue import store
from glue.api.conventions import listing
from glue.api.episodes import alerts as alert_routes
from glue.api.episodes.shapes import AlertFilter
from glue.api.fleet import registration
from glue.console import page
from glue.console.operations import perform
from glue.core import sorting
from glue.store import alert_reads, fleet, pulse

router = page.router()

STATES = ("online", "offline", "error", "maintenance")
MOST = 8


@router.get("/")
async def overview(request: Request, reader: page.Reader) -> Response:
    """Robots by state, alerts by severity, the newest open ones."""
    async with store.transaction(request.app.state.pool) as conn:
        robots = await pulse.robots_by_status(conn)
        severities = await alert_reads.open_by_severity(conn)
    newest = await perform(
        alert_routes.list_alerts,
        request,
        reader,
        wanted=AlertFilter.model_validate({"resolved": False}),
        asked=first(alert_reads.ALERTS, MOST),
    )
    waiting = await perform(
        registration.list_registrations, request, reader, asked=first(fleet.ROBOTS, MOST)
    )
    return page.show(
        request,
        "overview",
        reader,
        robots={state: robots.get(state, 0) for state in STATES},
        severities=severities,
        alerts=newest.items,
        waiting=waiting,
        late=await page.lateness(request),
    )


def first(of: listing.Listing, limit: int, sort: str = "") -> listing.Asked:
    """The first page of a list, in its own order unless ``sort`` says another."""
    steps = sorting.parse(sort or of.default, of.columns, of.key)
    return listing.Asked(of, steps, None, limit)

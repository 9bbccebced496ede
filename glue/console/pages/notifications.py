"""Who is told of alerts: targets, routes, what did not arrive."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import ProblemError
from glue.api.notifications import outbox, routes, targets
from glue.api.notifications.shapes import OutboxFilter, Rows
from glue.console import page
from glue.console.operations import perform
from glue.console.pages.overview import first
from glue.store import outbox as rows

router = page.router("/notifications")

MOST = 20


@router.get("")
async def notifications(request: Request, reader: page.Reader) -> Response:
    """Targets, routes, the newest messages."""
    return await _show(request, reader)


@router.post("/targets/{target_id}/test")
@page.does(targets.test_target)
async def test_target(
    request: Request, reader: page.Reader, target_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]
) -> Response:
    """Send a test message now."""
    tried = await perform(targets.test_target, request, reader, target_id=target_id)
    if not tried.delivered:
        problem = ProblemError(502, f"The test did not arrive: {tried.error}")
        return await _show(request, reader, problem)
    return page.go(request, "/notifications", f"Delivered in {tried.took_s:.1f} s.")


@router.post("/outbox/{row_id}")
@page.does(outbox.retry, outbox.give_up)
async def handle_message(
    request: Request, reader: page.Reader, row_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    """Try it again now, or no more."""
    form = await page.form(request)
    retried = form["do"] == "retry"
    body = Rows(ids=[row_id])
    changed = await perform(outbox.retry if retried else outbox.give_up, request, reader, body=body)
    if not changed.ids:
        told = "It is delivered, or on its way."
    else:
        told = "It is tried again now." if retried else "It is given up."
    return page.go(request, "/notifications", told)


async def _show(request: Request, reader: Caller, problem: ProblemError | None = None) -> Response:
    found = await perform(targets.list_targets, request, reader)
    told = await perform(
        outbox.list_outbox,
        request,
        reader,
        wanted=OutboxFilter.model_validate({}),
        asked=first(rows.OUTBOX, MOST),
    )
    return page.show(
        request,
        "notifications",
        reader,
        targets=found,
        names={target.id: target.name for target in found},
        routes=await perform(routes.list_routes, request, reader),
        messages=told.items,
        problem=problem,
    )

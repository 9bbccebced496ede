"""Robots that have sent and wait for an admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from glue.api.conventions import listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.fleet import registration
from glue.api.fleet.robot_shapes import Registration
from glue.console import forms, page
from glue.console.operations import perform
from glue.store import fleet

router = page.router("/registrations")

Asked = Annotated[listing.Asked, listing.of(fleet.ROBOTS)]
Which = Annotated[list[Registration] | None, Query(max_length=3)]


@router.get("")
async def list_waiting(
    request: Request, reader: page.Reader, asked: Asked, registration: Which = None
) -> Response:
    """Those that wait, or those that were refused."""
    return await _show(request, reader, asked, registration or ["pending"])


@router.post("")
@page.does(registration.decide_on_many)
async def decide(
    request: Request, reader: page.Reader, asked: Asked, registration: Which = None
) -> Response:
    """Accept or refuse those that are marked."""
    form = await page.form(request)
    which = registration or ["pending"]
    try:
        if not (robot_ids := form.all("robot_id")):
            raise Refused("robots", "mark at least one")
        given = {"registration": form["do"], "robot_ids": robot_ids}
        body = forms.body(_of_many, given)
        changed = await perform(_decide, request, reader, body=body)
    except ProblemError as problem:
        return await _show(request, reader, asked, which, problem)
    return page.go(request, "/registrations", f"{len(changed.robot_ids)} {form['do']}.")


_of_many = registration.DecidedOfMany
_decide = registration.decide_on_many
_list = registration.list_registrations


async def _show(
    request: Request,
    reader: Caller,
    asked: listing.Asked,
    which: list[Registration],
    problem: ProblemError | None = None,
) -> Response:
    found = await perform(_list, request, reader, asked=asked, registration=which)
    policy = request.app.state.settings.fleet.registration
    return page.show(
        request,
        "registrations",
        reader,
        found=found,
        which=which[0],
        policy=policy,
        problem=problem,
    )

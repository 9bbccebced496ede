"""Maintenance: of one robot, of many, and who is in it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue.api.conventions import listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import RobotPath
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.fleet import maintenance, robots
from glue.api.fleet.robot_shapes import RobotFilter
from glue.console import browser, forms, page
from glue.console.operations import perform
from glue.console.pages import robots as robot_pages
from glue.core import sorting
from glue.store import fleet

router = page.router()

SORT = "maintenance_until"
ALL = 2000


@router.get("/maintenance")
async def list_maintenance(
    request: Request,
    reader: page.Reader,
    asked: Annotated[listing.Asked, listing.of(fleet.ROBOTS)],
    robot_id: Annotated[list[str] | None, Query(max_length=ALL)] = None,
) -> Response:
    """Who is in maintenance, and a form for who shall be."""
    return await _show(request, reader, asked, robot_id or [])


@router.post("/maintenance")
@page.does(begin=maintenance.begin_maintenance_of_many, end=maintenance.end_maintenance_of_many)
async def change_many(
    request: Request,
    reader: page.Reader,
    asked: Annotated[listing.Asked, listing.of(fleet.ROBOTS)],
) -> Response:
    """Begin or end it for several robots, all or none."""
    form = await page.form(request)
    robot_ids = form.all("robot_id") + form["robot_ids"].replace(",", " ").split()
    try:
        if not robot_ids:
            raise Refused("robots", "name at least one robot")
        if form["do"] == "end":
            body = forms.body(maintenance.RobotIdList, {"robot_ids": robot_ids})
            ended = await perform(maintenance.end_maintenance_of_many, request, reader, body=body)
            count = len(ended.robot_ids)
            return page.go(request, "/maintenance", f"{count} taken out of maintenance.")
        many = forms.body(
            maintenance.MaintenanceOfMany, {"robot_ids": robot_ids, **_given(request, form)}
        )
        begun = await perform(maintenance.begin_maintenance_of_many, request, reader, body=many)
    except ProblemError as problem:
        return await _show(request, reader, asked, robot_ids, problem)
    return page.go(request, "/maintenance", f"{len(begun.robot_ids)} put into maintenance.")


@router.post("/robots/{robot_id}/maintenance")
@page.does(begin=maintenance.begin_maintenance, end=maintenance.end_maintenance)
async def change_one(request: Request, reader: page.Reader, robot_id: RobotPath) -> Response:
    """Begin it, or give it another reason and end; or end it."""
    form = await page.form(request)
    version = form["version"] or None
    try:
        if form["do"] == "end":
            await perform(
                maintenance.end_maintenance, request, reader, robot_id=robot_id, if_match=version
            )
            return page.go(request, f"/robots/{robot_id}", "The maintenance is over.")
        body = forms.body(maintenance.Maintenance, _given(request, form))
        await perform(
            maintenance.begin_maintenance,
            request,
            reader,
            robot_id=robot_id,
            body=body,
            if_match=version,
        )
    except ProblemError as problem:
        return await robot_pages.show(request, reader, robot_id, problem)
    return page.go(request, f"/robots/{robot_id}", f"{robot_id} is in maintenance.")


def _given(request: Request, form: page.Form) -> dict[str, Any]:
    until = forms.moment("until", form["until"], browser.zone(request), ahead=True)
    return {"reason": form["reason"] or None, "until": until}


async def _show(
    request: Request,
    reader: Caller,
    asked: listing.Asked,
    robot_ids: list[str],
    problem: ProblemError | None = None,
) -> Response:
    wanted = RobotFilter.model_validate({"status": ["maintenance"]})
    if "sort" not in request.query_params:
        steps = sorting.parse(SORT, fleet.ROBOTS.columns, fleet.ROBOTS.key)
        asked = listing.Asked(fleet.ROBOTS, steps, asked.after, asked.limit)
    found = await perform(robots.list_robots, request, reader, wanted=wanted, asked=asked)
    return page.show(
        request, "maintenance", reader, found=found, robot_ids=robot_ids, problem=problem
    )

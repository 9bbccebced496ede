"""Schedules of reports: which are made by themselves, when, and who gets them."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from glue.api import report_schedules as schedules
from glue.api.conventions import etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.notifications import targets
from glue.api.report_shapes import NewSchedule, ReportSchedule, SchedulePath
from glue.console import browser, forms, page
from glue.console.operations import perform
from glue.console.pages.reports import about
from glue.core.roles import allows

router = page.router("/reports/schedules")

HERE = "/reports/schedules"


@router.get("")
async def list_schedules(request: Request, reader: page.Reader) -> Response:
    """All of them, by name."""
    found = await perform(schedules.list_report_schedules, request, reader)
    return page.show(
        request, "schedules", reader, schedules=found, names=await _targets(request, reader)
    )


@router.get("/new")
async def ask_for_schedule(request: Request, reader: page.Reader) -> Response:
    """A form for a new one."""
    return await _new(request, reader)


@router.post("/new")
@page.does(schedules.create_report_schedule)
async def add_schedule(request: Request, reader: page.Reader) -> Response:
    """Add it."""
    try:
        body = forms.body(NewSchedule, _given(await page.form(request)))
        made = await perform(schedules.create_report_schedule, request, reader, body=body)
    except ProblemError as problem:
        return await _new(request, reader, problem)
    return page.go(request, f"{HERE}/{made.id}", f"Planned: {made.name}.")


@router.get("/{schedule_id}")
async def read_schedule(
    request: Request, reader: page.Reader, schedule_id: SchedulePath
) -> Response:
    """One, with what was sent of it."""
    return await _show(request, reader, schedule_id)


@router.post("/{schedule_id}")
@page.does(
    change=schedules.change_report_schedule,
    run=schedules.run_report_schedule,
    remove=schedules.delete_report_schedule,
)
async def change_schedule(
    request: Request, reader: page.Reader, schedule_id: SchedulePath
) -> Response:
    """Another plan; run it now; pause, resume; remove."""
    form = await page.form(request)
    which = {"schedule_id": schedule_id}
    told = {"if_match": form["version"] or None}
    try:
        match form["do"]:
            case "change":
                body = forms.body(NewSchedule, _given(form))
                await perform(
                    schedules.change_report_schedule, request, reader, body=body, **which, **told
                )
                said = "Saved. The next run is planned anew."
            case "run":
                await perform(schedules.run_report_schedule, request, reader, **which)
                return page.go(request, "/reports", "It is being made now, and then sent.")
            case "remove" if not form["confirm"]:
                would = "Its reports stay; none is made by it any more."
                return page.ask(
                    request, reader, "Remove this schedule?", would, f"{HERE}/{schedule_id}"
                )
            case "remove":
                await perform(schedules.delete_report_schedule, request, reader, **which, **told)
                return page.go(request, HERE, "The schedule is removed.")
            case _:
                raise Refused("do", "change, run or remove")
    except ProblemError as problem:
        return await _show(request, reader, schedule_id, problem)
    return page.go(request, f"{HERE}/{schedule_id}", said)


def _given(form: page.Form) -> dict[str, Any]:
    """What the form says. A cron line counts before the simpler choice."""
    given = form.only("name", "cron", "zone", "covers", "format")
    if "cron" not in given:
        given |= form.only("every", "at", "weekday", "day")
    return {
        **given,
        "report": about(form),
        "targets": form.all("targets"),
        "enabled": bool(form["enabled"]),
    }


async def _new(request: Request, reader: Caller, problem: ProblemError | None = None) -> Response:
    return page.show(
        request,
        "schedule_new",
        reader,
        names=await _targets(request, reader),
        fleet_zone=browser.zone(request).key,
        problem=problem,
    )


async def _show(
    request: Request, reader: Caller, schedule_id: int, problem: ProblemError | None = None
) -> Response:
    found: ReportSchedule = await perform(
        schedules.read_report_schedule, request, reader, schedule_id=schedule_id
    )
    sent = []
    if allows(reader.role, "operator"):
        sent = await perform(
            schedules.list_report_deliveries, request, reader, schedule_id=schedule_id, limit=20
        )
    return page.show(
        request,
        "schedule",
        reader,
        schedule=found,
        version=etag.tag(found),
        deliveries=sent,
        names=await _targets(request, reader),
        problem=problem,
    )


async def _targets(request: Request, reader: Caller) -> dict[int, str]:
    """Names by number; none for who may not know them."""
    if not allows(reader.role, "operator"):
        return {}
    return {one.id: one.name for one in await perform(targets.list_targets, request, reader)}

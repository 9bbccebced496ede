"""Routes of notifications: who is told of what, when, and who next."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import Path, Request, Response

from glue.api.conventions import etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.episodes.shapes import AlertType, Severity
from glue.api.notifications import routes, targets
from glue.api.notifications.shapes import NewRoute, Route
from glue.console import browser, forms, page
from glue.console.operations import perform
from glue.settings.durations import BadDuration, duration

router = page.router("/notifications/routes")

HERE = "/notifications"
RoutePath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
MINUTE = 60.0
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@router.get("/new")
async def ask_for_route(request: Request, reader: page.Reader) -> Response:
    """A form for a new one."""
    return await _show(request, reader, None)


@router.post("/new")
@page.does(routes.create_route)
async def add_route(request: Request, reader: page.Reader) -> Response:
    """Add it."""
    try:
        body = forms.body(NewRoute, _given(await page.form(request)))
        made = await perform(routes.create_route, request, reader, body=body)
    except ProblemError as problem:
        return await _show(request, reader, None, problem)
    said = f"Added: {made.name}. It counts from the next alert on."
    return page.go(request, HERE, page.with_remarks(said, made))


@router.get("/{route_id}")
async def read_route(request: Request, reader: page.Reader, route_id: RoutePath) -> Response:
    """One."""
    return await _show(request, reader, route_id)


@router.post("/{route_id}")
@page.does(change=routes.replace_route, remove=routes.delete_route)
async def change_route(request: Request, reader: page.Reader, route_id: RoutePath) -> Response:
    """Other conditions, targets or times; remove."""
    form = await page.form(request)
    about: dict[str, Any] = {"route_id": route_id, "if_match": form["version"] or None}
    try:
        match form["do"]:
            case "change":
                body = forms.body(NewRoute, _given(form))
                made = await perform(routes.replace_route, request, reader, body=body, **about)
            case "remove" if not form["confirm"]:
                would = "What it queued is still sent; nobody is told of those alerts' ends by it."
                back = f"{HERE}/routes/{route_id}"
                return page.ask(request, reader, "Remove this route?", would, back)
            case "remove":
                await perform(routes.delete_route, request, reader, **about)
                return page.go(request, HERE, "The route is removed.")
            case _:
                raise Refused("do", "change or remove")
    except ProblemError as problem:
        return await _show(request, reader, route_id, problem)
    return page.go(request, HERE, page.with_remarks("Saved.", made))


def _given(form: page.Form) -> dict[str, Any]:
    given: dict[str, Any] = form.only("name", "position", "group_wait", "group_interval")
    for name in ("severities", "types", "targets", "escalate_to"):
        given[name] = form.all(name)
    for name in ("metrics", "robots", "groups"):
        given[name] = form[name].replace(",", " ").split()
    for name in ("enabled", "send_resolved", "go_on"):
        given[name] = bool(form[name])
    for name in ("escalate_after", "repeat_every"):
        given[name] = _minutes(name, form[name])
    for name in ("hours", "quiet_hours"):
        given[name] = _hours(form, name)
    return given


def _minutes(name: str, text: str) -> float | None:
    """Seconds of what was given in minutes, or as a duration."""
    if not text:
        return None
    try:
        return float(text) * MINUTE
    except ValueError:
        pass
    try:
        return duration(text).total_seconds()
    except BadDuration as error:
        raise Refused(name, str(error)) from None


def _hours(form: page.Form, name: str) -> dict[str, Any] | None:
    """None where neither begin nor end was given."""
    start, end = form[f"{name}_start"], form[f"{name}_end"]
    if not start and not end:
        return None
    weekdays = form.all(f"{name}_weekdays")
    return {"start": start, "end": end, "zone": form[f"{name}_zone"], "weekdays": weekdays}


async def _show(
    request: Request, reader: Caller, route_id: int | None, problem: ProblemError | None = None
) -> Response:
    found: Route | None = None
    if route_id is not None:
        found = await perform(routes.read_route, request, reader, route_id=route_id)
    listed = await perform(targets.list_targets, request, reader)
    return page.show(
        request,
        "route",
        reader,
        route=found,
        version=etag.tag(found) if found else "",
        names={one.id: one.name for one in listed},
        severities=get_args(Severity),
        types=get_args(AlertType),
        weekdays=list(enumerate(WEEKDAYS, 1)),
        own_zone=browser.zone(request).key,
        problem=problem,
    )

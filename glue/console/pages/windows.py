"""Maintenance windows: planned once or repeating, in local time, looked at before they are kept."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from glue.api.conventions import etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.fleet import maintenance_windows as windows
from glue.api.fleet.maintenance_windows import NewWindow, Time, When, Window, WindowPath
from glue.console import browser, forms, page
from glue.console.operations import perform
from glue.console.pages.notify_routes import WEEKDAYS

router = page.router("/maintenance/windows")

HERE = "/maintenance/windows"
SHOWN = 8
"""Times that are shown of a window."""


@router.get("")
async def list_windows(request: Request, reader: page.Reader) -> Response:
    """All of them, by name."""
    found = await perform(windows.list_windows, request, reader)
    return page.show(
        request, "windows", reader, windows=found, weekdays=dict(enumerate(WEEKDAYS, 1))
    )


@router.get("/new")
async def ask_for_window(request: Request, reader: page.Reader) -> Response:
    """A form for a new one."""
    return _page(request, reader, None, [])


@router.post("/new")
@page.does(preview=windows.preview, add=windows.create_window)
async def add_window(request: Request, reader: page.Reader) -> Response:
    """Look at its times, or plan it."""
    form = await page.form(request)
    try:
        if form["do"] == "preview":
            return _page(request, reader, None, await _times(request, reader, form), looked=True)
        body = forms.body(NewWindow, _given(form))
        made = await perform(windows.create_window, request, reader, body=body)
    except ProblemError as problem:
        return _page(request, reader, None, [], problem)
    return page.go(request, f"{HERE}/{made.id}", page.with_remarks(f"Planned: {made.name}.", made))


@router.get("/{window_id}")
async def read_window(request: Request, reader: page.Reader, window_id: WindowPath) -> Response:
    """One, with the times to come."""
    return await _show(request, reader, window_id)


@router.post("/{window_id}")
@page.does(preview=windows.preview, change=windows.replace_window, remove=windows.delete_window)
async def change_window(request: Request, reader: page.Reader, window_id: WindowPath) -> Response:
    """Look at other times, keep them; remove."""
    form = await page.form(request)
    about: dict[str, Any] = {"window_id": window_id, "if_match": form["version"] or None}
    try:
        match form["do"]:
            case "preview":
                found = await perform(windows.read_window, request, reader, window_id=window_id)
                times = await _times(request, reader, form)
                return _page(request, reader, found, times, looked=True)
            case "change":
                body = forms.body(NewWindow, _given(form))
                made = await perform(windows.replace_window, request, reader, body=body, **about)
            case "remove" if not form["confirm"]:
                would = "If it goes on, its robots are watched again."
                back = f"{HERE}/{window_id}"
                return page.ask(request, reader, "Remove this window?", would, back)
            case "remove":
                await perform(windows.delete_window, request, reader, **about)
                return page.go(request, HERE, "The window is removed.")
            case _:
                raise Refused("do", "preview, change or remove")
    except ProblemError as problem:
        return await _show(request, reader, window_id, problem)
    return page.go(
        request, f"{HERE}/{window_id}", page.with_remarks("Saved. It counts at once.", made)
    )


def _when(form: page.Form) -> dict[str, Any]:
    given = form.only("zone", "start", "end", "every_weeks", "last_day")
    return {**given, "weekdays": form.all("weekdays")}


def _given(form: page.Form) -> dict[str, Any]:
    given = _when(form) | form.only("name", "reason")
    for name in ("robots", "groups"):
        given[name] = form[name].replace(",", " ").split()
    # As the API: either all, or those that are named.
    return {**given, "fleet": bool(form["fleet"]), "enabled": bool(form["enabled"])}


async def _times(request: Request, reader: Caller, form: page.Form) -> list[Time]:
    body = forms.body(When, _when(form))
    found = await perform(windows.preview, request, reader, body=body, count=SHOWN)
    return found.occurrences


async def _show(
    request: Request, reader: Caller, window_id: int, problem: ProblemError | None = None
) -> Response:
    found = await perform(windows.read_window, request, reader, window_id=window_id)
    times = await perform(
        windows.read_occurrences, request, reader, window_id=window_id, count=SHOWN
    )
    return _page(request, reader, found, times.occurrences, problem)


def _page(
    request: Request,
    reader: Caller,
    window: Window | None,
    times: list[Time],
    problem: ProblemError | None = None,
    looked: bool = False,
) -> Response:
    """``looked``: the times are of what the form says, which is not kept yet."""
    return page.show(
        request,
        "window",
        reader,
        window=window,
        version=etag.tag(window) if window else "",
        times=times,
        looked=looked,
        sent=request.state.form if looked or problem is not None else None,
        weekdays=list(enumerate(WEEKDAYS, 1)),
        own_zone=browser.zone(request).key,
        problem=problem,
    )

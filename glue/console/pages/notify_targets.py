"""Targets of notifications: an admin adds, changes and removes them. Addresses are never shown."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request, Response

from glue.api.conventions import etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.notifications import targets
from glue.api.notifications.shapes import NewTarget, TargetChange
from glue.console import forms, page
from glue.console.operations import perform

router = page.router("/notifications/targets")

HERE = "/notifications"
TargetPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("/new")
async def ask_for_target(request: Request, reader: page.Reader) -> Response:
    """A form for a new one."""
    return page.show(request, "target", reader, target=None, version="")


@router.post("/new")
@page.does(targets.create_target)
async def add_target(request: Request, reader: page.Reader) -> Response:
    """Add it."""
    form = await page.form(request)
    try:
        body = forms.body(NewTarget, _given(form) | {"enabled": bool(form["enabled"])})
        made = await perform(targets.create_target, request, reader, body=body)
    except ProblemError as problem:
        return page.show(request, "target", reader, target=None, version="", problem=problem)
    return page.go(request, HERE, f"Added: {made.name}. A route says of what it is told.")


@router.get("/{target_id}")
async def read_target(request: Request, reader: page.Reader, target_id: TargetPath) -> Response:
    """One, with how it does."""
    return await _show(request, reader, target_id)


@router.post("/{target_id}")
@page.does(change=targets.change_target, remove=targets.delete_target)
async def change_target(request: Request, reader: page.Reader, target_id: TargetPath) -> Response:
    """Another name, address or wording; off and on; remove."""
    form = await page.form(request)
    about: dict[str, Any] = {"target_id": target_id, "if_match": form["version"] or None}
    try:
        match form["do"]:
            case "change":
                given = {"title_template": None, "body_template": None, **_given(form)}
                body = forms.body(TargetChange, given | {"enabled": bool(form["enabled"])})
                await perform(targets.change_target, request, reader, body=body, **about)
            case "remove" if not form["confirm"]:
                would = "What is queued for it is given up."
                back = f"{HERE}/targets/{target_id}"
                return page.ask(request, reader, "Remove this target?", would, back)
            case "remove":
                await perform(targets.delete_target, request, reader, **about)
                return page.go(request, HERE, "The target is removed.")
            case _:
                raise Refused("do", "change or remove")
    except ProblemError as problem:
        return await _show(request, reader, target_id, problem)
    return page.go(request, HERE, "Saved.")


def _given(form: page.Form) -> dict[str, Any]:
    """An empty address is none: the one that is kept stays."""
    given: dict[str, Any] = form.only("name", "title_template", "body_template")
    if url := form["url"]:
        given["url"] = url
    return given


async def _show(
    request: Request, reader: Caller, target_id: int, problem: ProblemError | None = None
) -> Response:
    found = await perform(targets.read_target, request, reader, target_id=target_id)
    version = etag.tag(found)
    return page.show(request, "target", reader, target=found, version=version, problem=problem)

"""Mutes: what nobody is told of; and Grafana's silences beside them."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import Request, Response

from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError
from glue.api.episodes import mutes, silences
from glue.api.episodes.mutes import MutePath, NewMute
from glue.api.episodes.shapes import AlertType
from glue.console import browser, forms, page
from glue.console.operations import perform

router = page.router("/mutes")


@router.get("")
async def list_mutes(request: Request, reader: page.Reader) -> Response:
    """What is muted, by whom, until when; and a form for more."""
    return await _show(request, reader)


@router.post("")
@page.does(mutes.create_mute)
async def add_mute(request: Request, reader: page.Reader) -> Response:
    """Mute what is named."""
    form = await page.form(request)
    given: dict[str, Any] = {"types": form.all("types"), "comment": form["comment"] or None}
    for name in ("robots", "groups", "metrics"):
        given[name] = form[name].replace(",", " ").split()
    try:
        given["until"] = forms.moment("until", form["until"], browser.zone(request), ahead=True)
        made = await perform(mutes.create_mute, request, reader, body=forms.body(NewMute, given))
    except ProblemError as problem:
        return await _show(request, reader, problem)
    return page.go(
        request, "/mutes", page.with_remarks("Muted. Alerts are recorded and shown as ever.", made)
    )


@router.post("/{mute_id}/end")
@page.does(mutes.delete_mute)
async def end_mute(request: Request, reader: page.Reader, mute_id: MutePath) -> Response:
    """Tell people again."""
    await perform(mutes.delete_mute, request, reader, mute_id=mute_id)
    return page.go(request, "/mutes", "It is over: what still is there is told now.")


async def _show(request: Request, reader: Caller, problem: ProblemError | None = None) -> Response:
    return page.show(
        request,
        "mutes",
        reader,
        mutes=await perform(mutes.list_mutes, request, reader),
        silences=await perform(silences.list_silences, request, reader),
        types=get_args(AlertType),
        problem=problem,
    )

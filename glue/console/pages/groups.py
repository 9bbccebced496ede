"""Groups of robots: routes, mutes, maintenance windows and reports name them."""

from __future__ import annotations

from fastapi import Request, Response

from glue.api.conventions import etag
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import GroupPath
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.fleet import groups
from glue.api.fleet.groups import Members
from glue.console import forms, page
from glue.console.operations import perform
from glue.core.robot_id import is_robot_id

router = page.router("/groups")


@router.get("")
async def list_groups(request: Request, reader: page.Reader) -> Response:
    """All of them, and a form for a new one."""
    return await _list(request, reader)


@router.post("")
@page.does(groups.set_group)
async def add_group(request: Request, reader: page.Reader) -> Response:
    """A new one, or more robots into one that there is already."""
    form = await page.form(request)
    name = form["name"]
    try:
        if not is_robot_id(name):
            raise Refused("name", "letters, digits, _ . : - and 50 of them at most")
        await _set(request, reader, name, None)
    except ProblemError as problem:
        return await _list(request, reader, problem)
    return page.go(request, f"/groups/{name}", "Saved.")


@router.get("/{group}")
async def read_group(request: Request, reader: page.Reader, group: GroupPath) -> Response:
    """One, with its robots."""
    return await _show(request, reader, group)


@router.post("/{group}")
@page.does(change=groups.set_group, remove=groups.delete_group)
async def change_group(request: Request, reader: page.Reader, group: GroupPath) -> Response:
    """Other robots; remove."""
    form = await page.form(request)
    version = form["version"] or None
    try:
        match form["do"]:
            case "change":
                await _set(request, reader, group, version)
            case "remove" if not form["confirm"]:
                would = "Its robots stay. What names the group then names nobody."
                return page.ask(request, reader, "Remove this group?", would, f"/groups/{group}")
            case "remove":
                await perform(groups.delete_group, request, reader, group=group, if_match=version)
                return page.go(request, "/groups", f"The group {group} is removed.")
            case _:
                raise Refused("do", "change or remove")
    except ProblemError as problem:
        return await _show(request, reader, group, problem)
    return page.go(request, f"/groups/{group}", "Saved.")


async def _set(request: Request, reader: Caller, group: str, version: str | None) -> None:
    robots = (await page.form(request))["robot_ids"].replace(",", " ").split()
    body = forms.body(Members, {"robot_ids": robots})
    await perform(groups.set_group, request, reader, group=group, body=body, if_match=version)


async def _list(request: Request, reader: Caller, problem: ProblemError | None = None) -> Response:
    found = await perform(groups.list_groups, request, reader)
    return page.show(request, "groups", reader, groups=found, problem=problem)


async def _show(
    request: Request, reader: Caller, group: str, problem: ProblemError | None = None
) -> Response:
    found = await perform(groups.read_group, request, reader, group=group)
    version = etag.tag(found)
    return page.show(request, "group", reader, group=found, version=version, problem=problem)

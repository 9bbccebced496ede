"""Users: an admin keeps them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue.api.conventions import etag, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.people import users
from glue.api.people.shapes import NewPassword, NewUser, UserEdit, UserFilter, UserPath
from glue.console import forms, page
from glue.console.operations import perform
from glue.core.roles import ROLES
from glue.store import users as rows

router = page.router("/users")


@router.get("")
async def list_users(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[UserFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(rows.USERS)],
) -> Response:
    """Who may log in."""
    found = await perform(users.list_users, request, reader, wanted=wanted, asked=asked)
    return page.show(request, "users", reader, found=found, wanted=wanted, roles=ROLES)


@router.get("/new")
async def ask_for_user(request: Request, reader: page.Reader) -> Response:
    """A form for somebody new."""
    return page.show(request, "user_new", reader, roles=ROLES)


@router.post("/new")
@page.does(users.create_user)
async def add_user(request: Request, reader: page.Reader) -> Response:
    """Add somebody; a generated password is shown on the answer alone."""
    form = await page.form(request)
    given: dict[str, Any] = form.only("username", "email", "role")
    if password := form.exactly("password"):
        given["password"] = password
    try:
        made = await perform(users.create_user, request, reader, body=forms.body(NewUser, given))
    except ProblemError as problem:
        return page.show(request, "user_new", reader, roles=ROLES, problem=problem)
    if made.password is None:
        return page.go(request, f"/users/{made.id}", f"{made.username} may log in now.")
    return page.show(request, "user_password", reader, user=made, password=made.password, new=True)


@router.get("/{user_id}")
async def read_user(request: Request, reader: page.Reader, user_id: UserPath) -> Response:
    """One user."""
    return await _show(request, reader, user_id)


@router.post("/{user_id}")
@page.does(
    change=users.change_user,
    deactivate=users.deactivate_user,
    activate=users.activate_user,
    reset=users.reset_password,
)
async def change_user(request: Request, reader: page.Reader, user_id: UserPath) -> Response:
    """Another name, address or role; deactivate, activate; another password."""
    form = await page.form(request)
    about = {"user_id": user_id, "if_match": form["version"] or None}
    try:
        match form["do"]:
            case "change":
                body = forms.body(UserEdit, form.only("username", "email", "role"))
                await perform(users.change_user, request, reader, body=body, **about)
                told = "Saved. A new role counts at once."
            case "deactivate":
                gone = await perform(users.deactivate_user, request, reader, **about)
                told = f"{gone.username} is out, with all sessions and tokens."
            case "activate":
                back = await perform(users.activate_user, request, reader, **about)
                told = f"{back.username} may log in again, with the old password."
            case "reset":
                return await _reset(request, reader, user_id, form.exactly("password"))
            case _:
                raise Refused("do", "change, deactivate, activate or reset")
    except ProblemError as problem:
        return await _show(request, reader, user_id, problem)
    return page.go(request, f"/users/{user_id}", told)


async def _reset(request: Request, reader: Caller, user_id: str, password: str) -> Response:
    body = forms.body(NewPassword, {"password": password}) if password else None
    made = await perform(users.reset_password, request, reader, user_id=user_id, body=body)
    user = await perform(users.read_user, request, reader, user_id=user_id)
    if made.password is None:
        told = f"{user.username} has another password; all sessions are over."
        return page.go(request, f"/users/{user_id}", told)
    return page.show(request, "user_password", reader, user=user, password=made.password, new=False)


async def _show(
    request: Request, reader: Caller, user_id: str, problem: ProblemError | None = None
) -> Response:
    user = await perform(users.read_user, request, reader, user_id=user_id)
    return page.show(
        request,
        "user",
        reader,
        user=user,
        version=etag.tag(user),
        roles=ROLES,
        problem=problem,
    )

"""The emergency stop of one robot or of all. It works while PostgreSQL is away: then the browser's
access token is believed, as the API believes it (:mod:`glue.api.conventions.outage`)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from glue import store
from glue.api.conventions import outage
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import RobotPath
from glue.api.conventions.problems import ProblemError
from glue.api.fleet import emergency_stop
from glue.api.fleet.orders import ToldAll
from glue.console import browser, forms, page
from glue.console.operations import least, perform

router = page.router("/emergency-stop")


async def _reader(request: Request) -> Caller:
    try:
        found = await store.within(outage.STORE_WITHIN_S, browser.caller(request))
    except store.StoreUnavailable:
        token = request.cookies.get(browser.STOP)
        needed = least(emergency_stop.stop_all)
        return outage.AccessAlways(needed).believed(request, token)
    if found is None:
        raise page.SignInFirst
    await page.check_role(request, found)
    return found


Reader = Annotated[Caller, Depends(_reader)]


@router.get("")
async def ask_for_all(request: Request, reader: Reader) -> Response:
    """Asks first: a stopped fleet is a lot of walking."""
    return _show(request, reader, None)


@router.post("")
@page.does(emergency_stop.stop_all)
async def stop_all(request: Request, reader: Reader) -> Response:
    """Stop all robots, and tell who has answered."""
    body = await _reason(request)
    return await _done(
        request,
        reader,
        None,
        perform(emergency_stop.stop_all, request, reader, body=body),
    )


@router.get("/{robot_id}")
async def ask_for_one(request: Request, reader: Reader, robot_id: RobotPath) -> Response:
    """Asks first."""
    return _show(request, reader, robot_id)


@router.post("/{robot_id}")
@page.does(emergency_stop.stop_robot)
async def stop_one(request: Request, reader: Reader, robot_id: RobotPath) -> Response:
    """Stop one robot, and tell whether it has answered."""
    body = await _reason(request)
    stop = perform(emergency_stop.stop_robot, request, reader, robot_id=robot_id, body=body)
    return await _done(request, reader, robot_id, stop)


async def _reason(request: Request) -> emergency_stop.EmergencyStop | None:
    """A reason that cannot be sent must not keep anybody from stopping."""
    reason = (await page.form(request)).only("reason")
    try:
        return forms.body(emergency_stop.EmergencyStop, reason) if reason else None
    except ProblemError:
        return None


async def _done(
    request: Request,
    reader: Caller,
    robot_id: str | None,
    stopping: Coroutine[Any, Any, ToldAll],
) -> Response:
    try:
        return _show(request, reader, robot_id, told=await stopping)
    except ProblemError as problem:
        return _show(request, reader, robot_id, problem=problem)


def _show(request: Request, reader: Caller, robot_id: str | None, **more: Any) -> Response:
    # A token that was believed must not give the next one.
    given = {"told": None, "asked_store": False, **more}
    return page.show(request, "emergency_stop", reader, robot_id=robot_id, **given)

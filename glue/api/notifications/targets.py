"""Notification targets: where messages go. Addresses come in and never out."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Path, Request, Response

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import NotFound, ProblemError, Refused, documented
from glue.api.notifications.shapes import NewTarget, Target, TargetChange, Tried, Url
from glue.core import messages, sealing
from glue.core.messages import BadTemplate
from glue.messengers.apprise import BadTarget, NotDelivered, parse
from glue.settings import Settings
from glue.store import audit, notifications

router = access.router("notifications", f"{access.PREFIX}/notifications/targets")

ERRORS = documented(401, 403, 404, 409, 412, 422, 503)
TargetPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("", responses=documented(401, 403, 503))
async def list_targets(request: Request, user: access.Operator) -> list[Target]:
    """All targets by name, with how they do."""
    async with store.transaction(request.app.state.pool) as conn:
        return [Target.model_validate(one) for one in await notifications.targets(conn)]


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_target(
    request: Request, response: Response, user: access.Admin, body: NewTarget
) -> Target:
    """Add a target. Only kinds that `NOTIFY_SCHEMES` allows."""
    values = body.model_dump(exclude={"url"}) | {"created_by": user.username}
    values |= _sealed(request.app.state.settings, body.url)
    await _rendered(request, body)
    async with store.transaction(request.app.state.pool) as conn:
        made = await notifications.add_target(conn, values)
        if made is None:
            raise _taken(body.name)
        await _record(conn, user, "added", made)
    response.headers["Location"] = f"{access.PREFIX}/notifications/targets/{made.id}"
    return etag.tagged(response, Target.model_validate(made))


@router.get("/{target_id}", responses=documented(401, 403, 404, 422, 503))
async def read_target(
    request: Request, response: Response, user: access.Operator, target_id: TargetPath
) -> Target:
    """One target."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, Target.model_validate(await _one(conn, target_id)))


@router.patch("/{target_id}", responses=ERRORS)
async def change_target(
    request: Request,
    response: Response,
    user: access.Admin,
    target_id: TargetPath,
    body: TargetChange,
    if_match: etag.IfMatch = None,
) -> Target:
    """Change a target. What is queued goes to its new address."""
    given = body.model_fields_set
    for name in ("name", "url", "enabled"):
        if name in given and getattr(body, name) is None:
            raise Refused(f"body.{name}", "cannot be null; leave it out")
    sealed = _sealed(request.app.state.settings, body.url) if body.url else {}
    await _rendered(request, body)
    async with store.transaction(request.app.state.pool) as conn:
        held = await _one(conn, target_id, hold=True)
        etag.check(if_match, Target.model_validate(held))
        values = {**vars(held), **body.model_dump(include=given - {"url"}), **sealed}
        changed = await notifications.change_target(conn, target_id, values)
        if changed is None:
            raise _taken(values["name"])
        await _record(conn, user, "changed", changed, fields=sorted(given))
    return etag.tagged(response, Target.model_validate(changed))


@router.delete("/{target_id}", status_code=204, responses=ERRORS)
async def delete_target(
    request: Request, user: access.Admin, target_id: TargetPath, if_match: etag.IfMatch = None
) -> None:
    """Remove a target that no route names. What is queued for it is given up."""
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        held = await _one(conn, target_id, hold=True)
        etag.check(if_match, Target.model_validate(held))
        if named := await notifications.routes_of_target(conn, target_id):
            raise ProblemError(
                409, f"Routes tell it: {', '.join(named)}. Change or remove those first.", "in-use"
            )
        given_up = await notifications.delete_target(conn, target_id)
        await _record(conn, user, "removed", held, given_up=given_up)


@router.post("/{target_id}/test", responses=documented(401, 403, 404, 422, 503))
async def test_target(request: Request, user: access.Admin, target_id: TargetPath) -> Tried:
    """Send a test message now, past routes and outbox, and tell what came of it."""
    state = request.app.state
    async with store.transaction(state.pool) as conn:
        target = await _one(conn, target_id)
        await _record(conn, user, "tried", target)
    key = state.settings.notify.secret_key.get_secret_value()
    zone = ZoneInfo(state.settings.fleet.tz)
    began = time.monotonic()
    error = None
    try:
        url = sealing.unseal(key, target.sealed)
        await state.notifier.messenger.send(
            url, messages.test(user.username, datetime.now(UTC), zone)
        )
    except (BadTarget, NotDelivered, sealing.NoKey, sealing.SealedOtherwise) as why:
        error = str(why)
    return Tried(delivered=error is None, error=error, took_s=round(time.monotonic() - began, 3))


async def _rendered(request: Request, body: NewTarget | TargetChange) -> None:
    """Try the templates. Raises :class:`Refused`."""
    try:
        await request.app.state.renderer.check(body.title_template, body.body_template)
    except BadTemplate as error:
        raise Refused("body", f"the template cannot be rendered: {error}") from None


def _sealed(settings: Settings, url: Url) -> dict[str, Any]:
    """What is kept of an address. Raises :class:`ProblemError` 422 and 503."""
    try:
        address = parse(url.get_secret_value(), settings.notify.allowed, settings.notify.denied)
        sealed = sealing.seal(settings.notify.secret_key.get_secret_value(), address.url)
    except BadTarget as error:
        raise Refused("body.url", str(error)) from None
    except sealing.NoKey as error:
        raise ProblemError(503, f"{error}.", "no-secret-key") from None
    return {"scheme": address.scheme, "masked": address.masked, "sealed": sealed}


async def _one(conn: Any, target_id: int, hold: bool = False) -> notifications.Target:
    found = await notifications.target(conn, target_id, hold)
    if found is None:
        raise NotFound(f"There is no notification target {target_id}.")
    return found


def _taken(name: str) -> ProblemError:
    return ProblemError(409, f"There is a target {name} already.", "taken")


async def _record(
    conn: Any, user: Any, verb: str, target: notifications.Target, **details: Any
) -> None:
    message = f"{user.username} {verb} the notification target {target.name}"
    told = {"username": user.username, "target": target.id, "address": target.masked, **details}
    await audit.record(conn, "api", message, details=told)

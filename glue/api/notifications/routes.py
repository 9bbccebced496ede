"""Notification routes: who is told of what, when."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request, Response

from glue import store
from glue.api.conventions import access, etag
from glue.api.conventions.fields import LARGEST_ID
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.notifications.shapes import NewRoute, Route
from glue.store import audit, notifications, references

router = access.router("notifications", f"{access.PREFIX}/notifications/routes")

ERRORS = documented(401, 403, 404, 409, 412, 422, 503)
RoutePath = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("", responses=documented(401, 403, 503))
async def list_routes(request: Request, user: access.Operator) -> list[Route]:
    """All routes, in the order in which they are tried."""
    async with store.transaction(request.app.state.pool) as conn:
        return [Route.model_validate(row) for row in await notifications.route_rows(conn)]


@router.post("", status_code=201, responses=documented(401, 403, 409, 422, 503))
async def create_route(
    request: Request, response: Response, user: access.Admin, body: NewRoute
) -> Route:
    """Add a route. It counts from the next transition on."""
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        remarks = await references.check(conn, **body.names())
        row = await notifications.add_route(conn, body.model_dump())
        if row is None:
            raise _taken(body.name)
        await _record(conn, user, "added", row)
    response.headers["Location"] = f"{access.PREFIX}/notifications/routes/{row['id']}"
    return etag.tagged(response, Route.model_validate({**row, "remarks": remarks}))


@router.get("/{route_id}", responses=documented(401, 403, 404, 422, 503))
async def read_route(
    request: Request, response: Response, user: access.Operator, route_id: RoutePath
) -> Route:
    """One route."""
    async with store.transaction(request.app.state.pool) as conn:
        return etag.tagged(response, Route.model_validate(await _one(conn, route_id)))


@router.put("/{route_id}", responses=ERRORS)
async def replace_route(
    request: Request,
    response: Response,
    user: access.Admin,
    route_id: RoutePath,
    body: NewRoute,
    if_match: etag.IfMatch = None,
) -> Route:
    """Replace a route as a whole: what is left out gets its default."""
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        remarks = await references.check(conn, **body.names())
        etag.check(if_match, Route.model_validate(await _one(conn, route_id, hold=True)))
        row = await notifications.change_route(conn, route_id, body.model_dump())
        if row is None:
            raise _taken(body.name)
        await _record(conn, user, "changed", row)
    return etag.tagged(response, Route.model_validate({**row, "remarks": remarks}))


@router.delete("/{route_id}", status_code=204, responses=ERRORS)
async def delete_route(
    request: Request, user: access.Admin, route_id: RoutePath, if_match: etag.IfMatch = None
) -> None:
    """Remove a route. What it queued is still sent; nobody is told of those alerts' ends by it."""
    async with store.transaction(request.app.state.pool) as conn:
        await notifications.lock_routes(conn)
        row = await _one(conn, route_id, hold=True)
        etag.check(if_match, Route.model_validate(row))
        await notifications.delete_route(conn, route_id)
        await _record(conn, user, "removed", row)


async def _one(conn: Any, route_id: int, hold: bool = False) -> dict[str, Any]:
    row = await notifications.route(conn, route_id, hold)
    if row is None:
        raise NotFound(f"There is no notification route {route_id}.")
    return row


def _taken(name: str) -> ProblemError:
    return ProblemError(409, f"There is a route {name} already.", "taken")


async def _record(conn: Any, user: Any, verb: str, row: dict[str, Any]) -> None:
    message = f"{user.username} {verb} the notification route {row['name']}"
    details = {"username": user.username, "route": dict(row)}
    await audit.record(conn, "api", message, details=details)

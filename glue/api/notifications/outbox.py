"""The outbox of notifications: what was told to whom, what waits; try again, give up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from glue import store
from glue.api.conventions import access, listing
from glue.api.conventions.problems import NotFound, documented
from glue.api.notifications.shapes import ChangedRows, OutboxFilter, OutboxPage, Rows
from glue.store import audit, outbox

router = access.router("notifications", f"{access.PREFIX}/notifications/outbox")


@router.get("", responses=documented(401, 403, 422, 503))
async def list_outbox(
    request: Request,
    user: access.Operator,
    wanted: Annotated[OutboxFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(outbox.OUTBOX)],
) -> OutboxPage:
    """Rows, newest first unless asked for another sort."""
    return OutboxPage.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/counts", responses=documented(401, 403, 503))
async def count_outbox(request: Request, user: access.Operator) -> dict[str, int]:
    """Rows by state."""
    async with store.transaction(request.app.state.pool) as conn:
        return await outbox.counts(conn)


@router.post("/retry", responses=documented(401, 403, 404, 422, 503))
async def retry(request: Request, user: access.Admin, body: Rows) -> ChangedRows:
    """Try these again now, from the first wait on: those that wait and those given up. The answer
    names what is tried; what was delivered is not."""
    async with store.transaction(request.app.state.pool) as conn:
        await outbox.lock(conn)
        _all_there(body, await outbox.hold(conn, body.ids))
        ids = await outbox.retry(conn, body.ids)
        message = f"{user.username} had {len(ids)} notifications tried again"
        await audit.record(
            conn, "api", message, details={"username": user.username, "rows": ids[:1000]}
        )
    return ChangedRows(ids=ids)


@router.post("/give-up", responses=documented(401, 403, 404, 422, 503))
async def give_up(request: Request, user: access.Admin, body: Rows) -> ChangedRows:
    """Try these no more. One that is on its way is not stopped."""
    async with store.transaction(request.app.state.pool) as conn:
        await outbox.lock(conn)
        _all_there(body, await outbox.hold(conn, body.ids))
        ids = await outbox.give_up(conn, body.ids, f"given up by {user.username}")
        message = f"{user.username} gave up {len(ids)} notifications"
        await audit.record(
            conn, "api", message, details={"username": user.username, "rows": ids[:1000]}
        )
    return ChangedRows(ids=ids)


def _all_there(body: Rows, found: dict[int, outbox.Row]) -> None:
    if missing := sorted(set(body.ids) - set(found)):
        listed = ", ".join(map(str, missing[:20]))
        raise NotFound(f"Nothing was changed: there are no rows {listed} in the outbox.")

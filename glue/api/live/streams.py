"""Server-sent events of alerts and robots, so that nobody need poll.

`ready` comes first: read the lists then, and apply what comes. Each event has the whole row as the
lists show it. `reset` names a topic whose list is to be read again; `bye` says why the stream ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import structlog
from fastapi import Depends, Header, Query, Request, Response
from pydantic import Field
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from glue import store
from glue.api.conventions import access, callers
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import Reply, RobotId, Text
from glue.api.conventions.problems import ProblemError, Refused, documented
from glue.api.live.hub import Full, FullOfUser, Hub, NotRunning
from glue.api.live.listener import Listener, block
from glue.api.live.tickets import GOOD_FOR, Tickets
from glue.store import StoreUnavailable, live, references

log = structlog.get_logger()
router = access.router("live", f"{access.PREFIX}/live")

Name = Literal["alerts", "robots"]

HEARTBEAT_S = 15.0
"""A comment this often: proxies cut a line that says nothing for a minute."""
CHECK_S = 30.0
"""How often it is asked whether this user may still listen; at once when the user changes."""
SEND_WITHIN_S = 10.0
"""A client that takes nothing for so long is cut off: what waits for it would only grow."""
COME_BACK_MS = 2000
FULL_RETRY_S = 10

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `ready`, `alert`, `alert_removed`, `robot`, `robot_removed`,"
        " `reset`, `bye`; comments while nothing happens.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class Ticket(Reply):
    """Good for one stream: `new EventSource('/api/v1/live?ticket=…')`."""

    ticket: str
    expires_in: int = Field(description="Seconds.")


class ByTicket(access.Access):
    """Lets in who has an access token, or a ticket in its place."""

    async def __call__(
        self,
        request: Request,
        token: Annotated[str | None, Depends(access.bearer)],
        ticket: Annotated[
            Text | None, Query(max_length=100, description="Of `POST /live/tickets`.")
        ] = None,
    ) -> Caller:
        if ticket is not None:
            tickets: Tickets = request.app.state.tickets
            if (token := tickets.take(ticket)) is None:
                raise ProblemError(
                    401,
                    "This ticket was used or is too old; get another.",
                    headers={"WWW-Authenticate": 'Bearer realm="tonypi"'},
                )
        caller = await super().__call__(request, token)
        request.state.token = token
        return caller


class Stream(EventSourceResponse):
    """A stream that leaves the hub however it ends."""

    def __init__(self, events: AsyncIterator[bytes], hub: Hub, listener: Listener) -> None:
        super().__init__(
            events,
            headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
            ping=0,  # the events have heartbeats of their own, which move the position
            send_timeout=SEND_WITHIN_S,
        )
        self._hub = hub
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("live.cut", user=self._listener.user, why="takes nothing")
        finally:
            self._hub.leave(self._listener)


@router.post("/tickets", status_code=201, responses=documented(401, 403, 503))
async def create_ticket(
    request: Request,
    response: Response,
    user: access.Viewer,
    token: Annotated[str | None, Depends(access.bearer)],
) -> Ticket:
    """A ticket for a browser, which cannot send a header with an event stream."""
    response.headers["Cache-Control"] = "no-store"
    tickets: Tickets = request.app.state.tickets
    return Ticket(ticket=tickets.give(token or "", user.username), expires_in=GOOD_FOR)


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={**_STREAM, **documented(401, 403, 422, 429, 503)},
)
async def listen(
    request: Request,
    user: Annotated[Caller, Depends(ByTicket("viewer"))],
    topics: Annotated[list[Name] | None, Query(max_length=2)] = None,
    robot_id: Annotated[RobotId | None, Query(description="Only what is of this robot.")] = None,
    last_event_id: Annotated[
        Text | None,
        Query(max_length=40, description="Like the header, for a page that opens a new stream."),
    ] = None,
    last_event_id_header: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=40,
            description="`id` of the last event: what came since is sent first.",
        ),
    ] = None,
) -> Response:
    """What happens to alerts and robots, as server-sent events, until one side ends it.

    An event that you have may come again; none is left out. Who is away for more than an hour, or
    too slow, is told `reset`: read the lists again. Only alerts and robots' records are told, not
    each sign of life.
    """
    async with store.transaction(request.app.state.pool) as conn:
        await references.check_filters(conn, {"robot_id": robot_id})
    return await _open(
        request, user, topics or ["alerts", "robots"], robot_id, last_event_id_header, last_event_id
    )


async def _open(
    request: Request,
    user: Caller,
    topics: list[Name],
    robot_id: str | None,
    header: str | None,
    query: str | None,
) -> Response:
    last = None
    if given := header or query:
        try:
            last = live.read_position(given)
        except live.BadPosition:
            raise Refused(
                "header.Last-Event-ID" if header else "query.last_event_id",
                "no id of an event of this stream; start without one",
            ) from None
    hub: Hub = request.app.state.live
    listener = Listener(user.username, topics, robot_id)
    try:
        whole = await hub.join(listener, last)
    except FullOfUser:
        raise ProblemError(
            429,
            "You have as many streams as GLUE_LIVE_LISTENERS_OF_USER allows; close one of them.",
            "too-many-streams",
            headers={"Retry-After": str(FULL_RETRY_S)},
        ) from None
    except Full:
        raise ProblemError(
            503,
            "As many listen as GLUE_LIVE_LISTENERS allows; try again later.",
            "too-many-listeners",
            headers={"Retry-After": str(FULL_RETRY_S)},
        ) from None
    except NotRunning:
        raise ProblemError(
            503, "This process does not follow what changes; ask the running service.", "not-live"
        ) from None
    ready = {"topics": sorted(listener.topics), "resumed": last is not None and whole}
    start = block(
        json.dumps(ready), event="ready", id=str(last or listener.position), retry=COME_BACK_MS
    )
    return Stream(_events(request, user, hub, listener, start), hub, listener)


async def _events(
    request: Request, user: Caller, hub: Hub, listener: Listener, start: bytes
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    check_at, beat_at = loop.time() + CHECK_S, loop.time() + HEARTBEAT_S
    yield start
    while hub.running:
        told = await listener.next(min(check_at, beat_at) - loop.time())
        if listener.suspect or loop.time() >= check_at:
            listener.suspect, check_at = False, loop.time() + CHECK_S
            if not await _may_stay(request, user):
                yield _bye("You may no longer listen; log in again.")
                return
        if listener.slow:
            log.info("live.cut", user=listener.user, why="too slow")
            return
        if told:
            beat_at = loop.time() + HEARTBEAT_S
            yield told
        elif loop.time() >= beat_at:
            beat_at = loop.time() + HEARTBEAT_S
            yield b": still here\r\n" + listener.place()
    yield _bye("The service stops.")


async def _may_stay(request: Request, user: Caller) -> bool:
    try:
        return await callers.still(request, user, request.state.token)
    except StoreUnavailable:
        return True  # nothing is told meanwhile either, and it is asked again


def _bye(why: str) -> bytes:
    return block(json.dumps({"reason": why}), event="bye")

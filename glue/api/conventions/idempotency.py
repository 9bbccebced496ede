"""``Idempotency-Key``: a create, or a command to a robot, that is sent twice happens once.

A route that creates answers 201; one that sends, or that answers otherwise, says
``openapi_extra=idempotency.CREATES``; nothing else is to be done there. With the header, the first
request takes the key (:func:`begin`, called when the caller is known), and a successful answer is
kept with it. The same request with the same key then gets that answer again, with
``Idempotency-Replayed: true``; while the first is at work, 409; another request with the key, 422.
What fails changes nothing and frees the key. A key whose request was killed is free after two
minutes. An answer that says ``Cache-Control: no-store`` holds a secret: its body is not kept, and a
repetition is told that it is too late to see it.

What has left for a robot cannot be taken back: a route that sends calls :func:`sending` before, and
:func:`unsent` where it certainly did not leave. From then on the key is never free again: an error
is kept like any answer, and where there is none (cancelled, killed), that it was sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from fastapi import Request
from starlette.responses import Response

from glue import store
from glue.api.conventions.problems import ProblemError, Refused, answer
from glue.store import idempotency as keys

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
CREATES: dict[str, Any] = {"x-idempotent": True}
"""``openapi_extra`` of a route that creates."""

PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A name for this request, made up by you (a UUID, say). Sent again with the same"
    " name within a day, it is not done again: you get the first answer.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}

AGAIN_AFTER = "1"
"""Seconds, for who comes while the first is at work."""

KEPT_HEADERS = ("content-type", "location", "etag")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass
class Held:
    """The key that a request holds. ``sent``: something has left for a robot."""

    asked: keys.Asked
    taken_at: datetime
    sent: bool = False


class Replay(Exception):
    """Carries the kept answer from :func:`begin` to :func:`once`."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def of(openapi_extra: Mapping[str, Any] | None) -> bool:
    """Whether a route with this ``openapi_extra`` creates."""
    return bool(openapi_extra and openapi_extra.get("x-idempotent"))


async def begin(request: Request, user_id: str) -> None:
    """Take the request's key for this user, where the route creates and a key came. Raises
    :class:`Replay`, and :class:`ProblemError` 409 or 422."""
    key = request.headers.get(HEADER)
    if key is None or not of(getattr(request.scope.get("route"), "openapi_extra", None)):
        return
    if not re.fullmatch(r"[!-~]{1,200}", key):
        raise Refused(f"header.{HEADER}", "1 to 200 printable ASCII characters, no space")
    asked = keys.Asked(user_id, key, request.method, request.url.path, await _fingerprint(request))
    async with store.transaction(request.app.state.pool) as conn:
        taken_at = await keys.take(conn, asked)
        kept = await keys.kept(conn, asked) if taken_at is None else None
    if taken_at is not None:
        request.state.idempotency = Held(asked, taken_at)
        return
    _refuse_or_replay(asked, kept)


async def sending(request: Request, conn: Any, command_id: UUID, robot_id: str | None) -> None:
    """A command leaves as soon as ``conn``'s transaction, which holds its record, is committed."""
    held = _held(request)
    if held is None:
        return
    sent = ProblemError(
        409,
        f"This was sent to {robot_id or 'all robots'} already, and is not sent again. What became "
        f"of it is told by GET /api/v1/commands/{command_id}.",
        "sent-already",
        more={"command_id": str(command_id)},
    )
    held.sent = True
    await _keep(conn, held, answer(held.asked.path, sent))


async def unsent(request: Request) -> None:
    """It did not leave after all, and will not."""
    held = _held(request)
    if held is None or not held.sent:
        return
    held.sent = False
    try:
        async with store.transaction(request.app.state.pool) as conn:
            await keys.withdraw(conn, held.asked, held.taken_at)
    except store.StoreUnavailable as error:
        # Who repeats it is sent to the command's record, which says that it did not leave.
        log.warning("api.idempotency_key_left", path=held.asked.path, error=str(error))


def once(handle: Handler) -> Handler:
    """``handle``, whose successful answers are kept with the key that :func:`begin` took, and its
    problems where something was sent."""

    async def handled(request: Request) -> Response:
        try:
            response = await handle(request)
        except Replay as replay:
            return replay.response
        except ProblemError as problem:
            held = _held(request)
            sent = held is not None and held.sent
            await _end(request, answer(request.url.path, problem) if sent else None)
            raise
        except BaseException:
            await _end(request, None)
            raise
        await _end(request, response if response.status_code < 300 else None)
        return response

    return handled


def _refuse_or_replay(asked: keys.Asked, kept: keys.Kept | None) -> None:
    if kept is not None and kept.fingerprint != asked.fingerprint:
        raise Refused(
            f"header.{HEADER}", "you sent another request with this key; each needs its own"
        )
    if kept is None or kept.status is None or kept.headers is None:
        raise ProblemError(
            409,
            "The first request with this key is at work; ask again for its answer.",
            "at-work",
            headers={"Retry-After": AGAIN_AFTER},
        )
    if kept.body is None:
        raise ProblemError(
            409,
            "This was done already. The first answer held a secret, which is not kept: where it got"
            " lost, make another.",
            "done-already",
            headers={REPLAYED: "true"},
        )
    raise Replay(Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"}))


async def _end(request: Request, response: Response | None) -> None:
    held = _held(request)
    if held is None:
        return
    try:
        async with store.transaction(request.app.state.pool) as conn:
            if response is None:
                await keys.release(conn, held.asked, held.taken_at)
            else:
                await _keep(conn, held, response)
    except store.StoreUnavailable as error:
        # What was done is done and shall be answered; the key is free after keys.LONGEST.
        log.warning("api.idempotency_key_left", path=held.asked.path, error=str(error))


async def _keep(conn: Any, held: Held, response: Response) -> None:
    secret = "no-store" in response.headers.get("cache-control", "")
    headers = {k: v for k, v in response.headers.items() if k in KEPT_HEADERS}
    body = None if secret else bytes(response.body)
    await keys.finish(conn, held.asked, held.taken_at, response.status_code, headers, body)


def _held(request: Request) -> Held | None:
    return getattr(request.state, "idempotency", None)


async def _fingerprint(request: Request) -> bytes:
    told = "\n".join(
        (
            request.method,
            request.url.path,
            request.url.query,
            request.headers.get("content-type", ""),
        )
    )
    # The body may hold a password, which nobody shall find by trying from what is kept.
    secret = request.app.state.settings.glue.jwt_secret.get_secret_value()
    message = b"idempotency\n" + told.encode() + b"\n" + await request.body()
    return hmac.digest(secret.encode(), message, hashlib.sha256)

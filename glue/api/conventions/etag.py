"""Entity tags: nobody overwrites what somebody else changed meanwhile, and who has the newest
state is not sent it again.

A route that answers one thing answers ``etag.tagged(response, reply)``; :class:`access.Declared`
turns that into 304 where ``If-None-Match`` names it. A route that changes a thing takes
``if_match: etag.IfMatch = None`` and calls ``etag.check(if_match, current)`` in the transaction
that holds the row, where ``current`` is what reading it would answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request, Response
from pydantic import BaseModel

from glue.api.conventions.fields import Remarked
from glue.api.conventions.problems import ProblemError

Kind = TypeVar("Kind", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="`ETag` of the state that you change. Another state by now: 412.",
    ),
]


def tag(reply: BaseModel) -> str:
    """A strong tag: two replies of one kind have the same one exactly when they say the same."""
    own = {"remarks"} if isinstance(reply, Remarked) else None
    return f'"{hashlib.sha256(reply.model_dump_json(exclude=own).encode()).hexdigest()[:32]}"'


def tagged(response: Response, reply: Kind) -> Kind:
    """``reply``, its tag among the headers of ``response``."""
    response.headers["ETag"] = tag(reply)
    return reply


def check(if_match: str | None, current: BaseModel) -> None:
    """Raises :class:`ProblemError` 412, with the tag of ``current``, when the client asked for
    another state. Without the header every state will do."""
    if if_match is None or "*" in _listed(if_match):
        return
    now = tag(current)
    if now not in _listed(if_match):
        raise ProblemError(
            412,
            "Somebody changed it since you read it. Read it again, then decide.",
            headers={"ETag": now},
        )


def conditional(handle: Handler) -> Handler:
    """``handle``, answering 304 to who has the state already."""

    async def handled(request: Request) -> Response:
        response = await handle(request)
        current = response.headers.get("etag")
        # Weak comparison, as RFC 9110 has it: a proxy may have weakened the tag.
        known = {
            one.removeprefix("W/") for one in _listed(request.headers.get("if-none-match", ""))
        }
        if current and request.method == "GET" and known & {"*", current}:
            return Response(status_code=304, headers={"ETag": current})
        return response

    return handled


def _listed(header: str) -> list[str]:
    return [one.strip() for one in header.split(",")]

"""Reading server-sent events as a client would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Said:
    """One event; ``at`` is when it came (monotonic seconds)."""

    event: str
    data: Any
    id: str
    at: float


@dataclass
class Reader:
    """``await reader.next("alert")``; ``id`` is what to come back with."""

    lines: AsyncIterator[str]
    id: str = ""
    comments: int = 0
    seen: list[Said] = field(default_factory=list)

    async def events(self) -> AsyncIterator[Said]:
        event, data = "", []
        async for line in self.lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line == "" and data:
                said = Said(event, json.loads("\n".join(data)), self.id, time.monotonic())
                self.seen.append(said)
                event, data = "", []
                yield said
            elif line == "":
                event = ""
            elif name == "":
                self.comments += 1
            elif name == "id":
                self.id = value
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)

    async def next(self, event: str = "", within: float = 10.0) -> Said:
        """The next event (of that name; those before it stay in ``seen``)."""
        async with asyncio.timeout(within):
            async for said in self.events():
                if event in ("", said.event):
                    return said
        raise AssertionError(f"the stream ended without {event}: {self.seen[-3:]}")

    async def rest(self, within: float = 10.0) -> list[Said]:
        """All until the stream ends."""
        async with asyncio.timeout(within):
            return [said async for said in self.events()]


@contextlib.asynccontextmanager
async def stream(
    client: httpx.AsyncClient, token: str | None = None, last: str = "", **params: Any
) -> AsyncIterator[Reader]:
    """An open stream, its `ready` read."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    if last:
        headers["last-event-id"] = last
    async with client.stream(
        "GET", "/api/v1/live", headers=headers, params=params, timeout=30
    ) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = Reader(answer.aiter_lines())
        await reader.next("ready")
        yield reader

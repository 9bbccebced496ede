"""A client that sends or reads too slowly loses its connection; others are served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from glue.api import request_timeout
from glue.stack.probe import free_port

LIMIT = 0.5


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, then answers; ``/large`` answers with more than any buffer takes."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(500 if scope["path"] == "/large" else 1):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    if scope["path"] == "/stream":
        await asyncio.sleep(3 * LIMIT)
    await send({"type": "http.response.body", "body": b"end"})


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    port = free_port()
    config = uvicorn.Config(
        app, port=port, log_config=None, lifespan="off", http=request_timeout.protocol(LIMIT)
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
HALVES = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost:",
    "half a body": POST + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{",
    "after a whole one": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    + POST
    + b"Content-Length: 9\r\n\r\n{",
}


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
async def test_half_a_request_is_waited_for_no_longer(sent: bytes) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(60):
            answer = await reader.read(-1)
        assert b" 408 " in answer and b"GLUE_REQUEST_TIMEOUT" in answer
        writer.close()


async def test_bytes_that_trickle_in_gain_no_time() -> None:
    async with served() as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 1000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await asyncio.sleep(LIMIT / 5)
                if reader._buffer:  # type: ignore[attr-defined]
                    break
            assert b" 408 " in await reader.read(100)
        writer.close()


async def test_an_answer_that_nobody_takes_ends() -> None:
    async with served() as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(3 * LIMIT)
        size = 0
        with contextlib.suppress(ConnectionError):
            while got := await reader.read(100_000):
                size += len(got)
        assert size < 500 * 100_000
        writer.close()


async def test_who_reads_is_served_as_long_as_it_takes() -> None:
    async with served() as port, asyncio.timeout(60):
        for path in (b"/large", b"/stream"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"end" in await reader.read(-1)
            writer.close()

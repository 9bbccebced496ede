"""How long a connection is waited for: the HTTP protocol that uvicorn runs, with time limits.

uvicorn limits the time between two requests of a connection alone. A client that sends half a head
or half a body, or does not read its answer, would keep a connection, and what works for it, for
ever (slowloris). So, from the first byte of a request (or from connecting) to its last there is
one limit, however the bytes come; and an answer has to be taken within the same time. Streams last
as long as their reader reads.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger()

_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
    b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
)
_PROBLEM = (
    b'{"type":"about:blank","title":"Request Timeout","status":408,'
    b'"detail":"The request did not arrive within GLUE_REQUEST_TIMEOUT."}'
)


def protocol(seconds: float) -> type[H11Protocol]:
    """The class for uvicorn's setting ``http``; ``seconds`` is the limit."""
    return type("RequestTimeoutProtocol", (_RequestTimeout,), {"seconds": seconds})


class _RequestTimeout(H11Protocol):
    seconds: float

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._arriving: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_arriving()
        self._stop_taking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_arrival()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Of pipelined requests the next one may have begun to arrive.
        if self.conn.their_state is h11.SEND_BODY:
            self._watch_arrival()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(self.seconds, self._not_taken)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_taking()

    def _watch_arrival(self) -> None:
        """Begin to measure, or go on, or end where all of the request is there."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_arriving()
        elif self._arriving is None:
            self._arriving = self.loop.call_later(self.seconds, self._not_arrived)

    def _stop_arriving(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _not_arrived(self) -> None:
        self._arriving = None
        if self.transport.is_closing():
            return
        log.info("http.cut", client=self._address(), why="the request did not arrive in time")
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_LATE % (len(_PROBLEM), _PROBLEM))
        self.transport.close()

    def _not_taken(self) -> None:
        self._taking = None
        log.info("http.cut", client=self._address(), why="the answer was not taken in time")
        self.transport.abort()

    def _address(self) -> str:
        return self.client[0] if self.client else ""

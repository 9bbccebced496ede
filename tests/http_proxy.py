"""A proxy before an HTTP server that counts what passes, and can break it.

Faults are a vocabulary: ``refuse`` answers in the server's place, ``lose`` lets the request through
and drops its answer, ``hang`` says nothing for a while.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx

HOP = {
    "connection",
    "transfer-encoding",
    "content-encoding",
    "content-length",
    "keep-alive",
    "host",
}
READS = ("GET", "HEAD")


@dataclass
class Fault:
    """What befalls the next ``times`` requests that ``fits`` takes (method, path)."""

    kind: str
    fits: Callable[[str, str], bool]
    times: int = 1
    status: int = 500
    seconds: float = 0.0


@dataclass
class Proxy:
    """``url`` in place of the server's. ``seen``: (method, path without its query)."""

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.seen if one[0] not in READS]

    def forget(self) -> None:
        """Count from here on."""
        self.seen.clear()

    def break_next(self, kind: str, fits: Callable[[str, str], bool], **more: Any) -> Fault:
        fault = Fault(kind, fits, **more)
        self.faults.append(fault)
        return fault

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.fits(method, path):
                fault.times -= 1
                return fault
        return None


@contextlib.contextmanager
def before(server: str, port: int = 0) -> Iterator[Proxy]:
    """A proxy before ``server`` (an http URL) on ``port``, 0 for a free one."""
    client = httpx.Client(base_url=server, timeout=30)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.split("?")[0]
            with lock:
                proxy.seen.append((self.command, path))
                fault = proxy.fault(self.command, path)
            if fault and fault.kind == "hang":
                time.sleep(fault.seconds)
                self.close_connection = True
                return
            if fault and fault.kind == "refuse":
                self._answer(
                    fault.status, {"content-type": "application/json"}, b'{"message":"no"}'
                )
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            try:
                answer = client.request(self.command, self.path, content=body, headers=headers)
            except httpx.TransportError:
                self.close_connection = True
                return
            if fault and fault.kind == "lose":
                self.close_connection = True
                return
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP}
            self._answer(answer.status_code, kept, answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked may have given up
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        kept: ClassVar[set[socket.socket]] = set()

        def process_request(self, request: Any, client_address: Any) -> None:
            self.kept.add(request)
            super().process_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            self.kept.discard(request)
            super().shutdown_request(request)

        def handle_error(self, *_: object) -> None:
            """A client that was killed resets its connections."""

    served = Server(("127.0.0.1", port), Handler)
    proxy = Proxy(f"http://127.0.0.1:{served.server_port}")
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        served.shutdown()
        served.server_close()
        # Who keeps a connection open would go on being served, with the faults of this one.
        for one in list(Server.kept):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        client.close()

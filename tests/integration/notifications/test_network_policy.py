"""Where messages may go is decided where the socket connects: names and redirects count, too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from glue.core.messages import Message
from glue.messengers.apprise import Messenger, NotDelivered
from glue.settings.notify import Notify
from tests import notified


async def test_a_name_that_leads_into_a_denied_network_is_not_connected_to() -> None:
    messenger = Messenger(Notify(NOTIFY_DENIED_NETWORKS="127.0.0.0/8,::1/128"))
    with notified.web() as web:
        with pytest.raises(NotDelivered, match="NOTIFY_DENIED_NETWORKS"):
            await messenger.send(f"json://localhost:{web.port}/", Message("t", "b"))
        assert web.got == []
        # The policy is of who sends, and of this message.
        await _sent(f"json://localhost:{web.port}/")
        assert web.titles == ["t"]


@pytest.fixture
def redirecting() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_redirects_are_not_followed(redirecting: tuple[int, list[str]]) -> None:
    port, asked = redirecting
    with pytest.raises(NotDelivered):
        await _sent(f"json://127.0.0.1:{port}/hook")
    assert asked == ["/hook"]


async def _sent(url: str) -> None:
    messenger = Messenger(Notify())
    try:
        await messenger.send(url, Message("t", "b"))
    finally:
        messenger.close()

"""A relay before the broker: it holds back or breaks the connection of one MQTT client."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from glue.settings import Broker


class Relay:
    """``port`` in place of the broker's. A connection is known by its client id."""

    def __init__(self, broker: Broker) -> None:
        self._broker = (broker.host, broker.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._connections: list[tuple[bytes, socket.socket, threading.Event]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, client_id: str, seconds: float) -> None:
        """What the broker sends to ``client_id`` comes after ``seconds`` only."""
        for _, flows in self._of(client_id):
            flows.clear()
            threading.Timer(seconds, flows.set).start()

    def cut(self, client_id: str) -> None:
        """Break the connections of ``client_id``; new ones are let through."""
        for client, _ in self._of(client_id):
            client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        for _, client, flows in self._connections:
            flows.set()
            client.close()

    def _of(self, client_id: str) -> Iterator[tuple[socket.socket, threading.Event]]:
        return (
            (client, flows)
            for connect, client, flows in self._connections
            if client_id.encode() in connect and client.fileno() >= 0
        )

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        connect = client.recv(65536)
        server, flows = socket.create_connection(self._broker), threading.Event()
        flows.set()
        self._connections.append((connect, client, flows))
        server.sendall(connect)
        threading.Thread(target=self._pump, args=(server, client, flows), daemon=True).start()
        self._pump(client, server)

    @staticmethod
    def _pump(
        source: socket.socket, sink: socket.socket, flows: threading.Event | None = None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if flows:
                    flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

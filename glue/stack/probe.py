"""Does it serve? Small questions to a local port, answered at once and never with an exception."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit


def accepts(host: str, port: int, patience: float = 1.0) -> bool:
    """Whether somebody accepts TCP connections there, within ``patience`` seconds."""
    try:
        with socket.create_connection((host, port), timeout=patience):
            return True
    except OSError:
        return False


def answers(url: str, patience: float = 2.0) -> bool:
    """Whether GET ``url`` gives a 2xx within ``patience`` seconds. Proxies are never asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=patience
    )
    try:
        connection.request("GET", parts.path or "/")
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answers_mqtt(port: int, patience: float = 5.0) -> bool:
    """Whether a broker on loopback answers CONNECT, be it with «not authorized». The kernel accepts
    connections for a broker that hangs as well."""
    connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=patience) as wire:
            wire.sendall(connect)
            return wire.recv(1) == b"\x20"
    except OSError:
        return False


def port_of(url: str, default: int) -> int:
    """The port that ``url`` names, else ``default``."""
    return urlsplit(url).port or default


def free_port() -> int:
    """A loopback port that nobody uses at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

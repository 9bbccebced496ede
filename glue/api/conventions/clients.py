"""Who is at the other end of a request: the address that sign-in counts by and records."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from fastapi import Request

from glue.core import client_address, demo
from glue.settings import Glue

log = structlog.get_logger()

LONGEST_AGENT = 200
"""Characters kept of what a client calls itself."""

PROXY_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


@dataclass(frozen=True)
class Client:
    """``address`` (behind trusted proxies the one that they saw), ``agent`` as it calls itself,
    ``from_here``: surely of this machine."""

    address: str
    agent: str = ""
    from_here: bool = False


def of(request: Request) -> Client:
    """The client of ``request``."""
    settings: Glue = request.app.state.settings.glue
    peer = request.client.host if request.client else ""
    trusted = client_address.networks(settings.trusted_proxies)
    forwarded = request.headers.getlist("x-forwarded-for")
    address = client_address.client(peer, forwarded, trusted)
    if forwarded and not trusted and not getattr(request.app.state, "proxy_noticed", False):
        request.app.state.proxy_noticed = True
        log.warning(
            "api.proxy_not_trusted",
            peer=peer,
            why="X-Forwarded-For came, and is not believed: everybody behind that proxy counts as"
            " one address",
            do="name the proxy in GLUE_TRUSTED_PROXIES, where it is one of yours",
        )
    agent = request.headers.get("user-agent", "")[:LONGEST_AGENT]
    through_proxy = any(name in request.headers for name in PROXY_HEADERS)
    from_here = demo.from_here(peer, request.headers.get("host", ""), through_proxy)
    return Client(address[:100], agent, from_here)

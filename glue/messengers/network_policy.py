"""Networks that a notification target may not be in, checked at each connection.

A name is resolved by the library that connects, and may be resolved to something else each time; so
the check stands where the socket connects (an audit hook of the interpreter, PEP 578), for the
thread that sends. Neither a name that points elsewhere nor a redirect gets around it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class DeniedAddress(OSError):
    """The address is in a network that NOTIFY_DENIED_NETWORKS names."""


def denial(address: str, denied: Sequence[Network]) -> str | None:
    """Why ``address`` may not be connected to, as a sentence; None when it may, and for a name."""
    try:
        ip = ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    for network in denied:
        if ip in network:
            return f"{ip} is in {network}, which NOTIFY_DENIED_NETWORKS keeps from being used"
    return None


@contextlib.contextmanager
def applied(denied: Sequence[Network]) -> Iterator[list[str]]:
    """Inside it, what this thread connects to a denied network raises :class:`DeniedAddress`. Gives
    the list of those refusals: libraries hide why a connection failed."""
    _install()
    _thread.denied, _thread.refusals = denied, []
    try:
        yield _thread.refusals
    finally:
        _thread.denied = ()


_thread = threading.local()
_installed = threading.Lock()


def _install() -> None:
    # Once: a hook cannot be removed. Until the first message there is none.
    if _installed.acquire(blocking=False):
        sys.addaudithook(_hook)


def _hook(event: str, args: tuple[object, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    denied = getattr(_thread, "denied", ())
    if not denied:
        return
    address = args[1]
    if isinstance(address, tuple) and (why := denial(str(address[0]), denied)):
        _thread.refusals.append(why)
        raise DeniedAddress(why)

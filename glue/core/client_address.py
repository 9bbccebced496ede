"""Whose request it is, where a proxy stands in between.

``X-Forwarded-For`` can be written by anybody; each proxy adds at its end whom it saw. So it is read
from its end, and only as far as the proxies that we were told to trust have written it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises ``ValueError`` naming the one that is
    none."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def client(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address. ``peer`` is who is connected, ``forwarded`` the values of all
    ``X-Forwarded-For`` headers in their order."""
    seen = peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and _within(seen, trusted):
        hop = _address(hops.pop())
        if hop is None:
            break
        seen = hop
    return seen


def is_loopback(address: str) -> bool:
    """Whether only this machine has it; false for what is no address."""
    try:
        parsed = ip_address(address.strip("[]"))
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _within(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in trusted)


def _address(hop: str) -> str | None:
    """``1.2.3.4``, ``1.2.3.4:5``, ``2001:db8::1`` and ``[2001:db8::1]:5``."""
    bare = hop
    if hop.startswith("["):
        bare = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        bare = hop.partition(":")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return None

"""Whose request it is, behind proxies or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core.client_address import client, is_loopback, networks

PROXIES = networks("10.0.0.0/8, 2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("1.2.3.4", [], "1.2.3.4"),
        ("1.2.3.4", ["6.6.6.6"], "1.2.3.4"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("2001:db8::1", ["[2001:dead::5]:443"], "2001:dead::5"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_forwarded_addresses_count_as_far_as_trusted_proxies_wrote_them(
    peer: str, forwarded: list[str], found: str
) -> None:
    assert client(peer, forwarded, PROXIES) == found
    assert client(peer, forwarded, ()) == peer


@given(st.lists(st.text(max_size=40), max_size=5))
def test_what_a_client_writes_never_makes_it_another(forged: list[str]) -> None:
    assert client("10.0.0.1", [*forged, "9.9.9.9"], PROXIES) == "9.9.9.9"
    assert client("9.9.9.9", forged, PROXIES) == "9.9.9.9"


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback(address: str, here: bool) -> None:
    assert is_loopback(address) is here

"""A session's refresh tokens: each is good for one rotation, which gives the next.

Whoever shows one that was rotated before is not the one who rotated it, or the other one is not:
the session ends for both. One exception, for an answer that got lost on its way: the newest rotated
token, shown again within seconds and before its successor was used, gives the same successor again.
It is computed from the token, so that nobody has to keep it in the clear.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

PREFIX = "tpr_"
"""For scanners of leaked secrets."""

AGAIN_WITHIN = 10.0
"""Seconds in which the answer to a rotation may have got lost."""

Verdict = Literal["rotate", "again", "reuse", "over"]


@dataclass(frozen=True)
class Shown:
    """A refresh token that somebody shows. ``rotated_ago`` in seconds, None for the newest;
    ``successor_used``: the one that it gave was rotated too; ``live``: the session goes on."""

    rotated_ago: float | None
    successor_used: bool
    live: bool


def judge(shown: Shown) -> Verdict:
    """What to do: give the next token, give the same one again, end the session, nothing."""
    if not shown.live:
        return "over"
    if shown.rotated_ago is None:
        return "rotate"
    if shown.rotated_ago <= AGAIN_WITHIN and not shown.successor_used:
        return "again"
    return "reuse"


def first() -> str:
    """A family's first token: 256 random bits."""
    return PREFIX + _text(secrets.token_bytes(32))


def successor(token: str, secret: str) -> str:
    """The one that follows ``token``; nobody without ``secret`` can tell."""
    key = hashlib.sha256(b"refresh token\0" + secret.encode()).digest()
    return PREFIX + _text(hmac.digest(key, token.encode(), "sha256"))


def digest(token: str) -> bytes:
    """What is kept of a token. It is random, so it needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

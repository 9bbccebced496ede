"""Links that acknowledge what a message told, for who has the message: no sign-in on a phone at
night.

A link names a message and the target it went to, sealed under ``GLUE_SECRET_KEY`` and good for some
days. It lets its holder acknowledge the alerts of that message, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from glue.core import sealing

PATH = "/acknowledge"

_KIND = "acknowledge"


class BadLink(Exception):
    """Not a link of ours; the text is for who followed it."""


class LinkOver(BadLink):
    """It was good for some days."""


@dataclass(frozen=True)
class AckLink:
    """``batch`` is the message, as the outbox counts them; ``target`` the id of whom it went to."""

    batch: int
    target: int


def token(keys: str, link: AckLink, until: datetime) -> str:
    """Safe in a URL. Raises :class:`~glue.core.sealing.NoKey`."""
    return sealing.seal(keys, f"{_KIND} {link.batch} {link.target} {int(until.timestamp())}")


def read(keys: str, text: str, now: datetime) -> AckLink:
    """The link in a token. Raises :class:`BadLink` and ``NoKey``."""
    try:
        kind, batch, target, until = sealing.unseal(keys, text).split(" ")
    except (sealing.SealedOtherwise, ValueError):
        raise BadLink("This is not a whole link of a message: was its end cut off?") from None
    if kind != _KIND:
        raise BadLink("This is not a link of a message.")
    ends = datetime.fromtimestamp(int(until), UTC)
    if now > ends:
        raise LinkOver(f"This link was good until {ends:%Y-%m-%d %H:%M} UTC.")
    return AckLink(int(batch), int(target))

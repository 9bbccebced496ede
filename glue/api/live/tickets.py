"""Tickets: a browser's EventSource cannot send a header, and an access token in an address would
stand in logs. A ticket is good for one stream, for half a minute, in the process that gave it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable

GOOD_FOR = 30
"""Seconds."""
OUTSTANDING_MAX = 10_000
OF_USER_MAX = 50
"""Of one user: beyond it the oldest of that user is void, and nobody else's."""


class Tickets:
    """In memory: after a restart a page asks for another one, as it does anyway."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: dict[bytes, tuple[str, float]] = {}
        self._of_user: dict[str, deque[bytes]] = {}

    def give(self, token: str, user: str = "") -> str:
        """A ticket in place of the access token ``token`` of ``user``."""
        now = self._clock()
        mine = self._of_user.setdefault(user, deque())
        while mine and (mine[0] not in self._given or len(mine) >= OF_USER_MAX):
            self._given.pop(mine.popleft(), None)
        # They run out in the order in which they were given.
        while self._given and (
            next(iter(self._given.values()))[1] <= now or len(self._given) >= OUTSTANDING_MAX
        ):
            del self._given[next(iter(self._given))]
        ticket = secrets.token_urlsafe(32)
        self._given[_hash(ticket)] = token, now + GOOD_FOR
        mine.append(_hash(ticket))
        return ticket

    def take(self, ticket: str) -> str | None:
        """The token; None for a ticket that was used, is too old or never was one."""
        token, until = self._given.pop(_hash(ticket), ("", 0.0))
        return token if until > self._clock() else None


def _hash(ticket: str) -> bytes:
    # Looked up by its hash: how long that takes tells nothing of the tickets that there are.
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()

"""How often somebody may try a password: guessing must be slow, a typing error must not hurt.

Tries are counted for each address and user name together, so that a stranger elsewhere cannot lock
a user out. In memory: a restart forgives.
"""

from __future__ import annotations

from collections import deque

TRIES = 10
WINDOW = 300.0
"""At most ``TRIES`` failures in ``WINDOW`` seconds."""

REMEMBERED = 10_000
"""Pairs kept at most; beyond it the one tried longest ago is forgotten."""

Key = tuple[str, str]
"""(address, user name)"""


class LoginThrottle:
    """Counts tries. ``now`` is any monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._tries: dict[Key, deque[float]] = {}

    def begin(self, key: Key, now: float) -> float:
        """Count a try; gives 0, or the seconds to wait when there were too many.

        It counts before the password is checked, so that tries side by side count as well.
        """
        tries = self._tries.pop(key, deque())
        self._tries[key] = tries
        while tries and tries[0] <= now - WINDOW:
            tries.popleft()
        if len(tries) >= TRIES:
            return tries[0] + WINDOW - now
        tries.append(now)
        if len(self._tries) > REMEMBERED:
            del self._tries[next(iter(self._tries))]
        return 0.0

    def succeeded(self, key: Key) -> None:
        """The password was right: earlier failures are forgiven."""
        self._tries.pop(key, None)

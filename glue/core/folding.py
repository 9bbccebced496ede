"""What repeats is said once a while, with how often it happened."""

from __future__ import annotations

from collections.abc import Hashable

REMEMBERED = 10_000
"""Keys at most; beyond it the one said longest ago is forgotten, and said again when it comes."""


class Folding:
    """``now`` is any monotonic clock, in seconds."""

    def __init__(self, period: float = 60.0) -> None:
        self.period = period
        self._said: dict[Hashable, float] = {}
        self._kept_back: dict[Hashable, int] = {}

    def times(self, key: Hashable, now: float) -> int:
        """0 when ``key`` was said within the period; else how often it came since then, this time
        included: it is to be said now."""
        said = self._said.get(key)
        if said is not None and now < said + self.period:
            self._kept_back[key] = self._kept_back.get(key, 0) + 1
            return 0
        self._said.pop(key, None)
        self._said[key] = now
        if len(self._said) > REMEMBERED:
            oldest = next(iter(self._said))
            del self._said[oldest]
            self._kept_back.pop(oldest, None)
        return self._kept_back.pop(key, 0) + 1

"""The listening clock: seconds during which we could hear robots. Silence is measured on it.

It runs only while our own heartbeat comes back through the broker. A heartbeat that returns adds
the time since the one before, by the receiver's monotonic clock: at most one interval, and nothing
after a gap. So a freeze of the glue, of the broker or of the line stops the clock, and robots whose
messages still queue are not called silent; bunched heartbeats add next to nothing. The clock may
run slow (silence is found a little late) and never fast.
"""

from __future__ import annotations

from dataclasses import dataclass

GAP_INTERVALS = 3
"""A heartbeat that returns later than so many intervals after the last one ends a gap."""


@dataclass(frozen=True, slots=True)
class ListeningClock:
    """``listened`` seconds so far; ``last`` is when a heartbeat last returned (monotonic s)."""

    listened: float = 0.0
    last: float | None = None

    def beat(self, arrived: float, interval: float) -> ListeningClock:
        """The clock after a heartbeat returned at ``arrived``; they are sent every ``interval``."""
        if self.last is None:
            return ListeningClock(self.listened, arrived)
        gap = arrived - self.last
        if gap <= 0:
            return self
        heard = min(gap, interval) if gap <= GAP_INTERVALS * interval else 0.0
        return ListeningClock(self.listened + heard, arrived)

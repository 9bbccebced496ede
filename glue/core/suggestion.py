"""Limits out of a robot's own readings: what it is usually like, and a margin.

The warning limit stands the metric's recovery margin beyond the 99th percentile towards the bad
side, the critical one two margins beyond the 99.9th, at least two margins apart, whole numbers. A
reading that comes once in a hundred is thus still usual, and recovery is possible where the robot
usually is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from glue.core.backtest import Pair, pair
from glue.core.metrics import Metric

USUAL, RARE = 0.99, 0.999
FEWEST = 100
"""Readings; the 99th percentile of fewer is the furthest of them."""

FINE = 10
"""Values are counted by tenths of the unit, so that memory does not grow with their number."""

FURTHEST = 100_000.0
"""What lies beyond is counted as this: nonsense must not take memory either."""


class Readings:
    """How often each value was read."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

    def add(self, values: Iterable[float | None]) -> None:
        """None is passed over."""
        tenths = [
            round(max(-FURTHEST, min(FURTHEST, value)) * FINE)
            for value in values
            if value is not None
        ]
        self._counts.update(tenths)
        self.count += len(tenths)

    def share(self, metric: Metric, part: float) -> float:
        """The value that ``part`` of all readings do not exceed towards the bad side."""
        left = math.ceil(part * self.count)
        ordered = sorted(self._counts, reverse=metric.direction == "low")
        for tenths in ordered:
            left -= self._counts[tenths]
            if left <= 0:
                break
        return tenths / FINE


def suggested(metric: Metric, readings: Readings, lowest: float, highest: float) -> Pair | None:
    """None where there are too few readings. ``lowest`` and ``highest`` bound limits."""
    if readings.count < FEWEST:
        return None
    # Below the bad side is up.
    bad = 1 if metric.direction == "high" else -1
    bottom, top = sorted((bad * lowest, bad * highest))
    margin = metric.recovery_margin
    warning: float = math.ceil(bad * readings.share(metric, USUAL) + margin)
    critical = max(math.ceil(bad * readings.share(metric, RARE) + 2 * margin), warning + 2 * margin)
    critical = min(critical, top - 1)
    warning = max(min(warning, critical - 2 * margin), bottom + margin + 1)
    return pair(metric, bad * warning, bad * max(critical, warning + 1))

"""Readings of the metrics that have limits, as lines to look at."""

from __future__ import annotations

from dataclasses import dataclass

from glue.core import reading_history
from glue.core.metrics import Metric
from glue.core.reading_history import Stretch
from glue.series.query import Query

POINTS = 300
"""Of a line, about: a screen shows no more."""

SHORTEST = 60_000
"""Milliseconds. What robots send least often (the battery, every 30 s) is in each of them, so that
a mean is always of the same robots."""


@dataclass(frozen=True)
class Line:
    """Of each ``every`` milliseconds that has readings: its begin (Unix milliseconds), the furthest
    reading on the bad side, the mean."""

    every: int
    points: list[tuple[int, float, float]]


async def line(query: Query, metric: Metric, stretch: Stretch, robot_id: str | None = None) -> Line:
    """Of one robot, or of all. Raises ``SeriesError``."""
    every = max(SHORTEST, -(-(stretch.until - stretch.since) // POINTS // 1000) * 1000)
    found = await query.query(reading_history.drawn(metric, stretch, every, robot_id))
    rows = found[0].rows if found else ()
    return Line(every, [(at, worst, mean) for at, worst, mean in rows if worst is not None])

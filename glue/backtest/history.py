"""Reading the robots' past from InfluxDB: many robots a query, never much of it at once.

Two looks. The first asks for the furthest reading of every robot: who never crossed a limit has no
episode, and is not read again. The second reads the others window by window, some robots and at
most a day a query, the next query under way while the last is worked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from glue.core import reading_history
from glue.core.backtest import Row
from glue.core.metrics import Metric
from glue.core.reading_history import CHARGING, PART, Stretch
from glue.core.rule import WINDOW
from glue.series import Query, Series

ROWS = 100_000
"""Windows of a query, about: what is in memory, and what the event loop parses in one go."""

DAY = 86_400_000
PATIENCE_S = 120.0
"""For one query; InfluxDB counts every point of a fleet's day in the first look."""


@dataclass(frozen=True)
class Span:
    """The evaluations of a backtest: ``first`` and ``last``, every ``every``; milliseconds."""

    first: int
    last: int
    every: int

    @property
    def read(self) -> Stretch:
        """What those evaluations look at."""
        return Stretch((self.first - WINDOW * 1000) // self.every * self.every, self.last)


@dataclass
class Peak:
    """A robot's furthest reading on the bad side, its points, its parts."""

    value: float
    points: int = 0
    parts: set[str] = field(default_factory=set)


async def peaks(series: Query, metric: Metric, span: Span) -> dict[str, Peak]:
    """By robot id, of those that have points. Raises ``SeriesError``."""
    furthest = max if metric.direction == "high" else min
    found: dict[str, Peak] = {}
    for stretch in stretches(span.read):
        for one in await series.query(reading_history.peaks(metric, stretch)):
            _, value, points = one.rows[-1]
            peak = found.setdefault(one.tags.get("robot_id", ""), Peak(float(value)))
            peak.value = furthest(peak.value, float(value))
            peak.points += int(points)
            peak.parts.add(one.tags.get(PART.get(metric.name, ""), ""))
    return found


def stretches(whole: Stretch, longest: int = DAY) -> Iterator[Stretch]:
    """``whole``, cut where its windows begin."""
    for since in range(whole.since, whole.until, longest):
        yield Stretch(since, min(since + longest, whole.until))


@dataclass(frozen=True)
class Batch:
    """Windows of some robots; ``is_last``: no later ones of these come."""

    robot_ids: list[str]
    is_last: bool
    found: list[Series]


async def batches(
    series: Query, metric: Metric, whole: Stretch, every: int, robot_ids: Sequence[str]
) -> AsyncIterator[Batch]:
    """All windows of these robots, group by group, each group's oldest first."""
    days = list(stretches(whole, DAY // every * every))
    windows = max(1, (min(DAY, whole.until - whole.since)) // every)
    at_once = max(1, ROWS // windows)
    asked = (
        (list(robot_ids[place : place + at_once]), day)
        for place in range(0, len(robot_ids), at_once)
        for day in days
    )

    async def read(group: list[str], day: Stretch) -> Batch:
        statement = reading_history.newest(metric, day, every, group)
        return Batch(group, day is days[-1], await series.query(statement))

    first = next(asked, None)
    ahead = asyncio.create_task(read(*first)) if first else None
    try:
        while ahead is not None:
            batch = await ahead
            following = next(asked, None)
            ahead = asyncio.create_task(read(*following)) if following else None
            yield batch
    finally:
        if ahead is not None:
            ahead.cancel()


def windows(metric: Metric, one: Series, parts: int) -> tuple[list[Row], bool]:
    """A robot's windows, and whether each of its ``parts`` spoke in all of them."""
    if metric.name in PART:
        return [(row[0], row[1]) for row in one.rows], all(row[2] == parts for row in one.rows)
    if metric.name == "battery":
        place = one.columns.index(CHARGING)
        # As the rule: only what is known not to be charging counts.
        return [(row[0], row[1] if row[place] is False else None) for row in one.rows], True
    return list(one.rows), True  # type: ignore[arg-type]


async def parts(
    series: Query, metric: Metric, whole: Stretch, every: int, robot_id: str, count: int
) -> AsyncIterator[list[tuple[int, str, float]]]:
    """(window, part, reading) of one robot, oldest first."""
    longest = max(every, min(DAY, ROWS * every // max(1, count)) // every * every)
    for stretch in stretches(whole, longest):
        statement = reading_history.newest_of_parts(metric, stretch, every, [robot_id])
        tag = PART[metric.name]
        yield sorted(
            (row[0], one.tags[tag], row[1])
            for one in await series.query(statement)
            for row in one.rows
        )

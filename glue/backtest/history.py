"""Reading the robots' past from InfluxDB: many robots a query, never much of it at once.

Two looks. The first asks for the furthest reading of every robot and hour: nothing begins where no
limit was crossed. The second reads the hours that matter, robots together, the next query under way
while the last is worked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from glue.core import reading_history
from glue.core.backtest import Pair, Row
from glue.core.metrics import Metric
from glue.core.reading_history import CHARGING, PART, Stretch
from glue.core.rule import WINDOW
from glue.series import Query, Series
from glue.settings import Influx

ROWS = 100_000
"""Windows of a query, about: what is in memory, and what the event loop parses in one go."""

DAY = 86_400_000
BLOCK = 3_600_000
"""Longer than a reading can be the newest, so that who is silent for a block is gone by its end."""

FEW = 3
"""Points in a window, up to which all are read and the newest chosen here."""

PATIENCE_S = 120.0
"""For one query; InfluxDB counts every point of a fleet's day in the first look."""


def asking(settings: Influx) -> Query:
    """A connection with the patience that it takes."""
    return Query(settings, timeout=PATIENCE_S, compressed=False)


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

    @property
    def block(self) -> int:
        """An hour, or a little more so that no window is in two."""
        return block_of(self.every)


def block_of(every: int) -> int:
    """Milliseconds of a block of windows of ``every``."""
    return -(-BLOCK // every) * every


@dataclass
class Peak:
    """A robot's furthest reading on the bad side, in all and by the begin of each block that has
    any; its points (not counted of what has parts), its parts."""

    value: float
    points: int = 0
    parts: set[str] = field(default_factory=set)
    blocks: dict[int, float] = field(default_factory=dict)


async def peaks(series: Query, metric: Metric, span: Span) -> dict[str, Peak]:
    """By robot id, of those that have points. Raises ``SeriesError``."""
    furthest = max if metric.direction == "high" else min
    found: dict[str, Peak] = {}
    for stretch in stretches(span.read, DAY // span.block * span.block):
        for one in await series.query(reading_history.peaks(metric, stretch, span.block)):
            peak = found.setdefault(one.tags.get("robot_id", ""), Peak(one.rows[-1][1]))
            peak.parts.add(one.tags.get(PART.get(metric.name, ""), ""))
            for block, value in one.rows:
                peak.value = furthest(peak.value, value)
                peak.blocks[block] = furthest(peak.blocks.get(block, value), value)
        if metric.name in PART:  # whose windows are read, however few points are in them
            continue
        for one in await series.query(reading_history.counts(metric, stretch, span.block)):
            robot_id = one.tags.get("robot_id", "")
            if robot_id in found:
                found[robot_id].points += sum(points for _, points in one.rows)
    return found


def stretches(whole: Stretch, longest: int) -> Iterator[Stretch]:
    """``whole``, cut at multiples of ``longest``."""
    since = whole.since
    while since < whole.until:
        until = min((since // longest + 1) * longest, whole.until)
        yield Stretch(since, until)
        since = until


def is_sparse(span: Span, heard: Mapping[str, Peak], every: int) -> bool:
    """Whether all points may be read, rather than the newest of each window."""
    windows = (span.last - span.first) / every * max(1, len(heard))
    return sum(peak.points for peak in heard.values()) <= FEW * windows


Plan = Iterable[tuple[Stretch, list[str]]]
"""What to read of which robots, oldest first."""


def of_all(whole: Stretch, every: int, robot_ids: list[str]) -> Plan:
    """Everything."""
    return ((stretch, robot_ids) for stretch in stretches(whole, block_of(every)))


def of_those_that_crossed(
    metric: Metric, limits: Pair, span: Span, heard: Mapping[str, Peak]
) -> Plan:
    """The hours in which a limit was crossed, those in which the alert may have gone on, and one
    more, in which it ended."""
    wanted = {r: blocks_of(metric, limits, peak.blocks, span.block) for r, peak in heard.items()}
    for stretch in stretches(span.read, span.block):
        block = stretch.since // span.block * span.block
        if robot_ids := sorted(r for r, blocks in wanted.items() if block in blocks):
            yield stretch, robot_ids


def blocks_of(metric: Metric, limits: Pair, peaks: Mapping[int, float], longest: int) -> set[int]:
    """The begins of the blocks of one robot that matter, of ``longest`` milliseconds each."""
    bad = 1 if metric.direction == "high" else -1
    safe = min(bad * limits.warning_recovery, bad * limits.critical_recovery)
    found: set[int] = set()
    goes_on = -1
    for block in sorted(peaks):
        level = bad * peaks[block]
        if level > bad * limits.warning or (block == goes_on and level >= safe):
            goes_on = block + longest
            found.add(block)
        elif block == goes_on:
            found.add(block)
    return found


@dataclass(frozen=True)
class Batch:
    """Windows of some robots, by robot."""

    rows: dict[str, list[Row]]
    uneven: list[str]
    """Robots not all of whose parts spoke in each window: the worst part is not known."""


async def batches(
    series: Query, metric: Metric, plan: Plan, every: int, heard: Mapping[str, Peak], sparse: bool
) -> AsyncIterator[Batch]:
    """All that ``plan`` says, in its order."""
    most_parts = max((len(peak.parts) for peak in heard.values()), default=1)

    def asked() -> Iterator[tuple[Stretch, list[str]]]:
        for stretch, robot_ids in plan:
            at_once = max(1, ROWS * every // (stretch.until - stretch.since) // most_parts)
            for place in range(0, len(robot_ids), at_once):
                yield stretch, robot_ids[place : place + at_once]

    async def read(stretch: Stretch, robot_ids: list[str]) -> list[Series]:
        # The worst part is found here: InfluxDB takes five times as long as for all of them.
        if sparse and metric.name not in PART:
            return await series.query(reading_history.points(metric, stretch, robot_ids))
        return await series.query(reading_history.newest(metric, stretch, every, robot_ids))

    left = asked()
    first = next(left, None)
    ahead = asyncio.create_task(read(*first)) if first else None
    try:
        while ahead is not None:
            found = await ahead
            following = next(left, None)
            ahead = asyncio.create_task(read(*following)) if following else None
            if metric.name in PART:
                yield await asyncio.to_thread(_of_parts, metric, found, heard)
            else:
                rows = await asyncio.to_thread(_of_robots, metric, found, every)
                yield Batch(rows, [])
    finally:
        if ahead is not None:
            ahead.cancel()


def _of_robots(metric: Metric, found: list[Series], every: int) -> dict[str, list[Row]]:
    return {one.tags["robot_id"]: windows(metric, one, every) for one in found}


def _of_parts(metric: Metric, found: list[Series], heard: Mapping[str, Peak]) -> Batch:
    """The worst part in each window, where all of a robot's parts spoke in the same windows."""
    worst = max if metric.direction == "high" else min
    by_robot: dict[str, list[Series]] = {}
    for one in found:
        by_robot.setdefault(one.tags["robot_id"], []).append(one)
    rows: dict[str, list[Row]] = {}
    uneven = []
    for robot_id, parts in by_robot.items():
        begins = [row[0] for row in parts[0].rows]
        even = all([row[0] for row in part.rows] == begins for part in parts)
        if not even or len(parts) != len(heard[robot_id].parts):
            uneven.append(robot_id)
            rows[robot_id] = _worst_of_those_that_spoke(parts, worst)
            continue
        readings = zip(*([row[1] for row in part.rows] for part in parts), strict=True)
        rows[robot_id] = list(zip(begins, map(worst, readings), strict=True))
    return Batch(rows, uneven)


def _worst_of_those_that_spoke(
    parts: list[Series], worst: Callable[[float, float], float]
) -> list[Row]:
    found: dict[int, float] = {}
    for part in parts:
        for begin, value in part.rows:
            found[begin] = worst(found.get(begin, value), value)
    return sorted(found.items())


def windows(metric: Metric, one: Series, every: int) -> list[Row]:
    """The newest reading of each window; None while it charges."""
    if metric.name == "battery":
        place = one.columns.index(CHARGING)
        # As the rule: only what is known not to be charging counts.
        newest = {
            row[0] - row[0] % every: row[1] if row[place] is False else None for row in one.rows
        }
    else:
        newest = {row[0] - row[0] % every: row[1] for row in one.rows}
    return list(newest.items())


async def parts(
    series: Query, metric: Metric, whole: Stretch, every: int, robot_id: str, count: int
) -> AsyncIterator[list[tuple[int, str, float]]]:
    """(window, part, reading) of one robot, oldest first."""
    longest = max(every, min(DAY, ROWS * every // max(1, count)) // every * every)
    for stretch in stretches(whole, longest):
        statement = reading_history.newest(metric, stretch, every, [robot_id])
        tag = PART[metric.name]
        yield sorted(
            (row[0], one.tags[tag], row[1])
            for one in await series.query(statement)
            for row in one.rows
        )

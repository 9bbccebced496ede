"""Limits out of the robots' own past, and what they would have cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from glue import store
from glue.backtest import history
from glue.backtest.history import Batch, Peak, Span
from glue.backtest.preview import (
    Range,
    Tally,
    happened,
    heard_of,
    nothing_of,
    reach,
    replayed,
)
from glue.core.backtest import Pair
from glue.core.metrics import Metric
from glue.core.suggestion import FEWEST, Readings, suggested
from glue.series import Query
from glue.settings import Settings

SAMPLES = 1_000_000
"""Readings of which percentiles are taken, about."""

SHARES = (0.5, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Suggestion:
    """``limits`` None: too few readings, as the notes say. ``shares``: the value that such a part
    of the readings does not exceed towards the bad side; ``furthest``: none does."""

    metric: Metric
    robot_id: str | None
    range: Range
    robots: int
    heard: int
    readings: int
    shares: dict[float, float]
    furthest: float | None
    limits: Pair | None
    would: Tally
    happened: Tally
    notes: list[str]


async def suggest(
    settings: Settings,
    pool: store.Pool,
    metric: Metric,
    asked: Range,
    robot_id: str | None = None,
) -> Suggestion:
    """For one robot, or one pair for the whole fleet.

    Raises ``UnknownRobot``, ``SeriesError``, ``StoreError``.
    """
    metric = replace(metric, pending=settings.rules.pending(metric.name))
    whom = await reach(pool, metric, robot_id, all_robots=True)
    notes = list(asked.notes)
    would = Tally()
    async with history.asking(settings.influx) as series:
        heard = await heard_of(series, metric, asked.span, whom.robot_ids)
        readings = await _sampled(series, metric, asked.span, heard)
        limits = suggested(metric, readings, *whom.bounds)
        if limits is not None:
            would = await replayed(series, metric, limits, asked, heard)
        elif heard:
            notes.append(f"{metric.name}: {readings.count} readings are too few; {FEWEST} would do")
        else:
            notes.append(nothing_of(metric, robot_id))
    values = [peak.value for peak in heard.values()]
    return Suggestion(
        metric,
        robot_id,
        asked,
        len(whom.robot_ids),
        len(heard),
        readings.count,
        {part: readings.share(metric, part) for part in SHARES} if readings.count else {},
        (max if metric.direction == "high" else min)(values, default=None),
        limits,
        would,
        await happened(pool, metric, whom.robot_ids, asked),
        notes,
    )


async def _sampled(series: Query, metric: Metric, span: Span, heard: dict[str, Peak]) -> Readings:
    """What the rules read at each evaluation; at fewer where that would be too many."""
    readings = Readings()
    most = max(1, SAMPLES // max(1, len(heard)))
    every = max(span.every, -(-(span.last - span.first) // most))
    every = -(-every // span.every) * span.every
    plan = history.of_all(span.read, every, sorted(heard))
    sparse = history.is_sparse(span, heard, every)
    async for batch in history.batches(series, metric, plan, every, heard, sparse):
        await asyncio.to_thread(_count, batch, readings)
    return readings


def _count(batch: Batch, readings: Readings) -> None:
    for rows in batch.rows.values():
        readings.add(value for _, value in rows)

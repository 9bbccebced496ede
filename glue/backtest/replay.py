"""The episodes that limits would have made of the robots' past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from glue.backtest import history
from glue.backtest.history import Batch, Peak, Span
from glue.core.backtest import Pair, Past, Sweep, Worst
from glue.core.metrics import Metric
from glue.core.reading_history import PART
from glue.series import Query


async def episodes(
    series: Query, metric: Metric, limits: Pair, span: Span, peaks: Mapping[str, Peak]
) -> AsyncIterator[Past]:
    """Episodes of the robots of ``peaks``, as they end. Raises ``SeriesError``.

    Memory does not grow with the time, and with the fleet only by what is known of a robot at one
    moment; of what has parts the episodes are held until it is known that all of them spoke.
    """
    sweeps: dict[str, Sweep] = {}
    held: dict[str, list[Past]] = {}
    uneven: set[str] = set()
    plan = history.of_those_that_crossed(metric, limits, span, peaks)
    sparse = history.is_sparse(span, peaks, span.every)
    async for batch in history.batches(series, metric, plan, span.every, peaks, sparse):
        for robot_id in batch.rows:
            if robot_id not in sweeps:
                sweeps[robot_id] = Sweep(metric, robot_id, limits, span.every, span.first)
        uneven.update(batch.uneven)
        for past in await asyncio.to_thread(_feed, sweeps, batch):
            if metric.name in PART:
                held.setdefault(past.robot_id, []).append(past)
            else:
                yield past
    for robot_id, sweep in sweeps.items():
        for past in (
            await _part_by_part(series, metric, limits, span, robot_id, len(peaks[robot_id].parts))
            if robot_id in uneven
            else held.pop(robot_id, []) + sweep.finish(span.last)
        ):
            yield past


def _feed(sweeps: Mapping[str, Sweep], batch: Batch) -> list[Past]:
    return [past for robot_id, rows in batch.rows.items() for past in sweeps[robot_id].feed(rows)]


async def _part_by_part(
    series: Query, metric: Metric, limits: Pair, span: Span, robot_id: str, count: int
) -> list[Past]:
    """Where parts do not all speak in each window, each counts by its newest reading."""
    sweep = Sweep(metric, robot_id, limits, span.every, span.first)
    worst = Worst(metric, span.every)
    found: list[Past] = []
    read = history.parts(series, metric, span.read, span.every, robot_id, count)
    async for rows in read:
        found += sweep.feed(await asyncio.to_thread(worst.feed, rows))
    found += sweep.feed(worst.until(span.last))
    return found + sweep.finish(span.last)

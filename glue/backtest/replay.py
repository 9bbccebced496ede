"""The episodes that limits would have made of the robots' past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from glue.backtest import history
from glue.backtest.history import Batch, Peak, Span
from glue.core.backtest import Pair, Past, Sweep, Worst
from glue.core.metrics import Metric
from glue.series import Query


async def episodes(
    series: Query, metric: Metric, limits: Pair, span: Span, peaks: Mapping[str, Peak]
) -> AsyncIterator[Past]:
    """Episodes of the robots of ``peaks``, robot by robot. Raises ``SeriesError``.

    Memory does not grow with the fleet or the time.
    """
    bad = 1 if metric.direction == "high" else -1
    crossed = sorted(r for r, p in peaks.items() if bad * p.value > bad * limits.warning)
    uneven: list[str] = []
    sweeps: dict[str, Sweep] = {}
    held: dict[str, list[Past]] = {}
    async for batch in history.batches(series, metric, span.read, span.every, crossed):
        for robot_id in batch.robot_ids:
            if robot_id not in sweeps:
                sweeps[robot_id] = Sweep(metric, robot_id, limits, span.every, span.first)
        uneven += await asyncio.to_thread(_feed, metric, sweeps, batch, peaks, held)
        for robot_id in batch.robot_ids if batch.is_last else ():
            found = held.pop(robot_id, []) + sweeps.pop(robot_id).finish(span.last)
            for past in found if robot_id not in uneven else ():
                yield past
    for robot_id in sorted(set(uneven)):
        count = len(peaks[robot_id].parts)
        for past in await _part_by_part(series, metric, limits, span, robot_id, count):
            yield past


def _feed(
    metric: Metric,
    sweeps: dict[str, Sweep],
    batch: Batch,
    peaks: Mapping[str, Peak],
    held: dict[str, list[Past]],
) -> list[str]:
    """Ids of robots whose parts do not all speak in each window."""
    uneven = []
    for one in batch.found:
        robot_id = one.tags["robot_id"]
        rows, even = history.windows(metric, one, len(peaks[robot_id].parts))
        if not even:
            uneven.append(robot_id)
        held.setdefault(robot_id, []).extend(sweeps[robot_id].feed(rows))
    return uneven


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

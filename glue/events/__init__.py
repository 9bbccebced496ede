"""MQTT events into robots, jobs and logs; the heartbeat that drives the listening clock."""

from __future__ import annotations

import asyncio

from glue.events.consumer import Consumer
from glue.events.metrics_sightings import MetricsSightings
from glue.series import Query
from glue.settings import Settings
from glue.store import Pool

__all__ = ["Consumer", "MetricsSightings", "run"]


async def run(settings: Settings, pool: Pool, series: Query) -> None:
    """Works until cancelled; raises what one of its loops died of."""
    consumer = Consumer(settings, pool)
    sightings = MetricsSightings(settings, pool, series, lambda: consumer.listened)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(), name="events.consumer")
        tasks.create_task(sightings.run(), name="events.sightings")

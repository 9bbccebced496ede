"""MQTT events into robots, jobs, logs and alerts; the heartbeat that drives the listening clock."""

from __future__ import annotations

import asyncio

from glue.changes import Changes
from glue.events.consumer import Consumer
from glue.events.emergencies import Emergencies, Take
from glue.events.maintenance import Maintenance
from glue.events.metrics_sightings import MetricsSightings
from glue.events.queue_watch import QueueWatch
from glue.series import Query
from glue.settings import Settings
from glue.store import Pool

__all__ = ["Consumer", "Emergencies", "Maintenance", "MetricsSightings", "QueueWatch", "run"]


async def run(settings: Settings, pool: Pool, series: Query, changes: Changes, take: Take) -> None:
    """Works until cancelled; raises what one of its loops died of. ``take`` is the intake of
    alerts."""
    consumer = Consumer(settings, pool, take)
    sightings = MetricsSightings(
        settings, pool, series, lambda: consumer.listened, registrations=consumer.registrations
    )
    queue = QueueWatch(settings, pool, series, lambda: consumer.returned)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(), name="events.consumer")
        tasks.create_task(sightings.run(), name="events.sightings")
        tasks.create_task(queue.run(), name="events.queue")
        tasks.create_task(Maintenance(pool).run(), name="events.maintenance")
        tasks.create_task(Emergencies(pool, changes, take).run(), name="events.emergencies")

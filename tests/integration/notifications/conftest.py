"""A notifier over a database of the test's own, and a receiver that keeps what it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from glue import store
from glue.notify.worker import Worker
from tests import notified


@pytest.fixture
def noted(settings_for, database):
    return settings_for(
        PGDATABASE=database.database,
        GLUE_SECRET_KEY=notified.KEY,
        NOTIFY_RETRY_FIRST="0.2",
        NOTIFY_TIMEOUT="3",
        NOTIFY_TRIES="3",
        NOTIFY_OUTAGE_WAIT="0",
        FLEET_TZ="Europe/Berlin",
        GRAFANA_PUBLIC_URL="http://grafana.example:3000",
    )


@pytest.fixture
async def pool(noted):
    async with store.open_pool(noted.postgres) as pool:
        yield pool


@pytest.fixture
def episodes(pool):
    return notified.Episodes(pool)


@pytest.fixture
def web():
    with notified.web() as server:
        yield server


class Clock:
    """Time that the test turns forward."""

    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def worker(noted, pool, clock):
    worker = Worker(noted, pool, clock)
    yield worker
    worker.messenger.close()

"""PostgreSQL is away: people are told from what was kept on disk, once, and of the end."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta

import pytest

from glue import store
from glue.messengers.apprise import Messenger
from glue.notify import fallback
from glue.notify.fallback import Fallback
from tests import notified
from tests.line import Line


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


@pytest.fixture
async def line(database):
    async with Line(database.host, database.port) as line:
        yield line


@pytest.fixture
def noted(settings_for, database, line, tmp_path):
    return settings_for(
        PGDATABASE=database.database,
        PGPORT=str(line.port),
        TONYPI_HOME=str(tmp_path),
        GLUE_SECRET_KEY=notified.KEY,
        NOTIFY_TIMEOUT="2",
    )


@pytest.fixture
async def pool(noted, monkeypatch):
    monkeypatch.setattr(fallback, "ANSWER_S", 1.0)
    async with store.open_pool(noted.postgres) as pool:
        yield pool


@pytest.fixture
def watch(noted, pool):
    """``watch(clock)``: a Fallback as a new process makes it."""
    messengers = []

    def made(clock):
        messengers.append(Messenger(noted.notify))
        return Fallback(noted, pool, messengers[-1], clock)

    yield made
    for messenger in messengers:
        messenger.close()


async def test_told_after_a_minute_once_over_restarts_and_of_the_end(
    noted, pool, watch, line, tmp_path
):
    clock = Clock()
    with notified.web() as web, notified.web() as night:
        ops = await notified.add_target(pool, "ops", web.url)
        await notified.add_target(pool, "nobody's", night.url)
        await notified.add_route(pool, [ops])
        assert await watch(clock).look()
        kept = (tmp_path / "data/notify/contacts.json").read_text()
        assert "s3cretpassword" not in kept and "ops" in kept
        mode = (tmp_path / "data/notify/contacts.json").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        await line.cut()
        for seconds in (0, 59):
            clock.now += timedelta(seconds=seconds)
            assert not await watch(clock).look()
        assert web.titles == []
        web.status = 503
        clock.now += timedelta(seconds=1)
        await watch(clock).look()
        web.status = 200
        await watch(clock).look()
        assert web.titles == [], "it failed a moment ago"
        for _ in range(3):
            clock.now += timedelta(seconds=11)
            await watch(clock).look()
        assert web.titles == ["Critical: PostgreSQL cannot be reached"]
        await line.mend()
        await watch(clock).until_reachable(asyncio.Event())
        await watch(clock).look()
        assert web.titles[1:] == ["Resolved: PostgreSQL is reached again"]
        assert night.titles == []
    async with store.transaction(pool) as conn:
        rows = await conn.execute("SELECT message FROM system_logs WHERE level = 'ERROR'")
        ((message,),) = await rows.fetchall()
    assert "ops were told" in message
    assert not (tmp_path / "data/notify/outage.json").exists()


async def test_a_short_outage_is_not_worth_a_word(pool, watch, line, tmp_path):
    clock = Clock()
    with notified.web() as web:
        await notified.add_route(pool, [await notified.add_target(pool, "ops", web.url)])
        await watch(clock).look()
        await line.cut()
        await watch(clock).look()
        await line.mend()
        clock.now += timedelta(seconds=50)
        await watch(clock).until_reachable(asyncio.Event())
        clock.now += timedelta(seconds=50)
        assert await watch(clock).look()
        assert web.titles == []


async def test_a_damaged_or_unwritable_copy_stops_nobody(noted, pool, watch, line, tmp_path):
    clock = Clock()
    (tmp_path / "data/notify").mkdir(parents=True)
    (tmp_path / "data/notify/contacts.json").write_text("{")
    (tmp_path / "data/notify/outage.json").write_text('{"since": 1')
    assert await watch(clock).look()
    (tmp_path / "data/notify/contacts.json").unlink()
    (tmp_path / "data/notify/contacts.new").mkdir()
    await line.cut()
    assert not await watch(clock).look()
    await line.mend()

"""The process that notifies is killed: nothing is lost, at most one message is told twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from glue import store
from glue.stack.probe import free_port
from tests import notified

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def pool(database):
    async with store.open_pool(database) as pool:
        yield pool


@contextlib.contextmanager
def process(database, tmp_path):
    """A notifying process; killed at the end."""
    env = {
        **os.environ,
        "TONYPI_HOME": str(tmp_path),
        "DATABASE_URL": database.dsn,
        "GLUE_SECRET_KEY": notified.KEY,
        "NOTIFY_TIMEOUT": "5",
        "NOTIFY_RETRY_FIRST": "0.2",
        "NOTIFY_TRIES": "5",
    }
    command = [sys.executable, "-m", "tests.faults.notify_process"]
    with (tmp_path / "log").open("ab") as log:
        started = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.send_signal(signal.SIGKILL)
        started.wait()


async def leases_run_out(pool):
    """As if their time had passed."""
    async with store.transaction(pool) as conn:
        await conn.execute(
            "UPDATE notification_outbox SET lease_until = now() WHERE state = 'leased'"
        )


async def ledger(pool):
    async with store.transaction(pool) as conn:
        cursor = await conn.execute("SELECT state, count(*) FROM notification_outbox GROUP BY 1")
        return dict(await cursor.fetchall())


async def test_killed_between_the_sending_and_the_mark_it_is_told_twice_at_most(
    pool, database, tmp_path
):
    with notified.web() as web:
        target = await notified.add_target(pool, "ops", web.url)
        await notified.add_route(pool, [target])
        web.gate = threading.Event()
        with process(database, tmp_path):
            await notified.Episodes(pool).open("r1")
            await notified.until(lambda: len(web.got) == 1, 30)
        assert await ledger(pool) == {"leased": 1}
        web.gate.set()
        await leases_run_out(pool)
        with process(database, tmp_path):
            await notified.until(lambda: _is(pool, {"delivered": 1}), 30)
        assert web.titles == ["Warning: r1: temperature too high"] * 2


async def test_killed_again_and_again_nothing_is_lost(pool, database, tmp_path):
    crashes, episodes, rng = 4, notified.Episodes(pool), random.Random(6)
    with notified.web() as web, notified.mail(free_port()) as box:
        ids = [
            await notified.add_target(pool, "web", web.url),
            await notified.add_target(pool, "mail", box.url),
        ]
        await notified.add_route(pool, ids)
        for crash in range(crashes):
            with process(database, tmp_path):
                seen = len(web.got)
                for n in range(8):
                    (alert,) = await episodes.open(f"c{crash}r{n}")
                    if n % 2:
                        await episodes.resolve(alert)
                    await asyncio.sleep(rng.uniform(0, 0.15))
                await notified.until(lambda seen=seen: len(web.got) > seen, 30)
            await leases_run_out(pool)
        with process(database, tmp_path):
            told = crashes * (8 + 4) * 2
            await notified.until(lambda: _is(pool, {"delivered": told}), 60)
    async with store.transaction(pool) as conn:
        cursor = await conn.execute(
            "SELECT target_name, count(DISTINCT batch) FROM notification_outbox GROUP BY 1"
        )
        batches = dict(await cursor.fetchall())
        waiting = await (await conn.execute("SELECT count(*) FROM notification_waiting")).fetchone()
    assert waiting == (0,)
    received = Counter({"web": len(web.got), "mail": len(box.got)})
    duplicates = sum(received.values()) - sum(batches.values())
    assert 0 <= duplicates <= crashes, (received, batches)


async def _is(pool, wanted):
    return await ledger(pool) == wanted

"""Kill, freeze and cut around the consumer of events. Each test ends in a ledger."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from glue.settings import Settings
from tests import programs
from tests.events import Robots, consuming, own, talking
from tests.line import Line

LINES = "SELECT message FROM system_logs"


def ledger(robots: Robots, sent: list[str]) -> dict[str, int]:
    found = Counter(message for (message,) in robots.rows(LINES))
    return {
        "ok": sum(1 for one in sent if found[one] == 1),
        "lost": sum(1 for one in sent if found[one] == 0),
        "duplicate": sum(1 for one in sent if found[one] > 1),
        "unexpected": len(found.keys() - set(sent)),
    }


def all_ok(sent: list[str]) -> dict[str, int]:
    return {"ok": len(sent), "lost": 0, "duplicate": 0, "unexpected": 0}


@contextmanager
def process(ground: programs.Ground, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    overrides = {
        "PGDATABASE": settings.postgres.database,
        "MQTT_GLUE_CLIENT_ID": settings.broker.glue_client_id,
        "GLUE_HEARTBEAT_INTERVAL": str(settings.glue.heartbeat_interval),
        "FLEET_SILENT_AFTER": str(settings.fleet.silent_after),
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.events_process"],
        env={**os.environ, **ground.environ, **overrides},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def listening(robots: Robots, above: float = 0.0) -> float:
    def listened() -> float:
        found = robots.rows("SELECT listened FROM heartbeats WHERE name = 'events'")
        return found[0][0] if found and found[0][0] > above else 0.0

    return await robots.until(listened, within=30)


async def test_killed_between_receipt_and_commit_the_messages_come_again(
    ground, mosquitto, database, settings_for
):
    settings = own(settings_for, database.database)
    sent = [f"line {n}" for n in range(300)]
    async with talking(settings, database.dsn) as robots:
        with process(ground, settings) as first:
            await listening(robots)
            with psycopg.connect(database.dsn) as blocker:
                # The transaction waits here, after receipt and before its commit.
                blocker.execute("LOCK TABLE system_logs IN ACCESS EXCLUSIVE MODE")
                for n, line in enumerate(sent):
                    said = {"message": line, "timestamp": f"2026-01-01T00:00:00.{n:06d}"}
                    robots.say("tonypi/logs/r1", said)
                await robots.until(
                    lambda: robots.rows(
                        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database() AND query LIKE 'INSERT INTO system_%%'"
                    )
                )
                first.kill()
                first.wait()
        assert robots.rows(LINES) == []
        with process(ground, settings):
            await robots.until(lambda: len(robots.rows(LINES)) >= len(sent), within=30)
            await asyncio.sleep(0.5)
            assert ledger(robots, sent) == all_ok(sent)


async def test_postgresql_cut_off_for_seconds_loses_nothing_and_memory_is_bounded(
    mosquitto, database, settings_for
):
    async with Line("127.0.0.1", database.port) as line:
        settings = own(settings_for, database.database, PGPORT=line.port, MQTT_GLUE_IN_FLIGHT=100)
        sent = [f"line {n}" for n in range(2000)]
        async with talking(settings, database.dsn) as robots, consuming(settings) as consumer:
            robots.say("tonypi/logs/r1", {"message": sent[0]})
            await robots.until(lambda: robots.rows(LINES))
            await line.cut()
            most = 0
            for number, text in enumerate(sent[1:]):
                robots.say("tonypi/logs/r1", {"message": text})
                most = max(most, consumer.waiting)
                if number % 100 == 0:
                    await asyncio.sleep(0.2)
            await line.mend()
            await robots.until(lambda: len(robots.rows(LINES)) >= len(sent), within=60)
            assert ledger(robots, sent) == all_ok(sent)
            assert 0 < most <= 100


async def test_a_whole_fleet_that_reports_at_once_is_held(mosquitto, database, settings_for):
    bounds = {"MQTT_GLUE_IN_FLIGHT": 500, "FLEET_NEW_PER_MINUTE": 2000}
    settings = own(settings_for, database.database, **bounds)
    fleet, bursts = [f"r{n:04d}" for n in range(2000)], 4
    last = f"SELECT count(*) FROM robots WHERE (system_info ->> 'burst')::int = {bursts}"
    async with talking(settings, database.dsn) as robots, consuming(settings):
        for burst in range(1, bursts + 1):
            for number, robot_id in enumerate(fleet):
                robots.status(robot_id, system_info={"burst": burst})
                if number % 50 == 0:
                    await asyncio.sleep(0)
        await robots.until(lambda: robots.rows(last) == [(len(fleet),)], within=60)


async def test_a_frozen_consumer_calls_nobody_silent_and_the_silent_stay_silent(
    ground, mosquitto, database, settings_for
):
    settings = own(settings_for, database.database, FLEET_SILENT_AFTER=3)
    fleet = [f"r{n}" for n in range(100)]
    over = "SELECT robot_id FROM grafana.silence WHERE silent_s > silent_after"
    raised: set[str] = set()

    async def speak(robots: Robots, seconds: float) -> None:
        for _ in range(int(seconds / 0.5)):
            for robot_id in fleet:
                robots.status(robot_id)
            for _ in range(5):
                raised.update(robot_id for (robot_id,) in robots.rows(over))
                await asyncio.sleep(0.1)

    async with talking(settings, database.dsn) as robots:
        with process(ground, settings) as consumer:
            await listening(robots)
            robots.status("dead")
            await speak(robots, 5)
            assert raised == {"dead"}
            consumer.send_signal(signal.SIGSTOP)
            await speak(robots, 6)
            assert raised == {"dead"}
            before = await listening(robots)
            consumer.send_signal(signal.SIGCONT)
            await listening(robots, above=before + 0.5)
            await speak(robots, 4)
            assert raised == {"dead"}
            assert ("dead",) in robots.rows(over)

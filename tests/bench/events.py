"""How fast events become rows, and what a look at the fleet's newest points costs.

    python -m tests.bench.events [--events 40000] [--robots 2000] [--look]

Events are put into the glue's persistent session while the glue is away; the time from its start to
the last stored event counts. ``--look`` fills InfluxDB with ten minutes of the fleet's sensors and
times one look for robots that send metrics only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

import httpx
import psycopg

from glue import store
from glue.broker import Session
from glue.events import Consumer, MetricsSightings
from glue.series import Query, admin
from glue.settings import Settings
from glue.stack.parts import influxdb, mosquitto
from tests import programs
from tests.events import consuming

MIX = ("status", "status", "status", "location", "location", "location", "logs", "battery")
"""Of eight events; a TonyPi's own shares are 10, 20, 3 and 3 of 36."""


def event(number: int, robots: int) -> tuple[str, dict[str, Any]]:
    kind, robot_id = MIX[number % len(MIX)], f"r{number // len(MIX) % robots:04d}"
    match kind:
        case "status":
            info = {"cpu_percent": 20.5, "memory_percent": 40.0, "cpu_temperature": 50.0}
            said: dict[str, Any] = {"status": "online", "system_info": info}
        case "location":
            said = {"x": 1.5, "y": 2.5, "z": 0.0}
        case "logs":
            said = {"level": "INFO", "message": f"line {number}"}
        case _:
            said = {"percentage": 80.0, "voltage": 12.0, "charging": False}
    return f"tonypi/{kind}/{robot_id}", said


async def drain(settings: Settings, count: int, robots: int) -> None:
    async with consuming(settings):
        pass
    session = Session(settings.broker, "bench-robots")
    await session.start(wait=10)
    for number in range(count):
        topic, said = event(number, robots)
        while not session.publish(topic, json.dumps(said)):
            await asyncio.sleep(0.01)
    await session.flush(60)
    await session.stop()
    lines = sum(1 for n in range(count) if MIX[n % len(MIX)] == "logs")
    async with store.open_pool(settings.postgres) as pool:
        began = time.monotonic()
        cpu = time.process_time()
        task = asyncio.create_task(Consumer(settings, pool).run())
        with psycopg.connect(settings.postgres.dsn, autocommit=True) as conn:
            while stored(conn) < lines:
                await asyncio.sleep(0.1)
        took = time.monotonic() - began
        cpu = time.process_time() - cpu
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    print(
        f"{count} events of {robots} robots in {took:.1f} s: {count / took:.0f} events/s,", end=" "
    )
    print(f"{1e6 * cpu / count:.0f} µs of CPU an event")


def stored(conn: psycopg.Connection[tuple[Any, ...]]) -> int:
    row = conn.execute("SELECT count(*) FROM system_logs").fetchone()
    return row[0] if row else 0


async def look(settings: Settings, robots: int) -> None:
    influx = settings.influx
    now = time.time_ns()
    async with httpx.AsyncClient(
        base_url=influx.url,
        headers={"Authorization": f"Token {influx.telegraf_token.get_secret_value()}"},
        timeout=60,
    ) as client:
        for back in range(600, 0, -2):
            at = now - back * 10**9
            lines = [
                f"sensors,robot_id=r{robot:04d},sensor_type=s{kind},unit=C value={kind} {at}"
                for robot in range(robots)
                for kind in range(10)
            ]
            where = {"org": influx.org, "bucket": influx.bucket}
            (await client.post("/api/v2/write", params=where, content="\n".join(lines)))
        await client.post(
            "/api/v2/write",
            params={"org": influx.org, "bucket": influx.bucket},
            content="internal_agent metrics_gathered=1i",
        )
    async with store.open_pool(settings.postgres) as pool, Query(influx, timeout=120) as series:
        sightings = MetricsSightings(settings, pool, series, lambda: 1.0)
        for number in range(3):
            began = time.monotonic()
            await sightings.look()
            print(f"look {number + 1} at {robots} robots: {time.monotonic() - began:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--robots", type=int, default=2000)
    parser.add_argument("--look", action="store_true")
    given = parser.parse_args()
    ground = programs.lay_ground()
    try:
        ground.start(mosquitto.part(ground.site()))
        cluster = programs.migrated_cluster(ground)
        settings = ground.settings(PGDATABASE=cluster.create("bench").database)
        if given.look:
            ground.start(influxdb.part(ground.site()))
            tokens = admin.prepare(ground.settings().influx)
            ground.environ |= {
                "INFLUXDB_TOKEN": tokens.admin,
                "INFLUXDB_TELEGRAF_TOKEN": tokens.telegraf,
            }
            settings = ground.settings(PGDATABASE=settings.postgres.database)
            asyncio.run(look(settings, given.robots))
        else:
            asyncio.run(drain(settings, given.events, given.robots))
    finally:
        ground.clear()


if __name__ == "__main__":
    main()

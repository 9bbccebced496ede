"""The API over a million alerts: ``python -m tests.bench.api_alerts [--alerts 1000000]``.

A year of alerts of 2,000 robots in a real PostgreSQL, the API in a process of its own (uvicorn, as
the service runs it). Then 50 requests/s for 60 s over the routes of alerts, each sent at its time
whether or not the ones before were answered: what took how long from the moment it was due. Then
exports of all rows: seconds, MB, and how far the process's memory rises.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn

from glue import settings as settings_module
from glue import store
from glue.api.app import create_app
from glue.core import passwords, sorting
from glue.settings import Settings
from glue.store.alert_reads import ALERTS
from tests import programs

ROBOTS = 2000
PASSWORD = "bench-password-of-admin"
NOW = datetime.now(UTC)

FILL = """
INSERT INTO alerts (robot_id, alert_type, severity, title, message, source, value, threshold,
                    acknowledged, acknowledged_by, acknowledged_at, resolved, resolved_at,
                    resolve_reason, details, created_at, metric, starts_at, origin)
SELECT 'r' || lpad((n::bigint * 7919 %% %(robots)s)::text, 4, '0'),
       (ARRAY['performance', 'performance', 'temperature', 'battery', 'servo'])[1 + n %% 5],
       CASE WHEN n %% 10 < 7 THEN 'warning' WHEN n %% 10 < 9 THEN 'critical' ELSE 'info' END,
       'Servo ' || n %% 18 || ' hot', 'servo_temp ' || 60 + n %% 30 || ' above it, no. ' || n,
       'servo_' || n %% 18, 60 + n %% 30, 60, n %% 5 < 3,
       CASE WHEN n %% 5 < 3 THEN 'olga' END, CASE WHEN n %% 5 < 3 THEN at + interval '5 min' END,
       n <= %(alerts)s - 300, CASE WHEN n <= %(alerts)s - 300 THEN at + interval '20 min' END,
       CASE WHEN n <= %(alerts)s - 300 THEN 'recovered' END,
       jsonb_build_object('servos', jsonb_build_array(n %% 18, n %% 7)), at,
       (ARRAY['cpu', 'memory', 'temperature', 'battery', 'servo_temp'])[1 + n %% 5], at, 'push'
  FROM (SELECT n, %(now)s - (%(alerts)s - n) * interval '365 days' / %(alerts)s AS at
          FROM generate_series(1, %(alerts)s) n) x
"""
TIMELINE = """
INSERT INTO alert_timeline (alert_id, at, kind, severity, value, origin)
SELECT id, created_at, 'opened', severity, value, 'push' FROM alerts
"""

Ask = Callable[[random.Random, int], tuple[str, str, dict[str, Any]]]


def listed(**fixed: Any) -> Ask:
    return lambda pick, alerts: ("GET", "", fixed)


def of_robot(pick: random.Random, alerts: int) -> tuple[str, str, dict[str, Any]]:
    return "GET", "", {"robot_id": [f"r{pick.randrange(ROBOTS):04d}"]}


def of_day(pick: random.Random, alerts: int) -> tuple[str, str, dict[str, Any]]:
    since = NOW - timedelta(days=pick.randrange(1, 364))
    return "GET", "", {
        "severity": "critical", "type": "battery", "since": since.isoformat(),
        "until": (since + timedelta(days=1)).isoformat(),
    }  # fmt: skip


def deep(pick: random.Random, alerts: int) -> tuple[str, str, dict[str, Any]]:
    sort = sorting.parse("-created_at", ALERTS.columns, "id")
    number = pick.randrange(1, alerts)
    at = NOW - (alerts - number) * timedelta(days=365) / alerts
    return "GET", "", {"cursor": sorting.cursor(sort, [at.isoformat(), number]), "limit": 100}


def one(path: str, method: str = "GET") -> Ask:
    return lambda pick, alerts: (method, path.format(pick.randrange(1, alerts)), {})


def statistics_of(days: int) -> Ask:
    def ask(pick: random.Random, alerts: int) -> tuple[str, str, dict[str, Any]]:
        until = NOW - timedelta(days=pick.randrange(0, 365 - days))
        since = until - timedelta(days=days)
        return "GET", "/statistics", {"since": since.isoformat(), "until": until.isoformat()}

    return ask


# Of a thousand requests, so many of each.
MIX: dict[str, tuple[int, Ask]] = {
    "open ones": (200, listed(resolved=False)),
    "newest": (120, listed()),
    "of one robot": (150, of_robot),
    "critical, of a type, of a day": (80, of_day),
    "not acknowledged, of a metric": (80, listed(acknowledged=False, metric="servo_temp")),
    "a rare text": (20, listed(text="no. 4711 ")),
    "a common text": (20, listed(text="servo 7")),
    "a page deep in": (100, deep),
    "one": (130, one("/{}")),
    "timeline": (40, one("/{}/timeline")),
    "acknowledge": (30, one("/{}/acknowledge", "POST")),
    "statistics of a week": (20, statistics_of(7)),
    "statistics of 90 days": (3, statistics_of(90)),
    "open ones, worst first": (5, listed(resolved=False, sort="-severity,-value")),
    "all, by value": (2, listed(sort="-value")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--no-exports", action="store_true")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(settings_module.load()))
        return
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        settings = ground.settings(PGDATABASE=cluster.create("bench").database)
        fill(settings, given.alerts)
        with served(ground, settings) as process:
            asyncio.run(measure(settings, process.pid, given))
    finally:
        ground.clear()


def fill(settings: Settings, alerts: int) -> None:
    with psycopg.connect(settings.postgres.dsn, autocommit=True) as conn:
        began = time.monotonic()
        conn.execute(FILL, {"alerts": alerts, "robots": ROBOTS, "now": NOW})
        conn.execute(TIMELINE)
        conn.execute("VACUUM ANALYZE")
        conn.execute(
            "INSERT INTO users (username, email, password_hash, role)"
            " VALUES ('admin', 'admin@localhost', %s, 'admin')",
            (passwords.hashed(PASSWORD),),
        )
        print(f"{alerts} alerts in {time.monotonic() - began:.0f} s", flush=True)


async def serve(settings: Settings) -> None:
    """The API as the service runs it, without the loops."""
    async with store.open_pool(settings.postgres) as pool:
        app = create_app(settings, pool)
        port = settings.glue.port
        await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")).serve()


@contextlib.contextmanager
def served(ground: programs.Ground, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, **ground.environ, "PGDATABASE": settings.postgres.database}
    command = [sys.executable, "-m", "tests.bench.api_alerts", "--serve"]
    process = subprocess.Popen(command, env=environ)
    try:
        url = f"http://127.0.0.1:{settings.glue.port}/healthz"
        for _ in range(100):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url).status_code == 200:
                    break
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def measure(settings: Settings, pid: int, given: argparse.Namespace) -> None:
    base = f"http://127.0.0.1:{settings.glue.port}/api/v1"
    # Idle connections go before uvicorn, which closes them after 5 s, cuts one that is just used.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
        credentials = {"username": "admin", "password": PASSWORD}
        answer = await client.post("/auth/login", json=credentials)
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        print(f"memory before: {peak(pid):.0f} MiB")
        await load(client, given)
        print(f"memory, highest of the run: {peak(pid):.0f} MiB", flush=True)
        if given.no_exports:
            return
        for form in ("csv", "json", "ndjson"):
            reset_peak(pid)
            before, began, size = peak(pid), time.monotonic(), 0
            async with client.stream("GET", "/alerts/export", params={"format": form}) as answer:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
            took = time.monotonic() - began
            print(
                f"export as {form}: {took:.1f} s, {size / 1e6:.0f} MB,"
                f" memory {before:.0f} -> {peak(pid):.0f} MiB",
                flush=True,
            )


async def load(client: httpx.AsyncClient, given: argparse.Namespace) -> None:
    pick = random.Random(1)
    names = [name for name, (weight, _) in MIX.items() for _ in range(weight)]
    took: dict[str, list[float]] = defaultdict(list)
    refused: Counter[int] = Counter()

    async def send(name: str, due: float) -> None:
        method, path, params = MIX[name][1](pick, given.alerts)
        answer = await client.request(method, f"/alerts{path}", params=params)
        took[name].append((time.monotonic() - due) * 1000)
        if answer.status_code != 200:
            refused[answer.status_code] += 1

    for name in MIX:  # caches and prepared statements, as after a minute of use
        await send(name, time.monotonic())
    took.clear()
    start = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(given.rate * given.seconds)):
            due = start + number / given.rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            tasks.create_task(send(pick.choice(names), due))
    every = [ms for one in took.values() for ms in one]
    busy = time.monotonic() - start
    load_1 = os.getloadavg()[0]
    print(
        f"{len(every)} requests in {busy:.1f} s, not 200: {dict(refused) or 'none'}, load average"
        f" {load_1:.1f} on {os.cpu_count()} cores; ms: p50, p99, worst"
    )
    for name, found in [*took.items(), ("all", every)]:
        found.sort()
        p99 = found[max(0, int(len(found) * 0.99) - 1)]
        print(f"  {name:32} {statistics.median(found):7.1f} {p99:7.1f} {found[-1]:7.1f}")


def peak(pid: int) -> float:
    """MiB: the most that the process had in memory since :func:`reset_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()

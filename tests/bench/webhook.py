"""Posts of a fleet in trouble: ``python -m tests.bench.webhook [--rate 50] [--seconds 60]``.

Fifty posts a second of twenty alerts each, for a minute, at a real glue over real PostgreSQL and
InfluxDB: 2,000 robots whose five metrics fire and recover in turn; one post in ten is sent twice.
Posts leave when they are due, whether or not the one before was answered, and their time runs from
then. Then every row is held against the ledger: both ends of each episode, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from glue.core.metrics import METRICS
from glue.core.rules import BY_KEY
from glue.series import admin
from glue.settings import Settings
from glue.stack.parts import influxdb, mosquitto
from tests import programs
from tests.alert_stack import Record, running_glue
from tests.bench.memory import cpu, pss, tree
from tests.posts import rule_url

ROBOTS = 2000
ALERTS = 20
TWICE = 10
"""One post in so many."""

# Nobody evaluates meanwhile: the standby would end what has no readings.
QUIET = {"GLUE_EVALUATION_INTERVAL": "3600", "GRAFANA_URL": "http://127.0.0.1:9"}


@dataclass
class Ledger:
    """What the posts say: (robot, metric, begin, end), end None while it fires."""

    pairs: list[tuple[str, str]]
    at: int = 0
    open: dict[tuple[str, str], datetime] = field(default_factory=dict)
    over: list[tuple[str, str, datetime, datetime]] = field(default_factory=list)

    def post(self) -> dict[str, Any]:
        """The next twenty pairs, each on to its next state."""
        chosen = [self.pairs[(self.at + n) % len(self.pairs)] for n in range(ALERTS)]
        self.at += ALERTS
        return {"alerts": [self._turn(*pair) for pair in chosen], "truncatedAlerts": 0}

    def _turn(self, robot: str, name: str) -> dict[str, Any]:
        # PostgreSQL keeps microseconds, Grafana sends milliseconds.
        now = datetime.now(UTC)
        now -= timedelta(microseconds=now.microsecond % 1000)
        began = self.open.pop((robot, name), None)
        if began is None:
            self.open[robot, name] = now
        else:
            self.over.append((robot, name, began, now))
        return _alert(robot, name, began or now, None if began is None else now)

    def rows(self) -> list[tuple[Any, ...]]:
        left = [(*pair, began, None) for pair, began in self.open.items()]
        return sorted([*self.over, *left], key=str)


def _alert(robot: str, name: str, began: datetime, ended: datetime | None) -> dict[str, Any]:
    metric = METRICS[name]
    worse = 1 if metric.direction == "high" else -1
    recovery = metric.recovery(metric.warning)
    reading = metric.warning + worse if ended is None else recovery - worse
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": {
            "alertname": f"{metric.title} warning",
            "grafana_folder": "Robot rules",
            "metric": name,
            "robot_id": robot,
            "severity": "warning",
        },
        "annotations": {"summary": f"{robot}: {metric.title} warning"},
        "startsAt": began.isoformat(),
        "endsAt": ended.isoformat() if ended else "0001-01-01T00:00:00Z",
        "values": {"R": reading, "W": metric.warning, "L": recovery},
        "fingerprint": f"{hash((robot, name)) & (2**64 - 1):016x}",
        "generatorURL": rule_url(BY_KEY[name, "warning"].uid),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        ground.start(mosquitto.part(ground.site()))
        ground.start(influxdb.part(ground.site()))
        ground.environ["INFLUXDB_TOKEN"] = admin.prepare(ground.settings().influx).admin
        settings = ground.settings(PGDATABASE=cluster.create().database, **QUIET)
        with running_glue(ground, settings) as record:
            record.run("DELETE FROM robots")
            record.run(
                "INSERT INTO robots (robot_id) SELECT 'bot_' || n FROM generate_series(1, %s) n",
                ROBOTS,
            )
            ledger = Ledger([(f"bot_{n}", m) for n in range(1, ROBOTS + 1) for m in METRICS])
            _, process = ground.running["glue"]
            before = cpu(tree(process.pid))
            took = asyncio.run(send(settings, ledger, asked.rate, asked.seconds))
            spent = cpu(tree(process.pid)) - before
            told(took, spent / asked.seconds, pss(tree(process.pid)))
            compare(record, ledger)
    finally:
        ground.clear()


async def send(settings: Settings, ledger: Ledger, rate: int, seconds: int) -> list[float]:
    """Seconds from when each post was due until it was answered."""
    began = time.monotonic()
    tasks = []
    for number in range(rate * seconds):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        body = json.dumps(ledger.post()).encode()
        tasks.append(asyncio.create_task(post(settings, body, due)))
        if number % TWICE == 0:
            tasks.append(asyncio.create_task(post(settings, body, due)))
    return await asyncio.gather(*tasks)


async def post(settings: Settings, body: bytes, due: float) -> float:
    """Seconds from ``due`` to the answer. By hand: a client library that holds hundreds of open
    requests takes more of the processor than the glue which it measures."""
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.glue.port)
    try:
        secret = settings.glue.webhook_secret.get_secret_value()
        writer.write(
            f"POST /webhooks/grafana HTTP/1.1\r\nHost: glue\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(body)
        async with asyncio.timeout(60):
            answer = await reader.read()
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return time.monotonic() - due


def told(took: list[float], cores: float, megabytes: float) -> None:
    parts = statistics.quantiles(took, n=100)
    print(
        f"{len(took)} posts of {ALERTS} alerts: p50 {parts[49] * 1000:.0f} ms,"
        f" p95 {parts[94] * 1000:.0f} ms, p99 {parts[98] * 1000:.0f} ms,"
        f" worst {max(took) * 1000:.0f} ms; glue {cores:.2f} of a core, {megabytes:.0f} MB",
        flush=True,
    )


def compare(record: Record, ledger: Ledger) -> None:
    found = record.rows("SELECT robot_id, metric, starts_at, resolved_at FROM alerts")
    rows = sorted((tuple(row.values()) for row in found), key=str)
    wanted = ledger.rows()
    lost, unexpected = set(wanted) - set(rows), set(rows) - set(wanted)
    print(
        f"{len(wanted)} episodes: ok {len(set(wanted) & set(rows))}, lost {len(lost)},"
        f" duplicate {len(rows) - len(set(rows))}, unexpected {len(unexpected)}"
    )
    for row in sorted(lost | unexpected, key=str)[:10]:
        print("  lost" if row in lost else "  unexpected", *row)


if __name__ == "__main__":
    main()

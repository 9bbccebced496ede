"""What a backtest of a fleet's day takes: ``python -m tests.bench.backtest [robots] [metric]``.

A day of 1,000 robots, evaluated every 10 s: ``cpu``, every 10 s as in their status (8.6 million
points), or ``servo_temp``, six servos every 3 s (173 million, so think of fewer robots).
``tonypi thresholds preview --fleet`` and ``suggest`` run as people run them; seconds from start to
end, and the command's largest memory. ``INFLUXDB_VERSION`` chooses the InfluxDB.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx
import psycopg

from glue.environment import exported
from glue.series import admin
from glue.settings import Settings
from glue.stack.parts import influxdb
from tests import programs

EVERY = 10
HOURS = 24

SERVOS = 6
SENDS = {"cpu": 10, "servo_temp": 3}
"""Seconds between messages."""
LIMITS = {"cpu": ("90", "70", "50"), "servo_temp": ("75", "60", "45")}
"""Critical, a warning that a tenth of the robots cross, and one that all cross."""


@dataclass(frozen=True)
class Took:
    seconds: float
    megabytes: float
    told: str


def main(robots: int, metric: str) -> None:
    ground = programs.lay_ground()
    try:
        ground.start(influxdb.part(ground.site()))
        influx = ground.settings().influx
        ground.environ["INFLUXDB_TOKEN"] = token = admin.prepare(influx).admin
        print(f"InfluxDB {admin.version(influx.url)}, {robots} robots, {metric}, {HOURS} h")
        cluster = programs.migrated_cluster(ground)
        with (
            cluster.fresh() as made,
            httpx.Client(
                base_url=influx.url, headers={"Authorization": f"Token {token}"}, timeout=120
            ) as client,
        ):
            with psycopg.connect(made.dsn) as conn:
                conn.execute(
                    "INSERT INTO robots (robot_id) SELECT 'bot_' || n"
                    " FROM generate_series(0, %s) n",
                    (robots - 1,),
                )
            fill(client, robots, metric)
            settings = ground.settings(PGDATABASE=made.database)
            _measure(settings, metric)
    finally:
        ground.clear()


def fill(client: httpx.Client, robots: int, metric: str) -> None:
    """Readings that go up and down twice an hour, each robot by itself; one in ten goes beyond."""
    began = int(time.time()) // EVERY * EVERY - HOURS * 3600
    url = "/api/v2/write?org=tonypi&bucket=robot_metrics&precision=s"
    lines: list[str] = []
    middle, reach = (40, 25) if metric == "cpu" else (38, 17)
    for second in range(0, HOURS * 3600, SENDS[metric]):
        wave = [middle + reach * math.sin((second + 17 * n) / 286) for n in range(100)]
        for robot in range(robots):
            value, at = wave[robot % 100] + 10 * (robot % 10 == 0), began + second
            if metric == "cpu":
                lines.append(f"performance,robot_id=bot_{robot} cpu_percent={value:.1f} {at}")
            else:
                lines += [
                    f"servos,robot_id=bot_{robot},servo_id=servo_{n}"
                    f" temperature={value if n == 3 else 35.0:.1f} {at}"
                    for n in range(1, SERVOS + 1)
                ]
        if len(lines) >= 20_000:
            client.post(url, content="\n".join(lines)).raise_for_status()
            lines.clear()
    client.post(url, content="\n".join(lines)).raise_for_status()


def _measure(settings: Settings, metric: str) -> None:
    critical, few, all_of_them = LIMITS[metric]
    preview = ("preview", "--fleet", "--metric", metric, "--critical", critical, "--warning")
    for what, words in {
        "a tenth of the robots cross it": (*preview, few),
        "every robot crosses it": (*preview, all_of_them),
        "suggest": ("suggest", "--fleet", "--metric", metric),
    }.items():
        took = _run(settings, *words, "--since", f"{HOURS}h", "--json")
        said = json.loads(took.told)
        would = (said[0] if isinstance(said, list) else said)["would"]
        print(
            f"{what}: {took.seconds:.1f} s, {took.megabytes:.0f} MB,"
            f" {would['episodes']} episodes of {would['robots']} robots"
        )


def _run(settings: Settings, *words: str) -> Took:
    command = [sys.executable, "-m", "glue.cli", "thresholds", *words]
    began = time.monotonic()
    with subprocess.Popen(
        command, env={**os.environ, **exported(settings)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told
    return Took(time.monotonic() - began, usage.ru_maxrss / 1024, told)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 1000,
        sys.argv[2] if len(sys.argv) > 2 else "cpu",
    )

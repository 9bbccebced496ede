"""Time and memory of each report type: ``python -m tests.bench.reports [robots] [days]``.

500 robots over 7 days unless asked otherwise: load and temperatures every five minutes, charge and
six servos every ten (4.5 million points); 20 jobs and 5 alerts a robot. Each type is made of one
robot, of a group of 50 and of the fleet by ``tonypi reports build``: seconds from start to end of
the command, its largest memory, the size of the PDF. ``INFLUXDB_VERSION`` chooses the InfluxDB.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from glue.core.report.request import PRESETS
from glue.environment import exported
from glue.series import admin
from glue.settings import Settings
from glue.stack.parts import influxdb
from tests import programs

TYPES = (*PRESETS, "custom")
SECTIONS = ("availability", "load", "temperature", "servos", "battery", "jobs", "alerts", "logs")
BATCH = 20_000
EVERY = 300


def main(robots: int, days: int) -> None:
    ground = programs.lay_ground()
    try:
        # So that the period before is read too.
        ground.environ["INFLUXDB_RETENTION_DAYS"] = str(3 * days)
        ground.start(influxdb.part(ground.site()))
        influx = ground.settings().influx
        ground.environ["INFLUXDB_TOKEN"] = token = admin.prepare(influx).admin
        print(f"InfluxDB {admin.version(influx.url)}, {robots} robots, {days} days")
        until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = until - timedelta(days=days)
        cluster = programs.migrated_cluster(ground)
        with cluster.fresh() as made, tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            points = fill(influx.url, token, robots, since, until)
            print(f"{points:,} points in {time.monotonic() - began:.0f} s", flush=True)
            with psycopg.connect(made.dsn) as conn:
                records(conn, robots, since, days)
            settings = ground.settings(PGDATABASE=made.database, GLUE_REPORTS_FOLDER=folder)
            measure(settings, Path(folder), robots, since, until)
    finally:
        ground.clear()


def fill(url: str, token: str, robots: int, since: datetime, until: datetime) -> int:
    """Waves of load and warmth; a battery of nine hours, then an hour at the charger."""
    begin, end = int(since.timestamp()), int(until.timestamp())
    lines: list[str] = []
    written = 0
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Token {token}"}, timeout=300
    ) as client:

        def send() -> None:
            nonlocal written
            written += len(lines)
            url = "/api/v2/write?org=tonypi&bucket=robot_metrics&precision=s"
            # Beside other work InfluxDB may need longer than it grants itself.
            while (answer := client.post(url, content="\n".join(lines))).status_code >= 500:
                time.sleep(1)
            answer.raise_for_status()
            lines.clear()

        for at in range(begin, end, EVERY):
            wave = [40 + 25 * math.sin((at + 170 * n) / 4000) for n in range(100)]
            for robot in range(robots):
                of, load = f"robot_id=bot_{robot}", wave[robot % 100]
                lines.append(
                    f"performance,{of} cpu_percent={load:.1f},memory_percent={load / 2 + 30:.1f},"
                    f"disk_percent=41,cpu_temperature={load / 2 + 35:.1f} {at}"
                )
                if (at // EVERY + robot) % 2 == 0:
                    hour = ((at - begin) / 3600 + robot) % 10
                    charge = 100 - 10 * hour if hour < 9 else 10 + 90 * (hour - 9)
                    lines.append(
                        f"battery,{of} percentage={charge:.1f},voltage=11.1,"
                        f"charging={str(hour >= 9).lower()} {at}"
                    )
                if (at // EVERY + robot) % 2 == 0:
                    lines += [
                        f"servos,{of},servo_id=servo_{s} temperature={load / 2 + 20 + s:.1f} {at}"
                        for s in range(1, 7)
                    ]
            if len(lines) >= BATCH:
                send()
        if lines:
            send()
    return written


def records(conn: psycopg.Connection, robots: int, since: datetime, days: int) -> None:
    asked = {"robots": robots, "since": since, "days": days}
    conn.execute(
        "INSERT INTO robots (robot_id, name, created_at)"
        " SELECT 'bot_' || n, 'Robot ' || n, %(since)s - interval '30 days'"
        " FROM generate_series(0, %(robots)s - 1) n",
        asked,
    )
    conn.execute(
        "INSERT INTO jobs (robot_id, start_time, end_time, status, task_name, items_done, reason,"
        " percent_complete) SELECT 'bot_' || n, at, at + interval '20 minutes',"
        " CASE WHEN k %% 7 = 0 THEN 'failed' ELSE 'completed' END, 'task ' || k %% 3, 10,"
        " CASE WHEN k %% 7 = 0 THEN 'lost sight of the marker' END, 100"
        " FROM generate_series(0, %(robots)s - 1) n, generate_series(1, 20) k,"
        " LATERAL (SELECT %(since)s + k * make_interval(hours => 8) AS at) t"
        " WHERE at < %(since)s + make_interval(days => %(days)s)",
        asked,
    )
    conn.execute(
        "INSERT INTO alerts (robot_id, alert_type, severity, title, metric, created_at, resolved,"
        " resolved_at) SELECT 'bot_' || n, 'servo', CASE WHEN k = 1 THEN 'critical' ELSE 'warning'"
        " END, 'Servo hot', 'servo_temp', at, true, at + interval '9 minutes'"
        " FROM generate_series(0, %(robots)s - 1) n, generate_series(1, 5) k,"
        " LATERAL (SELECT %(since)s + k * make_interval(hours => 30) AS at) t"
        " WHERE at < %(since)s + make_interval(days => %(days)s)",
        asked,
    )


def measure(
    settings: Settings, folder: Path, robots: int, since: datetime, until: datetime
) -> None:
    environ = {**os.environ, **exported(settings)}
    print(f"{'type':12}{'robots':>8}{'time':>9}{'memory':>10}{'PDF':>10}")
    for count in sorted({1, min(50, robots), robots}):
        named = (
            [] if count == robots else [w for n in range(count) for w in ("--robot", f"bot_{n}")]
        )
        for kind in TYPES:
            chosen = [w for s in SECTIONS for w in ("--section", s)] if kind == "custom" else []
            period = ["--since", since.isoformat(), "--until", until.isoformat()]
            words = [kind, *named, *chosen, *period, "--json"]
            command = [sys.executable, "-m", "glue.cli", "reports", "build", *words]
            began = time.monotonic()
            with subprocess.Popen(
                command, env=environ, stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                told = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            assert process.returncode == 0, told
            size = Path(json.loads(told)["file"]).stat().st_size
            print(
                f"{kind:12}{count:8}{seconds:7.1f} s{usage.ru_maxrss / 1024:6.0f} MiB"
                f"{size / 1024:6.0f} KiB",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(w) for w in (sys.argv[1:] + ["500", "7"][len(sys.argv) - 1 :])))

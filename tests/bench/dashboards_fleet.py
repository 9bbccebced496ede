"""The fleet of ``tests.bench.dashboards``: a week of points and rows, as dense as time allows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import httpx
import psycopg

from glue.settings import Influx

DENSE = "bench_0"
WEEK = 7 * 86_400 - 1800
"""InfluxDB refuses what lies beyond its retention, seven days."""
RECENT = 6 * 3600
DENSITY = (
    "One robot is as dense as it sends. Each other has status, battery and three servos every"
    " 30 min, in the last 6 h every 60 s, in the last 15 min every 15 s with six servos. In the"
    " week each has 20 alerts, 70 jobs and 300 log lines, one in ten of them a warning."
)
BATCH = 10_000


def fill_influxdb(influx: Influx, robots: int, until: int) -> int:
    """Writes; returns how many points."""
    lines: list[str] = []
    count = 0
    with httpx.Client(
        base_url=influx.url,
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        timeout=120,
        trust_env=False,
    ) as client:

        def write() -> None:
            nonlocal count
            for last in (False, False, False, True):
                answer = client.post(
                    "/write",
                    params={"db": influx.bucket, "precision": "s"},
                    content="\n".join(lines),
                )
                # A busy disk makes it answer 500, timeout; written twice is written once.
                if answer.status_code != 500 or last:
                    break
            answer.raise_for_status()
            count += len(lines)
            lines.clear()

        for line in _all(robots, until):
            lines.append(line)
            if len(lines) >= BATCH:
                write()
        if lines:
            write()
    return count


def _all(robots: int, until: int) -> Iterator[str]:
    begin = until - WEEK
    # In order of time, as it comes: a batch is then of one shard.
    times = [(at, 3) for at in range(begin, until - RECENT, 1800)]
    times += [(at, 3) for at in range(until - RECENT, until - 900, 60)]
    times += [(at, 6) for at in range(until - 900, until, 15)]
    for at, servos in times:
        for robot in range(1, robots):
            yield from _told(robot, at, servos)
    for at in range(begin, until, 1):
        yield from _dense(at)
    for at in range(begin, until, 10):
        n = (at - begin) // 10
        yield (
            "internal_write,output=influxdb_v2 buffer_size=1i,buffer_limit=210000i,"
            f"metrics_written={n}i,metrics_dropped=0i,metrics_rejected=0i,errors=0i,"
            f"write_time_ns=9000000i {at}"
        )
        yield f"internal_gather,input=mqtt_consumer metrics_gathered={n}i {at}"
        for topic in ("clients/connected", "store/messages/count", "publish/messages/received"):
            yield f"broker,topic=$SYS/broker/{topic} value={n} {at}"
        if n % 60 == 0:
            yield f"refused,topic=tonypi/servos,reason=wrong_type count=1i {at}"
            yield f"clock,robot_id={DENSE},reason=ahead count=1i,offset_s=70 {at}"


def _wave(robot: int, at: int) -> float:
    return 20 * math.sin(at / 900 + robot)


def _told(robot: int, at: int, servos: int) -> Iterator[str]:
    of, wave = f"robot_id=bench_{robot}", _wave(robot, at)
    yield (
        f"performance,{of} cpu_percent={45 + wave:.1f},memory_percent={50 + wave / 2:.1f},"
        f"cpu_temperature={55 + wave / 2:.1f} {at}"
    )
    yield f"battery,{of} percentage={60 - wave:.1f},voltage=11.2,charging=false {at}"
    for servo in range(1, servos + 1):
        yield (
            f"servos,{of},servo_id=servo_{servo} temperature={45 + wave / servo:.1f},"
            f"position={wave:.1f},voltage=5,load=12 {at}"
        )


def _dense(at: int) -> Iterator[str]:
    """The one robot, at each second what it sends then."""
    of, wave = f"robot_id={DENSE}", _wave(0, at)
    if at % 10 == 0:
        yield (
            f"performance,{of} cpu_percent={45 + wave:.1f},memory_percent=50,cpu_temperature=55"
            f" {at}"
        )
    if at % 30 == 0:
        yield f"battery,{of} percentage={60 - wave:.1f},voltage=11.2,charging=false {at}"
    if at % 3 == 0:
        for servo in range(1, 7):
            yield (
                f"servos,{of},servo_id=servo_{servo} temperature={45 + wave / servo:.1f},"
                f"position={wave:.1f},voltage={5 + wave / 200:.2f},load=12 {at}"
            )
    if at % 2 == 0:
        # One axis a message, as it sends them; in one second they meet in a point.
        for axis in "xyz":
            yield f"imu,{of} accel_{axis}={9.8 if axis == 'z' else wave / 20:.2f} {at}"
            yield f"imu,{of} gyro_{axis}={wave:.1f} {at}"
    if at % 5 == 0:
        yield f"location,{of} x={wave:.2f},y={_wave(9, at):.2f},z=0 {at}"


FILL = """
INSERT INTO robots (robot_id, name, status, last_seen, heard_at, location)
SELECT 'bench_' || n, 'Robot ' || n, 'online', now(), 999,
       jsonb_build_object('x', n %% 50, 'y', n / 50)
  FROM generate_series(0, %(last)s) n;
INSERT INTO alerts (robot_id, metric, alert_type, severity, title, value, threshold, starts_at,
                    created_at, acknowledged, acknowledged_at, resolved, resolved_at)
SELECT 'bench_' || n, CASE k %% 3 WHEN 0 THEN 'cpu' WHEN 1 THEN 'battery' ELSE 'servo_temp' END,
       'performance', CASE k %% 4 WHEN 0 THEN 'critical' ELSE 'warning' END,
       'bench_' || n || ': too high', 80, 70, at, at, k %% 2 = 0,
       CASE WHEN k %% 2 = 0 THEN at + interval '50 s' END, k > 1 OR n %% 20 > 0,
       CASE WHEN k > 1 OR n %% 20 > 0 THEN at + interval '9 min' END
  FROM generate_series(0, %(last)s) n, generate_series(1, 20) k,
       LATERAL (SELECT now() - (8 * k + 4) * interval '1 h' + n * interval '7 s' AS at) t;
INSERT INTO alert_timeline (alert_id, at, kind, severity)
SELECT id, starts_at, 'opened', severity FROM alerts;
INSERT INTO jobs (robot_id, task_name, status, start_time, end_time, items_total, items_done,
                  percent_complete, details)
SELECT 'bench_' || n, 'task ' || k %% 7, CASE k %% 9 WHEN 0 THEN 'failed' ELSE 'completed' END,
       at, at + (60 + k) * interval '1 s', 10, 10, 100, '{"estimated_duration": 80}'
  FROM generate_series(0, %(last)s) n, generate_series(1, 70) k,
       LATERAL (SELECT now() - k * interval '144 min' + n * interval '4 s' AS at) t;
INSERT INTO system_logs (level, category, robot_id, message, timestamp)
SELECT CASE k %% 10 WHEN 0 THEN 'WARNING' ELSE 'INFO' END, 'mqtt', 'bench_' || n,
       'Servo ' || k %% 6 || ' says ' || k, now() - k * interval '33 min' - n * interval '1 s'
  FROM generate_series(0, %(last)s) n, generate_series(1, 300) k
"""


def fill_postgresql(dsn: str, robots: int) -> int:
    """Writes, and gathers what the planner knows; returns how many rows."""
    rows = 0
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in FILL.split(";\n"):
            rows += conn.execute(statement.encode(), {"last": robots - 1}).rowcount
        conn.execute("VACUUM ANALYZE")
    return rows

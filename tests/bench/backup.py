"""How long backup and restore take: ``python -m tests.bench.backup [robots] [points] [alerts]``.

Points are servos' (six a robot, three fields), every 10 s backwards from now. Two installations,
each with a PostgreSQL and an InfluxDB of its own; PostgreSQL without fsync. Prints seconds, the
size, and the most memory that this process ever had.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glue.backup.archive import verify
from tests.integration.test_backup import Place, place

SERVOS = 6
EVERY = 10 * 10**9


def main(robots: int, points: int, alerts: int) -> None:
    with place() as source, tempfile.TemporaryDirectory() as folder:
        with _timed("prepared"):
            _write(source, robots, points)
            _alerts(source, robots, alerts)
        path = Path(folder) / "bench.tar"
        _memory()
        with _timed("backup, read back"):
            made = source.back_up(path)
        size = path.stat().st_size
        print(f"  {made.points:,} points, {made.rows:,} rows, {size / 1e6:.1f} MB")
        print(
            "  "
            + ", ".join(f"{one.name} {one.bytes / 1e6:.1f} MB" for one in made.members if one.bytes)
        )
        _memory()
        with _timed("verify alone"):
            verify(path)
        with place() as target:
            with _timed("restore"):
                done = target.restore(path)
            print(f"  {done.points:,} points, {done.rows:,} rows, {done.expired} expired")
            _memory()


def _write(source: Place, robots: int, points: int) -> None:
    now, chance = time.time_ns(), random.Random(1)
    batch: list[str] = []
    for number in range(points):
        round_, rest = divmod(number, robots * SERVOS)
        robot, servo = divmod(rest, SERVOS)
        batch.append(
            f"servos,robot_id=robot_{robot:04d},servo_id={servo + 1} "
            f"temperature={chance.uniform(30, 70):.2f},position={chance.randrange(1000)}i,"
            f"voltage={chance.uniform(11, 12.6):.2f} {now - round_ * EVERY}"
        )
        if len(batch) == 5000:
            source.write(*batch)
            batch = []
    if batch:
        source.write(*batch)


def _alerts(source: Place, robots: int, alerts: int) -> None:
    source.sql(
        f"""
        INSERT INTO robots (robot_id) SELECT 'robot_' || n FROM generate_series(1, {robots}) n;
        INSERT INTO alerts (robot_id, alert_type, severity, title, message, value, threshold,
                            resolved, resolved_at, created_at)
        SELECT 'robot_' || 1 + n % {robots}, 'battery', 'warning', 'Battery low',
               'Battery at ' || round(random()::numeric * 20, 1) || ' %', random() * 20, 20, true,
               now() - n * interval '1 minute', now() - n * interval '1 minute' - interval '30 s'
          FROM generate_series(1, {alerts}) n;
        INSERT INTO alert_timeline (alert_id, kind, severity, value)
        SELECT id, kind, severity, value FROM alerts, unnest(ARRAY['opened', 'resolved']) kind;
        """
    )


@contextmanager
def _timed(title: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{title}: {time.monotonic() - began:.1f} s", flush=True)


def _memory() -> None:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  most memory so far: {own:.0f} MB; load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [100, 1_000_000, 100_000][len(given) :]))

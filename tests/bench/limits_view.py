"""How long the limits view takes: ``python -m tests.bench.limits_view [robots ...]``.

A tenth of the robots has limits of its own. Prints the median of seven, planning included, in ms.
"""

from __future__ import annotations

import statistics
import sys
import time

import psycopg

from tests import programs

QUERIES = {
    "every limit in force": "SELECT * FROM effective_limits",
    "one rule's limits": "SELECT robot_id, limit_value FROM grafana.rule_limits"
    " WHERE metric = 'cpu' AND severity = 'warning'",
    "one robot's limits": "SELECT * FROM effective_limits WHERE robot_id = 'r77'",
}


def main(fleets: list[int]) -> None:
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        for robots in fleets:
            with (
                cluster.fresh() as made,
                psycopg.connect(made.dsn, autocommit=True) as conn,
            ):
                _measure(conn, robots)
    finally:
        ground.clear()


def _measure(conn: psycopg.Connection, robots: int) -> None:
    conn.execute(
        "INSERT INTO robots (robot_id)"
        f" SELECT 'r' || n FROM generate_series(1, {robots:d}) n".encode()
    )
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold)"
        f" SELECT 'r' || n, metric, warning - 1 FROM generate_series(1, {robots:d}, 10) n, metrics"
        " WHERE direction = 'high'".encode()
    )
    for stage in ("before autovacuum's first look", "after it"):
        if stage == "after it":
            conn.execute("ANALYZE")
        for name, query in QUERIES.items():
            took = [_explain(conn, query) for _ in range(7)]
            print(f"{robots:6d} robots, {stage}: {name}: {statistics.median(took):.1f} ms")
    began = time.monotonic()
    conn.execute(
        "UPDATE alert_thresholds SET warning_threshold = 69 WHERE robot_id IS NULL"
        " AND metric_type = 'temperature'"
    )
    took_ms = (time.monotonic() - began) * 1000
    print(f"{robots:6d} robots: a changed global limit, columns of all robots: {took_ms:.0f} ms")


def _explain(conn: psycopg.Connection, query: str) -> float:
    explained = conn.execute(b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query.encode())
    row = explained.fetchone()
    assert row is not None
    return float(row[0][0]["Planning Time"] + row[0][0]["Execution Time"])


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [2000, 10000])

"""Which limits are in force: own row, global row, default; and when there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from glue.core.metrics import METRICS, SEVERITIES
from glue.settings import Postgres

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def conn(database: Postgres) -> Iterator[Conn]:
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        conn.execute("DELETE FROM robots")
        conn.execute("DELETE FROM alert_thresholds")
        yield conn


def robot(conn: Conn, robot_id: str = "r1", **columns: Any) -> None:
    values = {"robot_id": robot_id, **columns}
    conn.execute(
        psycopg.sql.SQL("INSERT INTO robots ({}) VALUES ({})").format(
            psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, values)),
            psycopg.sql.SQL(", ").join(map(psycopg.sql.Placeholder, values)),
        ),
        values,
    )


def row(
    conn: Conn,
    robot_id: str | None,
    metric: str,
    warning: float | None,
    critical: float | None,
    enabled: bool = True,
    warning_recovery: float | None = None,
) -> None:
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold, enabled, warning_recovery) VALUES (%s, %s, %s, %s, %s, %s)",
        (robot_id, metric, warning, critical, enabled, warning_recovery),
    )


def limits(conn: Conn, metric: str, robot_id: str = "r1") -> tuple[Any, ...] | None:
    """(warning, its recovery, critical, its recovery, source) or None where nothing is in force."""
    return conn.execute(
        "SELECT warning, warning_recovery, critical, critical_recovery, source"
        " FROM effective_limits WHERE robot_id = %s AND metric = %s",
        (robot_id, metric),
    ).fetchone()


def test_without_any_row_the_defaults_of_the_core_are_in_force(conn: Conn) -> None:
    robot(conn)
    for m in METRICS.values():
        expected = (m.warning, m.recovery(m.warning), m.critical, m.recovery(m.critical), "default")
        assert limits(conn, m.name) == expected


def test_the_global_row_stands_before_the_default(conn: Conn) -> None:
    robot(conn)
    row(conn, None, "cpu", 50, 60, warning_recovery=30)
    assert limits(conn, "cpu") == (50, 30, 60, 55, "global")
    assert limits(conn, "memory") == (75, 70, 90, 85, "default")


def test_the_own_row_stands_before_the_global_one_for_its_robot_only(conn: Conn) -> None:
    robot(conn)
    robot(conn, "r2")
    row(conn, None, "battery", 30, 20)
    row(conn, "r1", "battery", 15, 5, warning_recovery=40)
    assert limits(conn, "battery") == (15, 40, 5, 7, "robot")
    assert limits(conn, "battery", "r2") == (30, 32, 20, 22, "global")


def test_a_disabled_own_row_switches_the_metric_off_for_that_robot(conn: Conn) -> None:
    robot(conn)
    robot(conn, "r2")
    row(conn, "r1", "cpu", 10, 20, enabled=False)
    assert limits(conn, "cpu") is None
    assert limits(conn, "memory") is not None
    assert limits(conn, "cpu", "r2") is not None


def test_a_disabled_global_row_switches_off_whoever_has_no_row_of_his_own(conn: Conn) -> None:
    robot(conn)
    robot(conn, "r2")
    row(conn, None, "cpu", 50, 60, enabled=False)
    row(conn, "r1", "cpu", None, None)
    assert limits(conn, "cpu", "r2") is None
    assert limits(conn, "cpu") == (50, 45, 60, 55, "global")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ((50, None), (50, 45, 80, 75, "robot")),
        ((None, 95), (60, 55, 95, 90, "robot")),
        ((None, None), (60, 55, 80, 75, "global")),
    ],
)
def test_half_a_pair_is_completed_by_the_next_level(
    conn: Conn, own: tuple[float | None, float | None], expected: tuple[Any, ...]
) -> None:
    robot(conn)
    row(conn, None, "cpu", 60, 80)
    row(conn, "r1", "cpu", *own)
    assert limits(conn, "cpu") == expected


def test_half_a_global_pair_is_completed_by_the_default(conn: Conn) -> None:
    robot(conn)
    row(conn, None, "battery", None, 5)
    assert limits(conn, "battery") == (20, 22, 5, 7, "global")


@pytest.mark.parametrize(("metric", "own"), [("cpu", 85), ("cpu", 80), ("battery", 15)])
def test_a_pair_that_comes_out_inverted_gives_way_as_a_whole(
    conn: Conn, metric: str, own: float
) -> None:
    robot(conn)
    row(conn, None, "cpu", 60, 80)
    row(conn, None, "battery", 30, 20)
    before = limits(conn, metric)
    row(conn, "r1", metric, own, None)
    assert limits(conn, metric) == before
    assert before is not None
    assert before[-1] == "global"


def test_even_rows_that_the_constraints_would_refuse_never_make_a_limit_useless(
    conn: Conn,
) -> None:
    robot(conn)
    conn.execute("ALTER TABLE alert_thresholds DISABLE TRIGGER USER")
    row(conn, "r1", "cpu", 90, 70)
    row(conn, "r1", "memory", 50, 60, warning_recovery=50)
    row(conn, "r1", "temperature", 60, 60)
    row(conn, None, "servo_temp", 80, 40)
    for metric in ("cpu", "memory", "temperature", "servo_temp"):
        m = METRICS[metric]
        assert limits(conn, metric) == (
            m.warning,
            m.recovery(m.warning),
            m.critical,
            m.recovery(m.critical),
            "default",
        )


@pytest.mark.parametrize(
    "state",
    [
        {"status": "maintenance"},
        {"is_active": False},
        {"registration": "pending"},
        {"registration": "refused"},
    ],
    ids=lambda state: next(iter(state)) + str(next(iter(state.values()))),
)
def test_a_robot_that_is_not_watched_has_no_limits_in_force(
    conn: Conn, state: dict[str, Any]
) -> None:
    robot(conn, **state)
    robot(conn, "r2", status="error")
    row(conn, "r1", "cpu", 50, 60)
    assert limits(conn, "cpu") is None
    assert limits(conn, "cpu", "r2") is not None
    kept = conn.execute(
        "SELECT warning, watched FROM configured_limits WHERE robot_id = 'r1' AND metric = 'cpu'"
    ).fetchone()
    assert kept == (50, False)


def test_a_fleet_of_one_unregistered_robot_has_only_the_sentinels(conn: Conn) -> None:
    rows = conn.execute("SELECT robot_id, metric, severity FROM grafana.rule_limits").fetchall()
    expected = {
        (none, metric, severity)
        for none in ("__none_a", "__none_b")
        for metric in METRICS
        for severity in SEVERITIES
    }
    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_rule_limits_are_the_limits_in_force_and_the_sentinels_and_never_useless(
    conn: Conn,
) -> None:
    robot(conn)
    row(conn, "r1", "battery", 15, 5)
    row(conn, "r1", "cpu", 10, 20, enabled=False)
    found = conn.execute(
        "SELECT severity, limit_value, recovery_value FROM grafana.rule_limits"
        " WHERE robot_id = 'r1' AND metric = 'battery' ORDER BY 1"
    ).fetchall()
    assert found == [("critical", 5, 7), ("warning", 15, 17)]
    useless = "limit_value IS NULL OR recovery_value IS NULL OR limit_value = recovery_value"
    count = "SELECT count(*), count(*) FILTER (WHERE {}) FROM grafana.rule_limits"
    assert conn.execute(count.format(useless).encode()).fetchone() == (20 + 8, 0)


def test_ten_thousand_robots_are_answered_well_within_an_evaluation(conn: Conn) -> None:
    conn.execute("ALTER TABLE robots DISABLE TRIGGER USER")
    conn.execute("INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, 10000) n")
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold) SELECT"
        " 'r' || n, 'cpu', 60 FROM generate_series(1, 10000, 10) n"
    )
    conn.execute("ANALYZE")
    query = (
        b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT robot_id, limit_value"
        b" FROM grafana.rule_limits WHERE metric = 'cpu' AND severity = 'warning'"
    )
    took = []
    for _ in range(5):
        plan = conn.execute(query).fetchone()
        assert plan is not None
        took.append(plan[0][0]["Execution Time"])
        assert plan[0][0]["Plan"]["Actual Rows"] == 10002
    # The bound only catches a plan that is quadratic; docs/decisions has what was measured.
    assert min(took) < 500, f"{took} ms"

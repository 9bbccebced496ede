"""Nonsense is refused by the database, whoever sends it; what is sensible is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.programs import Cluster

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def shared(postgres: Cluster) -> Iterator[Conn]:
    with postgres.fresh() as made, psycopg.connect(made.dsn) as conn:
        yield conn


@pytest.fixture
def conn(shared: Conn) -> Iterator[Conn]:
    """One database for all; what a test wrote is rolled back."""
    with shared.transaction(force_rollback=True):
        yield shared


USER = "INSERT INTO users (username, email, password_hash, role) VALUES "
ROBOT = "INSERT INTO robots (robot_id) VALUES "
JOB = "INSERT INTO jobs (robot_id, start_time, end_time, items_total, items_done, "
JOB += "percent_complete, status) VALUES "
ALERT = "INSERT INTO alerts (robot_id, alert_type, severity, title, metric, resolved, resolved_at) "
ALERT += "VALUES "
LIMIT = "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, "
LIMIT += "critical_threshold, warning_recovery, critical_recovery) VALUES "
LOG = "INSERT INTO system_logs (level, category, message) VALUES "

NONSENSE = [
    ("users_role", USER + "('ada', 'a@b.c', 'x', 'root')"),
    ("users_username", USER + "(' ada', 'a@b.c', 'x', 'admin')"),
    ("users_username", USER + "('', 'a@b.c', 'x', 'admin')"),
    ("users_email", USER + "('ada', 'nowhere', 'x', 'admin')"),
    ("users_username_any_case", USER + "('Ada', 'a@b.c', 'x', 'admin'),"
     " ('ada', 'd@e.f', 'x', 'viewer')"),
    ("users_email_any_case", USER + "('ada', 'a@b.c', 'x', 'admin'),"
     " ('bob', 'A@B.c', 'x', 'viewer')"),
    ("robots_robot_id", ROBOT + "('')"),
    ("robots_robot_id", ROBOT + "('a b')"),
    ("robots_robot_id", ROBOT + "('a/b')"),
    ("robots_robot_id", ROBOT + "('a+')"),
    ("robots_robot_id", ROBOT + "('r1' || chr(10))"),
    ("robots_robot_id", ROBOT + "('ä')"),
    ("robots_robot_id_key", ROBOT + "('r1'), ('r1')"),
    ("robots_status", "UPDATE robots SET status = 'dancing'"),
    ("robots_registration", "UPDATE robots SET registration = 'maybe'"),
    ("robots_location", "UPDATE robots SET location = '[1, 2]'"),
    ("robots_settings", "UPDATE robots SET settings = '3'"),
    ("jobs_robot_id", JOB + "('a b', now(), NULL, NULL, 0, 0, 'active')"),
    ("jobs_status", JOB + "('r1', now(), NULL, NULL, 0, 0, 'paused')"),
    ("jobs_percent", JOB + "('r1', now(), NULL, NULL, 0, 100.1, 'active')"),
    ("jobs_percent", JOB + "('r1', now(), NULL, NULL, 0, -1, 'active')"),
    ("jobs_percent", JOB + "('r1', now(), NULL, NULL, 0, 'NaN', 'active')"),
    ("jobs_items", JOB + "('r1', now(), NULL, NULL, -1, 0, 'active')"),
    ("jobs_items", JOB + "('r1', now(), NULL, -1, 0, 0, 'active')"),
    ("jobs_times", JOB + "('r1', now(), now() - interval '1 s', 1, 0, 0, 'failed')"),
    ("jobs_one_active", JOB + "('r1', now(), NULL, 1, 0, 0, 'active'),"
     " ('r1', now(), NULL, 1, 0, 0, 'active')"),
    ("alerts_type", ALERT + "('r1', 'weather', 'info', 't', NULL, false, NULL)"),
    ("alerts_severity", ALERT + "('r1', 'battery', 'fatal', 't', NULL, false, NULL)"),
    ("alerts_resolved", ALERT + "('r1', 'battery', 'info', 't', NULL, true, NULL)"),
    ("alerts_acknowledged", "INSERT INTO alerts (alert_type, severity, title, acknowledged) "
     "VALUES ('battery', 'info', 't', true)"),
    ("alerts_origin", "INSERT INTO alerts (alert_type, severity, title, origin) "
     "VALUES ('battery', 'info', 't', 'hearsay')"),
    ("alerts_one_open", ALERT + "('r1', 'battery', 'info', 't', 'battery', false, NULL), "
     "('r1', 'battery', 'critical', 't', 'battery', false, NULL)"),
    ("alerts_one_open", ALERT + "(NULL, 'system', 'info', 't', 'events', false, NULL), "
     "(NULL, 'system', 'info', 't', 'events', false, NULL)"),
    ("reports_type", "INSERT INTO reports (title, report_type) VALUES ('t', 'gossip')"),
    ("system_logs_level", LOG + "('info', 'api', 'm')"),
    ("system_logs_category", LOG + "('INFO', 'x', 'm')"),
    ("alert_thresholds_metric", LIMIT + "(NULL, 'mood', 1, 2, NULL, NULL)"),
    ("alert_thresholds_robot", LIMIT + "('nobody', 'cpu', 50, 60, NULL, NULL)"),
    ("alert_thresholds_one_row", LIMIT + "(NULL, 'cpu', 50, 60, NULL, NULL)"),
    ("alert_thresholds_one_row", LIMIT + "('tonypi_01', 'cpu', 50, 60, NULL, NULL), "
     "('tonypi_01', 'cpu', 51, 61, NULL, NULL)"),
    ("alert_thresholds_order", LIMIT + "('tonypi_01', 'cpu', 90, 70, NULL, NULL)"),
    ("alert_thresholds_order", LIMIT + "('tonypi_01', 'cpu', 70, 70, NULL, NULL)"),
    ("alert_thresholds_order", LIMIT + "('tonypi_01', 'battery', 10, 20, NULL, NULL)"),
    ("alert_thresholds_recovery", LIMIT + "('tonypi_01', 'cpu', 70, 90, 70, NULL)"),
    ("alert_thresholds_recovery", LIMIT + "('tonypi_01', 'cpu', 70, 90, NULL, 95)"),
    ("alert_thresholds_recovery", LIMIT + "('tonypi_01', 'battery', 20, 10, 19, NULL)"),
    ("alert_thresholds_recovery_alone", LIMIT + "('tonypi_01', 'cpu', NULL, 90, 60, NULL)"),
    ("alert_thresholds_range", LIMIT + "('tonypi_01', 'cpu', 70, 100, NULL, NULL)"),
    ("alert_thresholds_range", LIMIT + "('tonypi_01', 'cpu', 'NaN', NULL, NULL, NULL)"),
    ("alert_thresholds_range", LIMIT + "('tonypi_01', 'servo_temp', 50, 'Infinity', NULL, NULL)"),
    # Their default recovery limits are beyond any reading: they would never recover.
    ("alert_thresholds_range", LIMIT + "('tonypi_01', 'cpu', 5, 90, NULL, NULL)"),
    ("alert_thresholds_range", LIMIT + "('tonypi_01', 'battery', 98, 10, NULL, NULL)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("constraint", "statement"), NONSENSE, ids=[f"{i}-{n[0]}" for i, n in enumerate(NONSENSE)]
)
def test_nonsense_is_refused_by_name(conn: Conn, constraint: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused, conn.transaction():
        conn.execute(statement.encode())
    assert refused.value.diag.constraint_name == constraint


SENSE = [
    USER + "('Ada', 'Ada@b.c', 'x', 'operator'), ('bob smith', 'b@b.c', 'x', 'viewer')",
    ROBOT + "('A-b_c.d:9'), (repeat('x', 50))",
    JOB + "('gone', now(), NULL, NULL, 0, 0, 'active'), ('r1', now(), NULL, 3, 9, 100, 'active')",
    JOB + "('r1', now(), now(), 1, 1, 100, 'completed'), ('r1', now(), now(), 1, 1, 9, 'failed')",
    ALERT + "('gone', 'battery', 'info', 't', 'battery', false, NULL),"
    " ('gone', 'battery', 'info', 't', 'battery', true, now()),"
    " ('gone', 'battery', 'info', 't', NULL, false, NULL),"
    " ('gone', 'battery', 'info', 't', NULL, false, NULL),"
    " (NULL, 'battery', 'info', 't', 'battery', false, NULL)",
    LIMIT + "('tonypi_01', 'cpu', 4, 5, 1, 2), ('tonypi_01', 'battery', 98, 97, 99, NULL)",
    LIMIT
    + "('tonypi_01', 'cpu', NULL, 5.5, NULL, NULL), ('tonypi_01', 'memory', 99, NULL, 1, NULL)",
    LIMIT + "('tonypi_01', 'temperature', -5, 0, NULL, NULL)",
]


@pytest.mark.parametrize("statement", SENSE, ids=range(len(SENSE)))
def test_what_is_sensible_is_taken(conn: Conn, statement: str) -> None:
    assert conn.execute(statement.encode()).rowcount > 0


def test_an_alert_and_a_log_outlive_their_robot_and_a_timeline_does_not_outlive_its_alert(
    conn: Conn,
) -> None:
    conn.execute((ALERT + "('tonypi_01', 'battery', 'info', 't', 'm', false, NULL)").encode())
    conn.execute("INSERT INTO alert_timeline (alert_id, kind) SELECT id, 'opened' FROM alerts")
    conn.execute(
        "INSERT INTO alert_occurrences (metric, robot_id, severity, starts_at, origin, alert_id)"
        " SELECT 'm', 'tonypi_01', 'info', now(), 'push', id FROM alerts"
    )
    conn.execute("DELETE FROM robots")
    assert conn.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
    conn.execute("DELETE FROM alerts")
    assert conn.execute("SELECT count(*) FROM alert_timeline").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM alert_occurrences").fetchone() == (0,)

"""A robot's own limit columns and its rows in alert_thresholds say the same, whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from glue.settings import Postgres

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def conn(database: Postgres) -> Iterator[Conn]:
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('r1'), ('r2')")
        yield conn


def columns(conn: Conn, robot_id: str = "r1") -> tuple[Any, ...]:
    found = conn.execute(
        "SELECT battery_threshold_low, battery_threshold_critical, temp_threshold_warning,"
        " temp_threshold_critical FROM robots WHERE robot_id = %s",
        (robot_id,),
    ).fetchone()
    assert found is not None
    return found


def rows(conn: Conn, robot_id: str = "r1") -> dict[str, tuple[Any, ...]]:
    found = conn.execute(
        "SELECT metric_type, warning_threshold, critical_threshold FROM alert_thresholds"
        " WHERE robot_id = %s",
        (robot_id,),
    ).fetchall()
    return {r[0]: r[1:] for r in found}


def test_a_robot_with_default_columns_has_no_rows(conn: Conn) -> None:
    assert rows(conn) == {}
    assert columns(conn) == (20, 10, 70, 80)


def test_a_robot_made_with_columns_of_its_own_has_rows(conn: Conn) -> None:
    conn.execute("INSERT INTO robots (robot_id, battery_threshold_low) VALUES ('r3', 35)")
    assert rows(conn, "r3") == {"battery": (35, 10)}
    assert columns(conn, "r3") == (35, 10, 70, 80)


def test_changed_columns_make_and_change_the_row_and_no_other(conn: Conn) -> None:
    conn.execute("UPDATE robots SET battery_threshold_low = 30 WHERE robot_id = 'r1'")
    assert rows(conn) == {"battery": (30, 10)}
    conn.execute(
        "UPDATE robots SET battery_threshold_critical = 25, temp_threshold_warning = 60"
        " WHERE robot_id = 'r1'"
    )
    assert rows(conn) == {"battery": (30, 25), "temperature": (60, 80)}
    conn.execute("UPDATE robots SET name = 'One', last_seen = now()")
    assert rows(conn) == {"battery": (30, 25), "temperature": (60, 80)}
    assert rows(conn, "r2") == {}


def test_columns_keep_the_rows_switch_and_a_recovery_limit_that_still_fits(conn: Conn) -> None:
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold, warning_recovery, critical_recovery, enabled)"
        " VALUES ('r1', 'temperature', 60, 70, 50, 65, false)"
    )
    conn.execute("UPDATE robots SET temp_threshold_critical = 64 WHERE robot_id = 'r1'")
    kept = conn.execute(
        "SELECT warning_recovery, critical_recovery, enabled FROM alert_thresholds"
        " WHERE robot_id = 'r1'"
    ).fetchone()
    assert kept == (50, None, False)


def test_a_written_row_moves_its_robots_columns(conn: Conn) -> None:
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold) VALUES ('r1', 'temperature', 50, 55), ('r1', 'cpu', 50, 55)"
    )
    assert columns(conn) == (20, 10, 50, 55)
    conn.execute(
        "UPDATE alert_thresholds SET warning_threshold = 45 WHERE robot_id = 'r1'"
        " AND metric_type = 'temperature'"
    )
    assert columns(conn) == (20, 10, 45, 55)
    assert columns(conn, "r2") == (20, 10, 70, 80)
    assert rows(conn) == {"temperature": (45, 55), "cpu": (50, 55)}


def test_a_deleted_row_puts_the_columns_back_to_what_is_global(conn: Conn) -> None:
    conn.execute(
        "UPDATE alert_thresholds SET warning_threshold = 25 WHERE robot_id IS NULL"
        " AND metric_type = 'battery'"
    )
    conn.execute("UPDATE robots SET battery_threshold_low = 40 WHERE robot_id = 'r1'")
    conn.execute("DELETE FROM alert_thresholds WHERE robot_id = 'r1'")
    assert columns(conn) == (25, 10, 70, 80)
    assert rows(conn) == {}


def test_a_changed_global_row_moves_the_robots_without_a_row_of_their_own(conn: Conn) -> None:
    conn.execute("UPDATE robots SET temp_threshold_warning = 60 WHERE robot_id = 'r2'")
    conn.execute(
        "UPDATE alert_thresholds SET warning_threshold = 65, critical_threshold = 75"
        " WHERE robot_id IS NULL AND metric_type = 'temperature'"
    )
    assert columns(conn) == (20, 10, 65, 75)
    assert columns(conn, "r2") == (20, 10, 60, 80)
    assert rows(conn) == {}
    conn.execute("INSERT INTO robots (robot_id) VALUES ('r3')")
    assert columns(conn, "r3") == (20, 10, 65, 75)
    assert rows(conn, "r3") == {}
    conn.execute("DELETE FROM alert_thresholds WHERE robot_id IS NULL")
    assert columns(conn) == (20, 10, 70, 80)


def test_half_a_row_leaves_the_other_column_following_the_global_row(conn: Conn) -> None:
    conn.execute(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold)"
        " VALUES ('r1', 'battery', 30)"
    )
    assert columns(conn) == (30, 10, 70, 80)
    conn.execute(
        "UPDATE alert_thresholds SET critical_threshold = 15 WHERE robot_id IS NULL"
        " AND metric_type = 'battery'"
    )
    assert columns(conn) == (30, 15, 70, 80)
    assert rows(conn) == {"battery": (30, None)}


def test_a_column_set_to_null_takes_what_is_global(conn: Conn) -> None:
    conn.execute("UPDATE robots SET temp_threshold_critical = 90 WHERE robot_id = 'r1'")
    conn.execute("UPDATE robots SET temp_threshold_critical = NULL WHERE robot_id = 'r1'")
    assert columns(conn) == (20, 10, 70, 80)


def test_columns_on_the_wrong_sides_are_refused_as_a_whole(conn: Conn) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="critical 30 is not below warning 20"):
        conn.execute("UPDATE robots SET battery_threshold_critical = 30 WHERE robot_id = 'r1'")
    assert columns(conn) == (20, 10, 70, 80)
    assert rows(conn) == {}


def test_a_forgotten_or_renamed_robot_takes_its_rows_along(conn: Conn) -> None:
    conn.execute("UPDATE robots SET battery_threshold_low = 30")
    conn.execute("UPDATE robots SET robot_id = 'r9' WHERE robot_id = 'r1'")
    assert rows(conn, "r9") == {"battery": (30, 10)}
    conn.execute("DELETE FROM robots WHERE robot_id = 'r9'")
    assert rows(conn, "r9") == {}


def test_updated_at_moves_with_the_record_and_not_with_its_messages(conn: Conn) -> None:
    def updated() -> Any:
        return conn.execute("SELECT updated_at FROM robots WHERE robot_id = 'r1'").fetchone()

    before = updated()
    conn.execute(
        "UPDATE robots SET last_seen = now(), heard_at = 5, location = '{\"x\": 1}'::jsonb"
    )
    assert updated() == before
    conn.execute("UPDATE robots SET name = 'One'")
    assert updated() > before


def test_changes_of_robots_limits_and_users_are_hinted(conn: Conn, database: Postgres) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as ear:
        ear.execute("LISTEN tonypi_changes")
        conn.execute("UPDATE robots SET name = 'One' WHERE robot_id = 'r1'")
        conn.execute("UPDATE robots SET last_seen = now()")
        conn.execute(
            "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold)"
            " VALUES ('r2', 'cpu', 50)"
        )
        conn.execute(
            "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@b.c', 'secret')"
        )
        heard = [n.payload for n in ear.notifies(timeout=5, stop_after=3)]
        heard += [n.payload for n in ear.notifies(timeout=0.2)]
    assert heard == [
        '{"table" : "robots", "key" : "r1"}',
        '{"table" : "alert_thresholds", "key" : "r2"}',
        '{"table" : "users", "key" : "ada"}',
    ]

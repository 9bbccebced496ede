"""Who is silent, on the listening clock; and how old our own heartbeat is."""

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
        yield conn


def silence(conn: Conn) -> dict[str, tuple[float, float]]:
    found = conn.execute("SELECT robot_id, silent_s, silent_after FROM grafana.silence").fetchall()
    return {r[0]: r[1:] for r in found}


def test_silence_is_what_the_listening_clock_ran_since_a_robot_was_heard(conn: Conn) -> None:
    conn.execute(
        "INSERT INTO heartbeats (name, beat_at, listened, details)"
        " VALUES ('events', now() - interval '1 day', 1000, '{\"silent_after\": 45.5}')"
    )
    conn.execute(
        "INSERT INTO robots (robot_id, heard_at, last_seen, status, is_active, registration,"
        " clean_offline) VALUES"
        " ('heard', 998, now(), 'online', true, 'accepted', false),"
        " ('quiet', 900, now(), 'error', true, 'accepted', false),"
        " ('ahead', 1001, now(), 'online', true, 'accepted', false),"
        " ('never', NULL, NULL, 'offline', true, 'accepted', false),"
        " ('bye', 900, now(), 'offline', true, 'accepted', true),"
        " ('care', 900, now(), 'maintenance', true, 'accepted', false),"
        " ('out', 900, now(), 'online', false, 'accepted', false),"
        " ('new', 900, now(), 'online', true, 'pending', false)"
    )
    assert silence(conn) == {"heard": (2, 45.5), "quiet": (100, 45.5), "ahead": (0, 45.5)}
    conn.execute("UPDATE heartbeats SET details = NULL")
    assert silence(conn)["quiet"] == (100, 60)


def test_nobody_is_silent_where_nobody_ever_listened(conn: Conn) -> None:
    conn.execute("INSERT INTO robots (robot_id, heard_at) VALUES ('r1', 5)")
    assert silence(conn) == {}


def test_the_heartbeats_age_is_one_row_always(conn: Conn) -> None:
    def age() -> float:
        rows = conn.execute("SELECT age_s FROM grafana.events_age").fetchall()
        assert len(rows) == 1
        return float(rows[0][0])

    assert age() == 0
    conn.execute("INSERT INTO heartbeats (name, beat_at) VALUES ('pull', now() - interval '1 h')")
    assert age() == 0
    conn.execute("INSERT INTO heartbeats (name, beat_at) VALUES ('events', NULL)")
    assert age() == 0
    conn.execute("UPDATE heartbeats SET beat_at = now() - interval '40 s' WHERE name = 'events'")
    assert 40 <= age() < 45
    conn.execute("UPDATE heartbeats SET beat_at = now() + interval '40 s' WHERE name = 'events'")
    assert age() == 0


def test_grafanas_views_bear_strange_rows(conn: Conn) -> None:
    conn.execute(
        "INSERT INTO robots (robot_id, name, location, last_seen) VALUES"
        ' (\'r1\', \'  \', \'{"x": "left", "y": 2.5, "z": null}\', now())'
    )
    row = conn.execute(
        "SELECT name, location_x, location_y, location_z, state FROM grafana.robots"
        " WHERE robot_id = 'r1'"
    ).fetchone()
    assert row == ("r1", None, 2.5, None, "offline")
    conn.execute(
        "INSERT INTO alerts (robot_id, alert_type, severity, title, starts_at) VALUES"
        " ('gone', 'battery', 'info', 't', now() + interval '1 h'),"
        " ('r1', 'battery', 'info', 't', now() - interval '1 h')"
    )
    alerts = conn.execute(
        "SELECT robot_name, state, round(duration_s) FROM grafana.alerts ORDER BY id"
    ).fetchall()
    assert alerts == [("gone", "open", 0), ("r1", "open", 3600)]

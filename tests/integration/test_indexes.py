"""Indexes that are built beside the work, after an upgrade."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from glue.settings import Postgres
from glue.store import indexes, migrations, queries, repair

NAMES = set(queries.parse(indexes.FILE.read_text(), indexes.FILE)) - {"pg_trgm"}


@pytest.fixture
def conn(database: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as opened:
        yield opened


def whole(conn: psycopg.Connection) -> set[str]:
    rows = conn.execute(
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE indisvalid AND relname = ANY (%s)",
        (list(NAMES),),
    )
    return {row[0] for row in rows}


def test_an_upgrade_builds_them(conn: psycopg.Connection) -> None:
    assert whole(conn) == NAMES


def test_one_that_is_missing_or_half_built_is_built(
    database: Postgres, postgres, conn: psycopg.Connection
) -> None:
    conn.execute("DROP INDEX alerts_text")
    with psycopg.connect(postgres.admin_dsn, dbname=database.database, autocommit=True) as admin:
        # As a build leaves it that was cut off.
        admin.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'system_logs_text'::regclass"
        )
    assert whole(conn) == NAMES - {"alerts_text", "system_logs_text"}
    assert migrations.upgrade(database.dsn).without == {}
    assert whole(conn) == NAMES


def test_who_writes_goes_on_and_a_long_transaction_only_delays(
    database: Postgres, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "WAIT", "500ms")
    conn.execute("DROP INDEX alerts_text")
    with psycopg.connect(database.dsn) as writer:
        writer.execute(
            "INSERT INTO alerts (alert_type, severity, title) VALUES ('servo', 'info', 'x')"
        )
        left = indexes.build(database.dsn)
        assert set(left) == {"alerts_text"}
        assert "lock timeout" in left["alerts_text"]
    assert indexes.build(database.dsn) == {}
    assert whole(conn) == NAMES


def test_an_upgrade_beside_a_build_waits_for_nothing_and_leaves_the_checks_to_it(
    database: Postgres, conn: psycopg.Connection
) -> None:
    conn.execute("DROP INDEX alerts_text")
    # A rule that no row has been held against yet: the next to come would lock the table for it.
    conn.execute("ALTER TABLE alerts ADD CONSTRAINT unproven CHECK (id > 0) NOT VALID")
    proven = "SELECT convalidated FROM pg_constraint WHERE conname = 'unproven'"
    with ThreadPoolExecutor(1) as beside, psycopg.connect(database.dsn) as writer:
        writer.execute(
            "INSERT INTO alerts (alert_type, severity, title) VALUES ('servo', 'info', 'x')"
        )
        building = beside.submit(indexes.build, database.dsn)
        until_waiting(conn)
        assert migrations.upgrade(database.dsn).without == {}
        assert conn.execute(proven).fetchone() == (False,)
        with pytest.raises(repair.RepairFailed, match="indexes are being built"):
            repair.apply(database.dsn, "test")
        writer.commit()
        assert building.result() == {}
    assert migrations.upgrade(database.dsn).without == {}
    assert conn.execute(proven).fetchone() == (True,)


def until_waiting(conn: psycopg.Connection) -> None:
    """Until a build waits for somebody's transaction."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND application_name = 'tonypi-indexes' AND query LIKE '%alerts_text%'"
    )
    for _ in range(200):
        if conn.execute(waiting).fetchone():
            return
        time.sleep(0.05)
    pytest.fail("no build is waiting")


def test_without_the_extension_the_rest_works(
    database: Postgres, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute("DROP EXTENSION pg_trgm CASCADE")
    text = indexes.FILE.read_text().replace("CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT 1")
    parsed = queries.parse(text, indexes.FILE)
    monkeypatch.setattr(indexes.queries, "parse", lambda *_: parsed)
    upgraded = migrations.upgrade(database.dsn)
    assert set(upgraded.without) == {name for name in NAMES if name.endswith("_text")}
    assert "gin_trgm_ops" in upgraded.without["alerts_text"]
    found = conn.execute("SELECT FROM alerts WHERE lower(title) LIKE '%x%'").fetchall()
    assert found == []

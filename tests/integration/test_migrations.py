"""A database gets the same shape whichever way it came, once, whoever asks and whatever breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from glue.core.foreign_alerts import rule_of
from glue.core.metrics import METRICS
from glue.settings import PROJECT, Postgres
from glue.store import migrations
from tests.programs import Cluster

INIT = PROJECT / "postgres" / "init" / "01_init.sql"

CATALOG = {
    "columns": """SELECT table_schema, table_name, column_name, udt_name, character_maximum_length,
                         is_nullable, column_default
                    FROM information_schema.columns WHERE table_schema IN ('public', 'grafana')""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
                        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
                     FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
                     WHERE pronamespace = 'public'::regnamespace""",
    "views": """SELECT schemaname, viewname, definition FROM pg_views
                 WHERE schemaname IN ('public', 'grafana')""",
    "rights": """SELECT relname, relkind, relacl::text, reloptions::text FROM pg_class
                  WHERE relnamespace IN ('public'::regnamespace, 'grafana'::regnamespace)
                    AND relkind IN ('r', 'v', 'S')""",
    "comments": "SELECT objoid::regclass::text, objsubid, description FROM pg_description "
    "WHERE objoid::regclass::text ~ '^(grafana\\.)?[a-z_]+$' AND objoid >= 16384",
    "rows": "SELECT metric_type, robot_id, warning_threshold, critical_threshold, enabled "
    "FROM alert_thresholds",
    "robots": "SELECT robot_id, status, is_active, last_seen FROM robots",
}

# The listing that other programs rely on: none of these may be missing, renamed or of another kind.
SEVEN_TABLES = {
    "users": "id:varchar(36) username:varchar(50) email:varchar(100) password_hash:varchar(255) "
    "role:varchar(20) is_active:bool created_at:timestamptz updated_at:timestamptz",
    "robots": "id:int4 robot_id:varchar(50) name:varchar(100) description:text location:jsonb "
    "status:varchar(20) ip_address:varchar(45) camera_url:varchar(255) "
    "battery_threshold_low:float8 battery_threshold_critical:float8 "
    "temp_threshold_warning:float8 temp_threshold_critical:float8 settings:jsonb "
    "last_seen:timestamptz created_at:timestamptz updated_at:timestamptz is_active:bool",
    "jobs": "id:int4 robot_id:varchar(50) start_time:timestamptz end_time:timestamptz "
    "items_total:int4 items_done:int4 percent_complete:float8 last_item:jsonb status:varchar(20) "
    "created_at:timestamptz updated_at:timestamptz",
    "alerts": "id:int4 robot_id:varchar(50) alert_type:varchar(50) severity:varchar(20) "
    "title:varchar(200) message:text source:varchar(100) value:float8 threshold:float8 "
    "acknowledged:bool acknowledged_by:varchar(50) acknowledged_at:timestamptz resolved:bool "
    "resolved_at:timestamptz details:jsonb created_at:timestamptz",
    "alert_thresholds": "id:int4 robot_id:varchar(50) metric_type:varchar(50) "
    "warning_threshold:float8 critical_threshold:float8 enabled:bool created_at:timestamptz "
    "updated_at:timestamptz",
    "reports": "id:int4 title:varchar(200) description:text robot_id:varchar(50) "
    "report_type:varchar(50) data:jsonb file_path:varchar(500) created_at:timestamptz "
    "created_by:varchar(100)",
    "system_logs": "id:int4 level:varchar(20) category:varchar(50) message:text "
    "robot_id:varchar(50) details:jsonb timestamp:timestamptz",
}


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[Postgres]:
    made = postgres.create(template="template0")
    yield made
    postgres.drop(made.database)


@pytest.fixture
def older(postgres: Cluster) -> Iterator[Postgres]:
    """What PostgreSQL's init folder, or an older fleet, leaves behind."""
    made = postgres.create(template="template0")
    with psycopg.connect(made.dsn) as conn:
        conn.execute(INIT.read_bytes())
    yield made
    postgres.drop(made.database)


def catalog(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    with psycopg.connect(dsn) as conn:
        return {
            part: sorted(conn.execute(query.encode()).fetchall(), key=str)
            for part, query in CATALOG.items()
        }


def test_a_fresh_schema_equals_a_migrated_one(empty: Postgres, older: Postgres) -> None:
    for made in (empty, older):
        migrations.upgrade(made.dsn)
    fresh, migrated = catalog(older.dsn), catalog(empty.dsn)
    for part in CATALOG:
        assert fresh[part] == migrated[part], part
        assert fresh[part], f"nothing was compared in {part}"


def test_the_seven_tables_have_the_listed_columns(older: Postgres) -> None:
    for stage in ("plain", "migrated"):
        if stage == "migrated":
            migrations.upgrade(older.dsn)
        with psycopg.connect(older.dsn) as conn:
            found = {
                (table, column): f"{kind}({length})" if length else kind
                for table, column, kind, length in conn.execute(
                    "SELECT table_name, column_name, udt_name, character_maximum_length "
                    "FROM information_schema.columns WHERE table_schema = 'public'"
                )
            }
        for table, columns in SEVEN_TABLES.items():
            for column, kind in (entry.split(":") for entry in columns.split()):
                assert found.get((table, column)) == kind, f"{stage}: {table}.{column}"


def test_an_older_fleets_rows_survive(older: Postgres) -> None:
    with psycopg.connect(older.dsn) as conn:
        conn.execute(
            "INSERT INTO robots (robot_id, is_active, battery_threshold_low, status)"
            " VALUES ('tonypi_01', NULL, 35, NULL), ('r9', true, NULL, 'online')"
        )
        conn.execute(
            "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
            " critical_threshold, enabled) VALUES (NULL, 'cpu', 50, 60, NULL)"
        )
        conn.execute(
            "INSERT INTO alerts (alert_type, severity, title, resolved, acknowledged)"
            " VALUES ('battery', 'warning', 'low', true, NULL)"
        )
    migrations.upgrade(older.dsn)
    with psycopg.connect(older.dsn) as conn:
        robots = conn.execute(
            "SELECT robot_id, is_active, status, battery_threshold_low FROM robots ORDER BY 1"
        ).fetchall()
        assert robots == [("r9", True, "online", 20), ("tonypi_01", True, "offline", 35)]
        cpu = conn.execute(
            "SELECT warning_threshold, enabled FROM alert_thresholds WHERE metric_type = 'cpu'"
        ).fetchall()
        assert cpu == [(50, True)]
        alert = conn.execute("SELECT acknowledged, resolved_at IS NULL FROM alerts").fetchone()
        assert alert == (False, False)


def test_open_alerts_that_were_known_by_their_rule_alone_are_closed(
    empty: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in migrations.FOLDER.glob("*.sql"):
        if file.name < "0027":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with monkeypatch.context() as before:
        before.setattr(migrations, "FOLDER", tmp_path)
        (tmp_path / "post-apply.sql").write_text("SELECT 1;")
        before.setattr(migrations, "CHECKS", tmp_path / "post-apply.sql")
        migrations.upgrade(empty.dsn)
    metrics = ["rule:disk", "rule:deadbeefdead", "rule:disk:0123456789ab", "cpu"]
    with psycopg.connect(empty.dsn) as conn:
        for metric in metrics:
            conn.execute(
                "WITH a AS (INSERT INTO alerts (alert_type, severity, title, metric, resolved,"
                " starts_at) VALUES ('system', 'warning', 'x', %s, false, now())"
                " RETURNING id, metric)"
                " INSERT INTO alert_occurrences (metric, severity, starts_at, origin, alert_id)"
                " SELECT metric, 'warning', now(), 'push', id FROM a",
                [metric],
            )
    migrations.upgrade(empty.dsn)
    with psycopg.connect(empty.dsn) as conn:
        rows = conn.execute(
            "SELECT a.metric, a.resolved, a.resolve_reason ~ '^closed by an upgrade',"
            " o.ended_at IS NOT NULL, (SELECT count(*) FROM notification_waiting"
            " JOIN alert_timeline t ON t.id = transition_id"
            " WHERE t.alert_id = a.id AND t.kind = 'resolved')"
            " FROM alerts a JOIN alert_occurrences o ON o.alert_id = a.id ORDER BY a.id"
        ).fetchall()
    closed, still_open = (True, True, True, 1), (False, None, False, 0)
    assert rows == [
        (metric, *(closed if position < 2 else still_open))
        for position, metric in enumerate(metrics)
    ]


def test_the_rule_of_an_alert_is_the_same_in_the_core_and_in_the_database(
    database: Postgres,
) -> None:
    of_metrics = {
        "rule:disk:0123456789ab": "rule:disk",
        "rule::0123456789ab": "rule:",
        "rule:a:b:0123456789ab": "rule:a:b",
        "rule:disk:twelve_chars": "rule:disk:twelve_chars",
        "rule:disk:0123456789AB": "rule:disk:0123456789AB",
        "rule:deadbeefdead": "rule:deadbeefdead",
        "cpu:0123456789ab": "cpu:0123456789ab",
    }
    with psycopg.connect(database.dsn) as conn:
        for metric, rule in of_metrics.items():
            row = conn.execute("SELECT metric_of_rule(%s)", [metric]).fetchone()
            assert (row, rule_of(metric)) == ((rule,), rule), metric


def test_metrics_are_those_of_the_core(database: Postgres) -> None:
    with psycopg.connect(database.dsn) as conn:
        rows = conn.execute(
            "SELECT metric, direction, unit, warning, critical, recovery_margin, alert_type"
            " FROM metrics"
        ).fetchall()
    assert {r[0]: r[1:] for r in rows} == {
        m.name: (m.direction, m.unit, m.warning, m.critical, m.recovery_margin, m.alert_type)
        for m in METRICS.values()
    }


def test_shipped_rows_are_the_default_robot_never_seen_and_five_global_limits(
    database: Postgres,
) -> None:
    with psycopg.connect(database.dsn) as conn:
        state = conn.execute("SELECT robot_id, state, last_seen FROM grafana.robots").fetchall()
        rows = conn.execute(
            "SELECT metric_type, warning_threshold, critical_threshold FROM alert_thresholds"
            " WHERE robot_id IS NULL AND enabled"
        ).fetchall()
    assert state == [("tonypi_01", "never seen", None)]
    assert {r[0]: r[1:] for r in rows} == {
        m.name: (m.warning, m.critical) for m in METRICS.values()
    }


def test_upgrade_tells_each_migration_and_the_second_finds_nothing(empty: Postgres) -> None:
    told: list[str] = []
    first = migrations.upgrade(empty.dsn, told=lambda applied: told.append(applied.name))
    names = sorted(p.stem for p in migrations.FOLDER.glob("[0-9]*.sql"))
    assert told == [a.name for a in first.applied] == names
    second = migrations.upgrade(empty.dsn)
    assert (second.applied, second.already) == ((), tuple(names))
    assert migrations.pending(empty.dsn) == ()


def test_a_dry_run_writes_nothing(empty: Postgres) -> None:
    would = migrations.upgrade(empty.dsn, dry_run=True)
    assert len(would.applied) == len(list(migrations.FOLDER.glob("[0-9]*.sql")))
    with psycopg.connect(empty.dsn) as conn:
        count = conn.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert count == (0,)


def test_two_upgrades_at_once_apply_each_migration_once(empty: Postgres) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(migrations.upgrade, [empty.dsn] * 3))
    applied = [a.name for upgrade in done for a in upgrade.applied]
    assert sorted(applied) == sorted(p.stem for p in migrations.FOLDER.glob("[0-9]*.sql"))


def test_a_failed_migration_leaves_nothing_and_the_ones_before_it(
    empty: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (n int CHECK (n % 2 = 0));")
    broken = tmp_path / "0002_bad.sql"
    broken.write_text("CREATE TABLE half (n int);\nSELECT 1/0;")
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    (tmp_path / "post-apply.sql").write_text("SELECT 1;")
    monkeypatch.setattr(migrations, "CHECKS", tmp_path / "post-apply.sql")
    with pytest.raises(migrations.UpgradeFailed, match=r"0002_bad failed and was undone.*division"):
        migrations.upgrade(empty.dsn)
    with psycopg.connect(empty.dsn) as conn:
        there = conn.execute("SELECT to_regclass('good')::text, to_regclass('half')").fetchone()
    assert there == ("good", None)
    broken.write_text("CREATE TABLE half (n int);")
    assert [a.name for a in migrations.upgrade(empty.dsn).applied] == ["0002_bad"]


def test_a_database_that_is_away_is_said(empty: Postgres) -> None:
    away = empty.model_copy(update={"port": 1}).dsn
    with pytest.raises(migrations.UpgradeFailed, match="cannot upgrade the database"):
        migrations.upgrade(away)


def test_the_command_shows_what_it_applies(
    empty: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glue.cli.db import app

    monkeypatch.setenv("DATABASE_URL", empty.dsn)
    run = CliRunner().invoke
    dry = run(app, ["upgrade", "--dry-run"])
    assert (dry.exit_code, dry.output.splitlines()[0]) == (0, "would apply 0001_tables")
    done = run(app, ["upgrade"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].startswith("applied 0001_tables (")
    again = run(app, ["upgrade", "--json"])
    assert json.loads(again.output)["applied"] == []
    monkeypatch.setenv("DATABASE_URL", empty.model_copy(update={"port": 1}).dsn)
    failed = run(app, ["upgrade"])
    assert failed.exit_code == 1
    assert "cannot upgrade the database" in failed.output


def test_a_server_that_is_too_old_is_said_before_anything_is_written(
    empty: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 990000)
    with pytest.raises(migrations.UpgradeFailed, match="is too old"):
        migrations.upgrade(empty.dsn)
    assert len(migrations.pending(empty.dsn)) == len(list(migrations.FOLDER.glob("[0-9]*.sql")))

"""An existing fleet's database is taken over: nothing fails, nothing is deleted or lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from glue.cli.db import app
from glue.settings import Postgres
from glue.store import migrations, repair
from tests.adoption import older_fleet
from tests.integration.test_migrations import catalog
from tests.programs import Cluster

TABLES = ("users", "robots", "jobs", "alerts", "alert_thresholds", "reports", "system_logs")

Row = dict[str, Any]


@pytest.fixture
def older(postgres: Cluster) -> Iterator[Postgres]:
    """The older fleet, as it was."""
    with older_fleet(postgres) as made:
        yield made


@pytest.fixture
def adopted(older: Postgres) -> Postgres:
    migrations.upgrade(older.dsn)
    return older


def rows(made: Postgres, query: str, *values: Any) -> list[Row]:
    with psycopg.connect(made.dsn, row_factory=dict_row) as conn:
        return conn.execute(query.encode(), values or None).fetchall()


def ids(made: Postgres) -> dict[str, list[Any]]:
    return {t: [r["id"] for r in rows(made, f"SELECT id FROM {t} ORDER BY id")] for t in TABLES}


def unproven(made: Postgres) -> set[str]:
    found = rows(made, "SELECT conname FROM pg_constraint WHERE NOT convalidated")
    return {r["conname"] for r in found}


def test_adoption_deletes_no_row_and_is_done_once(older: Postgres) -> None:
    before = ids(older)
    first = migrations.upgrade(older.dsn)
    after = ids(older)
    for table in TABLES:
        assert set(before[table]) <= set(after[table]), table
    assert first.applied
    assert migrations.upgrade(older.dsn).applied == ()
    assert ids(older) == after


def test_what_is_certain_is_set_right_and_kept_as_it_was(adopted: Postgres) -> None:
    assert rows(adopted, "SELECT robot_id, status FROM robots ORDER BY id")[1:3] == [
        {"robot_id": "r_upper", "status": "online"},
        {"robot_id": "r_maint", "status": "maintenance"},
    ]
    assert rows(adopted, "SELECT role FROM users WHERE id IN ('u1', 'u5') ORDER BY id") == [
        {"role": "admin"},
        {"role": "viewer"},
    ]
    kept = rows(
        adopted,
        "SELECT before, after, by FROM repaired_values WHERE table_name = 'robots'"
        " AND column_name = 'status' AND row_id = '2'",
    )
    assert kept == [{"before": "ONLINE", "after": "online", "by": "upgrade"}]


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 12), ("Europe/Berlin", 10)])
def test_times_without_a_zone_are_utc_unless_told(older: Postgres, zone: str, hour: int) -> None:
    migrations.upgrade(older.dsn, naive_times=zone)
    seen = rows(
        older,
        "SELECT extract(hour FROM last_seen AT TIME ZONE 'UTC')::int AS hour FROM robots"
        " WHERE robot_id = 'r_good'",
    )
    assert seen == [{"hour": hour}]


def test_what_no_rule_may_say_yet_is_said_of_what_is_new(adopted: Postgres) -> None:
    assert unproven(adopted) >= {
        "users_role", "users_username", "users_email", "robots_robot_id", "robots_status",
        "robots_location", "robots_settings", "jobs_robot_id", "jobs_status", "jobs_percent",
        "jobs_items", "jobs_times", "alerts_type", "alerts_severity", "alerts_acknowledged",
        "alert_thresholds_metric", "alert_thresholds_robot", "reports_type", "system_logs_level",
        "system_logs_category",
    }  # fmt: skip
    with (
        psycopg.connect(adopted.dsn) as conn,
        pytest.raises(psycopg.errors.CheckViolation, match="robots_status"),
    ):
        conn.execute("INSERT INTO robots (robot_id, status) VALUES ('new', 'dancing')")


def test_limits_of_the_older_fleet_are_in_force(adopted: Postgres) -> None:
    found = {
        (r["robot_id"], r["metric"]): (r["warning"], r["critical"], r["source"])
        for r in rows(adopted, "SELECT * FROM configured_limits")
    }
    assert found["r_upper", "cpu"] == (65, 85, "global"), "the global row that was changed last"
    assert found["r_own", "battery"] == (35, 10, "robot"), "the pair is taken over whole"
    assert found["r_own", "temperature"] == (60, 80, "robot")
    assert found["r 2", "temperature"] == (65, 75, "robot")
    assert found["r_row", "battery"] == (25, 15, "robot"), "a row stands before the columns"
    assert found["r_good", "cpu"] == (65, 85, "global"), "an inverted pair gives way"
    assert found["r_inverted", "battery"] == (20, 10, "global")
    assert found["r_good", "temperature"] == (70, 80, "global")
    assert found["r_upper", "memory"] == (75, 90, "global"), "NaN is no limit"
    taken = {(t["robot_id"], t["metric"]) for t in repair.survey(adopted.dsn).taken_over}
    assert taken == {("r_own", "battery"), ("r_own", "temperature"), ("r 2", "temperature")}
    columns = rows(
        adopted,
        "SELECT before, after FROM repaired_values WHERE table_name = 'robots'"
        " AND row_id = '8' AND column_name LIKE '%%threshold%%' ORDER BY column_name",
    )
    assert [(c["before"], c["after"]) for c in columns] == [(20, 10), (10, 20), (70, 80), (90, 70)]


def test_every_write_to_an_older_row_goes_through_and_mends_it(adopted: Postgres) -> None:
    with psycopg.connect(adopted.dsn, autocommit=True) as conn:
        for statement in (
            "UPDATE robots SET last_seen = now(), heard_at = 1",
            "UPDATE jobs SET items_total = 5 WHERE items_total = 10",
            "UPDATE alerts SET comment = 'seen'",
            "UPDATE users SET password_hash = password_hash || ''",
            "UPDATE alert_thresholds SET enabled = false WHERE robot_id IS NOT NULL",
            "UPDATE alert_thresholds SET warning_threshold = 66, critical_threshold = 77"
            " WHERE robot_id IS NULL AND metric_type = 'temperature'",
            "DELETE FROM robots WHERE robot_id = 'r_good'",
        ):
            conn.execute(statement.encode())
    kept = rows(
        adopted,
        "SELECT before FROM repaired_values WHERE by = 'write' AND column_name = 'status'"
        " AND table_name = 'robots'",
    )
    assert kept == [{"before": "dancing"}]
    mended = rows(adopted, "SELECT count(*) AS n FROM alerts WHERE robot_id = 'r_2'")
    assert mended == [{"n": 0}], "another robot has that id; nobody's history is mixed"


def test_a_new_value_is_judged_though_the_row_is_older(adopted: Postgres) -> None:
    with (
        psycopg.connect(adopted.dsn) as conn,
        pytest.raises(psycopg.errors.CheckViolation, match="robots_status"),
    ):
        conn.execute("UPDATE robots SET status = 'singing' WHERE robot_id = 'r_dances'")


KINDS = {
    "robots.robot_id", "robots.status", "robots.location", "robots.settings", "jobs.robot_id",
    "jobs.status", "jobs.percent_complete", "jobs.items_done", "jobs.items_total", "jobs.end_time",
    "alerts.alert_type", "alerts.severity", "alerts.acknowledged_at", "users.role",
    "users.username", "users.email", "reports.report_type", "system_logs.level",
    "system_logs.category", "alert_thresholds.warning_threshold",
    "alert_thresholds.critical_threshold", "alert_thresholds.*",
}  # fmt: skip


def test_the_commands_report_plan_and_mend(
    older: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", older.dsn)
    with psycopg.connect(older.dsn) as conn:
        conn.execute(
            "INSERT INTO system_logs (level, category, message)"
            " SELECT 'LOUD', 'system', 'x' FROM generate_series(1, 9)"
        )
    run = CliRunner().invoke
    early = run(app, ["repair", "--plan"])
    assert (early.exit_code, "tonypi db upgrade" in early.output) == (1, True)
    upgraded = run(app, ["upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    assert "to mend: 2 jobs.status" in upgraded.output
    assert "limits of r_own taken over: battery 35 / 10" in upgraded.output
    told = json.loads(run(app, ["upgrade", "--json"]).output)
    assert {k["kind"] for k in told["to_mend"]} >= KINDS
    assert {k["kind"]: k["ids"] for k in told["to_mend"]}["robots.robot_id"] == ["5"]
    assert told["unregistered"]["alerts"] == 1

    shown = run(app, ["repair", "--plan"]).output
    assert "10 system_logs.level: " in shown
    assert shown.count(": 'LOUD' becomes 'INFO'") == 2
    assert "\n  and 7 more (--all lists them)\n" in shown
    listed = run(app, ["repair", "--plan", "--all"]).output
    assert (listed.count(": 'LOUD' becomes 'INFO'"), "more (" in listed) == (9, False)
    before = ids(older)
    planned = run(app, ["repair", "--plan", "--json"])
    assert planned.exit_code == 2
    assert ids(older) == before
    assert {o["kind"] for o in json.loads(planned.output)["offences"]} >= KINDS
    assert run(app, ["repair"]).exit_code == 1

    done = run(app, ["repair", "--apply"])
    assert done.exit_code == 0, done.output
    assert unproven(older) == set()
    again = run(app, ["repair", "--plan"])
    assert (again.exit_code, again.output) == (0, "nothing to mend\n")
    logged = rows(older, "SELECT message FROM system_logs WHERE category = 'database'")
    assert [r["message"].startswith("tonypi db repair: mended") for r in logged] == [True]


NUMBERED = tuple(table for table in TABLES if table != "users")
BEHIND = """
-- Rows were copied with their ids, or the data was restored alone.
SELECT setval('robots_id_seq', 1, false);
-- Numbered by a sequence of another name that belongs to nobody, and is behind.
ALTER SEQUENCE jobs_id_seq OWNED BY NONE;
ALTER SEQUENCE jobs_id_seq RENAME TO numbers_of_jobs;
SELECT setval('numbers_of_jobs', 1);
-- Without a default; the sequence stays behind alone.
ALTER TABLE alerts ALTER COLUMN id DROP DEFAULT;
ALTER SEQUENCE alerts_id_seq OWNED BY NONE;
-- Without any.
ALTER TABLE alert_thresholds ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE alert_thresholds_id_seq;
-- An identity column.
ALTER TABLE reports ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE reports_id_seq;
ALTER TABLE reports ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
-- One sequence for two tables.
ALTER TABLE system_logs ALTER COLUMN id SET DEFAULT nextval('robots_id_seq');
DROP SEQUENCE system_logs_id_seq;
"""


@pytest.mark.parametrize("when", ["before it is adopted", "afterwards"])
def test_numbering_goes_on_after_the_highest_id_and_is_owned(older: Postgres, when: str) -> None:
    if when == "afterwards":
        migrations.upgrade(older.dsn)
    with psycopg.connect(older.dsn) as conn:
        for table in NUMBERED:
            conn.execute(f"UPDATE {table} SET id = 5000 WHERE id = (SELECT max(id) FROM {table})")
        conn.execute(BEHIND)
    for _ in range(2):
        migrations.upgrade(older.dsn)
        with psycopg.connect(older.dsn) as conn:
            for table in NUMBERED:
                upcoming, highest = conn.execute(
                    f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')), max(id) FROM {table}"
                ).fetchone() or (0, 0)
                assert upcoming > highest >= 5000, table
            made = conn.execute(
                "INSERT INTO system_logs (level, category, message)"
                " VALUES ('INFO', 'system', 'x') RETURNING id"
            ).fetchone()
            assert made and made[0] > 5000


def test_a_repair_loses_nothing(adopted: Postgres) -> None:
    before = {t: {str(r["id"]): r for r in rows(adopted, f"SELECT * FROM {t}")} for t in TABLES}
    repair.apply(adopted.dsn, "a test")
    kept = {
        (r["table_name"], r["row_id"], r["column_name"]): r["before"]
        for r in rows(adopted, "SELECT * FROM repaired_values WHERE by = 'repair' ORDER BY id DESC")
    }
    for table in TABLES:
        after = {str(r["id"]): r for r in rows(adopted, f"SELECT * FROM {table}")}
        for row_id, row in before[table].items():
            if row_id not in after:
                assert kept[table, row_id, "*"]["metric_type"] == row["metric_type"]
                continue
            for column, value in row.items():
                same = after[row_id][column] == value
                # A robot's id that changed is kept once, with the robot; columns follow their rows.
                follows = column in ("updated_at", "robot_id") or "_threshold_" in column
                assert same or follows or (table, row_id, column) in kept, (table, row_id, column)
    assert kept["robots", "5", "robot_id"] == "r 2"
    assert kept["jobs", "3", "status"] == "cancelled"


def test_repaired_rows_mean_what_they_meant(adopted: Postgres) -> None:
    repair.apply(adopted.dsn, "a test")
    jobs = rows(
        adopted, "SELECT robot_id, status, reason, percent_complete AS p FROM jobs ORDER BY id"
    )
    assert [(j["status"], j["reason"], j["p"]) for j in jobs[:5]] == [
        ("failed", None, 30),
        ("active", None, 30),
        ("failed", "cancelled", 50),
        ("completed", None, 100),
        ("completed", "done", 0),
    ]
    assert jobs[5]["robot_id"] == "r_2_5", "its robot's new id, for r_2 is another robot"
    limits = rows(
        adopted,
        "SELECT metric, warning, critical FROM configured_limits WHERE robot_id = 'r_good'"
        " AND metric IN ('cpu', 'battery', 'memory') ORDER BY metric",
    )
    assert [(r["metric"], r["warning"], r["critical"]) for r in limits] == [
        ("battery", 25, 15), ("cpu", 70, 90), ("memory", 75, 90),
    ]  # fmt: skip
    names = rows(adopted, "SELECT username FROM users ORDER BY id")
    assert [r["username"] for r in names] == ["admin", "Ada", "ada_u3", "root", "bob"]


def test_a_repaired_database_has_the_shape_of_a_new_one(
    adopted: Postgres, database: Postgres
) -> None:
    repair.apply(adopted.dsn, "a test")
    found, fresh = catalog(adopted.dsn), catalog(database.dsn)
    for part in set(fresh) - {"rows", "robots"}:
        assert found[part] == fresh[part], part


def test_lost_keys_doubled_robots_long_texts_and_a_persons_view_stop_nothing(
    older: Postgres,
) -> None:
    with psycopg.connect(older.dsn) as conn:
        for table in TABLES:
            conn.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey".encode())
            if table != "users":
                conn.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT".encode())
                conn.execute(f"DROP SEQUENCE {table}_id_seq".encode())
        conn.execute("ALTER TABLE robots DROP CONSTRAINT robots_robot_id_key")
        conn.execute("ALTER TABLE users DROP CONSTRAINT users_username_key")
        conn.execute("ALTER TABLE users DROP CONSTRAINT users_email_key")
        conn.execute("INSERT INTO users SELECT * FROM users WHERE id = 'u2'")
        conn.execute("INSERT INTO robots SELECT * FROM robots WHERE robot_id = 'r_upper'")
        conn.execute("UPDATE robots SET name = repeat('n', 200) WHERE robot_id = 'r_own'")
        conn.execute("ALTER TABLE jobs ADD CONSTRAINT jobs_status CHECK (status <> 'singing')")
        conn.execute("CREATE VIEW mine AS SELECT title, created_at FROM alerts")
    migrations.upgrade(older.dsn)
    assert unproven(older)
    repair.apply(older.dsn, "a test")
    assert unproven(older) == set()
    assert repair.survey(older.dsn).offences == ()
    found = rows(older, "SELECT robot_id, is_active FROM robots WHERE robot_id LIKE 'r_upper%%'")
    assert len(found) == 2
    assert {r["robot_id"]: r["is_active"] for r in found}["r_upper"] is True
    assert rows(older, "SELECT length(name) AS n FROM robots WHERE robot_id = 'r_own'") == [
        {"n": 200}
    ]
    left = rows(older, "SELECT column_name FROM repaired_values WHERE why LIKE 'stays as%%'")
    assert {r["column_name"] for r in left} >= {"name", "created_at"}
    with psycopg.connect(older.dsn) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('brand_new')")
        conn.execute("INSERT INTO alerts (alert_type, severity, title) VALUES ('system','info','')")

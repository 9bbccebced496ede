"""What every viewer can do with SQL through Grafana's data source: read the views, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from glue import reader_watch, store
from glue.settings import Postgres
from glue.store import accounts
from tests.programs import Cluster

Conn = psycopg.Connection[tuple[Any, ...]]
GRAFANA_PASSWORD = SecretStr("grafana's own")

VIEWS = {
    "alert_attention", "alert_severities", "alert_timeline", "alerts", "console", "database",
    "events_age", "jobs", "limits", "limits_age", "logs", "loops", "metrics_age", "notifications",
    "notifications_age", "pull_age", "queue", "refused", "registrations_limited", "robots",
    "rule_limits", "silence", "tables", "watched", "webhook_age",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(postgres: Cluster) -> Iterator[Postgres]:
    """A database as ``tonypi up`` prepares it."""
    with postgres.fresh() as made:
        accounts.prepare(made, SecretStr(""))
        yield made


def reader_dsn(made: Postgres) -> str:
    return made.model_copy(update={"user": accounts.READER, "password": made.reader_password}).dsn


@pytest.fixture
def reader(made: Postgres) -> Iterator[Conn]:
    with psycopg.connect(reader_dsn(made), autocommit=True) as conn:
        yield conn


def test_the_reader_reads_every_view(reader: Conn, made: Postgres) -> None:
    with psycopg.connect(made.dsn) as owner:
        views = {
            r[0]
            for r in owner.execute("SELECT viewname FROM pg_views WHERE schemaname = 'grafana'")
        }
    assert views == VIEWS
    for view in views:
        reader.execute(f"SELECT * FROM grafana.{view}".encode()).fetchall()
    assert reader.execute("SELECT count(*) FROM rule_limits").fetchone() == (30,)


def test_no_view_shows_a_users_row_or_a_hash(made: Postgres) -> None:
    with psycopg.connect(made.dsn) as owner:
        shown = owner.execute(
            "SELECT view_name FROM information_schema.view_column_usage"
            " WHERE view_schema = 'grafana' AND (table_name = 'users'"
            " OR column_name ~ 'password|hash|secret|token|settings')"
        ).fetchall()
    assert shown == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM public.users",
        "SELECT * FROM public.robots",
        "SELECT * FROM public.configured_limits",
        "SELECT rolpassword FROM pg_authid",
        "UPDATE grafana.robots SET description = 'mine'",
        "DELETE FROM grafana.robots",
        "INSERT INTO grafana.robots (robot_id) VALUES ('mine')",
        "CREATE TABLE mine (n int)",
        "CREATE TABLE grafana.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMP TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE VIEW grafana.mine AS SELECT 1",
        "CREATE FUNCTION grafana.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP VIEW grafana.robots",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_sleep(1)",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET ROLE glue",
        "ALTER ROLE grafana_reader CONNECTION LIMIT 1000",
    ],
)
def test_the_reader_can_do_nothing_else(reader: Conn, statement: str) -> None:
    # It can switch its own default off, so that alone protects nothing.
    reader.execute("SET default_transaction_read_only = off")
    # A view of two tables cannot be written to at all, whoever asks.
    errors = psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState
    with pytest.raises(errors):
        reader.execute(statement.encode())


def test_the_reader_starts_read_only_with_limits(reader: Conn) -> None:
    settings = "default_transaction_read_only", "statement_timeout", "temp_file_limit"
    found = [reader.execute(f"SHOW {name}".encode()).fetchone() for name in settings]
    assert found == [("on",), ("10s",), ("256MB",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SET temp_file_limit = -1")


def test_a_query_that_runs_too_long_is_ended(reader: Conn) -> None:
    began = time.monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled):
        reader.execute(
            "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
        )
    assert 9 < time.monotonic() - began < 15


@pytest.mark.parametrize("kind", ["runs", "waits"])
async def test_who_lifts_the_time_outs_is_ended_from_outside(made: Postgres, kind: str) -> None:
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    lifted = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"
    async with (
        store.open_pool(made) as pool,
        await psycopg.AsyncConnection.connect(reader_dsn(made), autocommit=True) as hostile,
        await psycopg.AsyncConnection.connect(reader_dsn(made), autocommit=True) as other,
    ):
        await hostile.execute(lifted)
        await hostile.execute("BEGIN")
        running = asyncio.create_task(hostile.execute(endless if kind == "runs" else "SELECT 1"))
        await other.execute("SELECT 1")
        watch = asyncio.create_task(reader_watch.run(pool, 0.5 - reader_watch.GRACE_S, 0.1))
        try:
            async with asyncio.timeout(60):
                if kind == "waits":
                    await running
                    while not hostile.closed:
                        await asyncio.sleep(0.1)
                        with contextlib.suppress(psycopg.Error):
                            await hostile.execute("SELECT 1")
                else:
                    with pytest.raises(psycopg.OperationalError):
                        await running
        finally:
            watch.cancel()
        assert (await (await other.execute("SELECT 1")).fetchone()) == (1,)
        async with store.transaction(pool) as conn:
            assert (await (await conn.execute("SELECT 1")).fetchone()) == (1,)


def test_the_reader_connects_to_no_other_database_and_not_without_end(made: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(reader_dsn(made), dbname="grafana"))
    open_ones: list[Conn] = []
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            open_ones.extend(
                psycopg.connect(reader_dsn(made)) for _ in range(made.reader_connections + 1)
            )
    finally:
        for conn in open_ones:
            conn.close()


def test_a_view_of_a_later_migration_is_readable_after_its_upgrade(
    made: Postgres, reader: Conn
) -> None:
    from glue.store import migrations

    with psycopg.connect(made.dsn, autocommit=True) as owner:
        owner.execute("CREATE VIEW grafana.later AS SELECT 1 AS n")
        migrations.upgrade(made.dsn)
        assert reader.execute("SELECT n FROM grafana.later").fetchone() == (1,)
        owner.execute("DROP VIEW grafana.later")


def test_preparing_again_takes_changed_passwords_and_harms_nothing(made: Postgres) -> None:
    changed = made.model_copy(update={"reader_password": SecretStr("n'ew \\ päss")})
    try:
        accounts.prepare(changed, SecretStr(""))
        with psycopg.connect(reader_dsn(changed)) as conn:
            assert conn.execute("SELECT count(*) FROM grafana.limits").fetchone() == (5,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(reader_dsn(made))
    finally:
        accounts.prepare(made, SecretStr(""))
    psycopg.connect(reader_dsn(made)).close()


def test_roles_are_no_more_than_they_need(made: Postgres) -> None:
    with psycopg.connect(made.admin_dsn) as conn:
        roles = conn.execute(
            "SELECT rolname FROM pg_roles WHERE rolname IN ('glue', 'grafana', 'grafana_reader')"
            " AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
        ).fetchall()
        hashes = conn.execute(
            "SELECT DISTINCT left(rolpassword, 14) FROM pg_authid WHERE rolname = ANY(%s)",
            (["glue", "grafana_reader"],),
        ).fetchall()
    assert len(roles) == 3
    assert hashes == [("SCRAM-SHA-256$",)]


def test_a_wrong_superuser_password_is_said(made: Postgres) -> None:
    wrong = made.model_copy(update={"admin_password": SecretStr("wrong")})
    with pytest.raises(accounts.AccountsFailed, match="POSTGRES_PASSWORD"):
        accounts.prepare(wrong, SecretStr(""))

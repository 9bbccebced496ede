"""Two databases of their own to save and restore, with rows and points, and the commands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from glue.backup import create, restore
from glue.settings import Settings
from glue.stack import accounts, control, quiet
from glue.stack.parts import postgres
from glue.stack.progress import Progress
from glue.store import dump, migrations
from tests import influx
from tests.influx import write_points
from tests.programs import HASTY_POSTGRES, Ground, lay_ground, running_influxdb

NOW = time.time_ns() // 10**9 * 10**9
DAY = 86_400 * 10**9
TIMES = [NOW - 3600 * 10**9 * n for n in range(3)]

POINTS = [
    *(
        f"battery,robot_id=r{n} percentage={n}.5,charging={n % 2 == 0} {t}"
        for n in range(4)
        for t in TIMES
    ),
    f"battery,robot_id=r1 percentage=5 {NOW - 1}",
    f"counts,robot_id=r1 exact=9007199254740993i,same=5 {NOW}",
    f'logs,robot_id=r1 text="say \\"\\\\\\" = , ü\nsecond, line  \n\n",n=-1i {NOW}',
    f"odd\\ name\\,x,tag\\ key=a\\,b\\=c\\ d,path=C:\\temp"
    f" field\\ one\\,=1.7976931348623157e308 {NOW}",
    f"odd\\ name\\,x,tag\\ key=ü field\\ one\\,=5e-324 {NOW + 1}",
    f"no_tags f=0.1 {NOW}",
]


class Place:
    """PostgreSQL and InfluxDB of their own, with accounts and tables."""

    def __init__(self, retention: int, version: str) -> None:
        self.ground: Ground = lay_ground()
        self.ground.environ["INFLUXDB_VERSION"] = str(influx.found()[version])
        self.ground.environ["INFLUXDB_RETENTION_DAYS"] = str(retention)
        self.ground.start(postgres.part(self.ground.site(), HASTY_POSTGRES))
        running_influxdb(self.ground)
        accounts.prepare_databases(self.settings)
        migrations.upgrade(self.settings.postgres.dsn)
        accounts.prepare_databases(self.settings)

    @property
    def settings(self) -> Settings:
        return self.ground.settings()

    @property
    def tools(self) -> dump.Tools:
        return quiet.dump_tools(self.ground.programs, dump.server_major(self.settings.postgres.dsn))

    def sql(self, statement: str, database: str = "tonypi") -> list[Any]:
        dsn = make_conninfo(self.settings.postgres.admin_dsn, dbname=database)
        with psycopg.connect(dsn, autocommit=True) as conn:
            cursor = conn.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def write(self, *lines: str) -> None:
        bucket = self.settings.influx
        write_points(bucket, lines, "ns", bucket.token)

    def influxql(self, statement: str) -> list[Any]:
        bucket = self.settings.influx
        answer = httpx.post(
            f"{bucket.url}/query",
            data={"db": bucket.bucket, "q": statement, "epoch": "ns"},
            headers={"Authorization": f"Token {bucket.token.get_secret_value()}"},
            timeout=60,
        )
        # Numbers as text: a float that came back as an integer must be seen.
        result = json.loads(answer.text, parse_float=str, parse_int=str).get("results", [{}])[0]
        return list(result.get("series", []))

    def points(self) -> tuple[list[Any], list[Any]]:
        types = sorted(self.influxql("SHOW FIELD KEYS"), key=lambda one: one["name"])
        recent = f"time > {NOW - 5 * DAY}"
        return types, self.influxql(f"SELECT * FROM /.*/ WHERE {recent} GROUP BY *")

    def rows(self, database: str = "tonypi") -> dict[str, list[str]]:
        tables = self.sql(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
            database,
        )
        return {
            table: [
                row for (row,) in self.sql(f"SELECT t::text FROM {table} t ORDER BY 1", database)
            ]
            for (table,) in tables
        }

    def databases(self) -> set[str]:
        return {name for (name,) in self.sql("SELECT datname FROM pg_database", "postgres")}

    def back_up(self, path: Path) -> create.Manifest:
        return create.create(self.settings, self.tools, self.ground.environ, path, quietly())

    def finish(self) -> None:
        accounts.prepare_databases(self.settings)
        migrations.upgrade(self.settings.postgres.dsn)
        accounts.prepare_databases(self.settings)

    def restore(self, path: Path, finish: Any = None) -> restore.Restored:
        return restore.restore(path, self.settings, self.tools, finish or self.finish, quietly())


def quietly() -> Progress:
    return Progress(open(os.devnull, "w"))


@contextmanager
def place(retention: int = 7, version: str | None = None) -> Iterator[Place]:
    made = None
    try:
        made = Place(retention, version or influx.first())
        yield made
    finally:
        if made:
            made.ground.clear()


@contextmanager
def filled() -> Iterator[Place]:
    """With rows in both databases and points of every type, one of them nine days old."""
    with place(retention=30) as made:
        made.sql(
            """
            DELETE FROM robots;
            INSERT INTO robots (robot_id, name, settings)
            SELECT 'r' || n, 'Röbot, "' || n || '"', '{"a": [1, null]}'
              FROM generate_series(1, 20) n;
            INSERT INTO users (id, username, email, password_hash) VALUES ('u', 'ann', 'a@b', 'x');
            INSERT INTO sessions (user_id, expires_at) VALUES ('u', now() + interval '1 day');
            INSERT INTO alerts (robot_id, alert_type, severity, title, message)
            SELECT 'r' || n, 'battery', 'warning', 'Battery low', E'line\\nline'
              FROM generate_series(1, 20) n;
            INSERT INTO alert_timeline (alert_id, kind) SELECT id, 'opened' FROM alerts;
            """
        )
        made.sql(
            "CREATE TABLE dashboard (id serial PRIMARY KEY, data text, raw bytea);"
            "INSERT INTO dashboard (data, raw) SELECT repeat('x', n), '\\x00ff' "
            "FROM generate_series(1, 50) n; ALTER TABLE dashboard OWNER TO grafana",
            "grafana",
        )
        made.write(*POINTS, f"battery,robot_id=r1 percentage=1 {NOW - 9 * DAY}")
        yield made


def save(source: Place, path: Path) -> Path:
    """Back up what :func:`filled` gives."""
    made = source.back_up(path)
    assert made.points == len(POINTS) + 1
    assert made.databases["glue"].rows["public.alerts"] == 20
    assert made.measurements["battery"].values == 2 * 12 + 2
    return path


def run(
    environ: dict[str, str], *arguments: str, expected: int = 0, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "glue.cli", *arguments],
        env={**kept, **environ},
        input=given,
        capture_output=True,
        # A stack may take STOP_WITHIN to stop; pytest ends what takes longer than its test may.
        timeout=control.STOP_WITHIN + 60,
        check=False,
    )
    assert done.returncode == expected, (done.stdout[-3000:] + done.stderr).decode()
    return done


def tonypi(environ: dict[str, str], *arguments: str, expected: int = 0) -> dict[str, Any]:
    done = run(environ, *arguments, "--json", expected=expected)
    return dict(json.loads(done.stdout)) if done.stdout.startswith(b"{") else {}

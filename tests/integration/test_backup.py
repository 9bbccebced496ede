"""Round trips on real databases: what was saved stands there afterwards, or nothing changed.

Rows are compared as text, table by table; points as InfluxDB itself gives them, with types.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from glue.backup import create, restore
from glue.backup.restore import RestoreFailed
from glue.series import admin
from glue.settings import PROJECT, Settings
from glue.stack import accounts, quiet
from glue.stack import secrets as stack_secrets
from glue.stack.home import Home
from glue.stack.parts import influxdb, postgres
from glue.stack.progress import Progress
from glue.store import dump, migrations
from tests import influx
from tests.influx import write_points
from tests.programs import HASTY_POSTGRES, Ground, lay_ground

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
        site = self.ground.site()
        self.ground.start(postgres.part(site, HASTY_POSTGRES))
        self.ground.start(influxdb.part(site))
        accounts.prepare_databases(self.settings)
        migrations.upgrade(self.settings.postgres.dsn)
        accounts.prepare_databases(self.settings)
        tokens = admin.prepare(self.settings.influx)
        self.ground.environ |= {
            "INFLUXDB_TOKEN": tokens.admin,
            "INFLUXDB_TELEGRAF_TOKEN": tokens.telegraf,
            "INFLUXDB_GRAFANA_TOKEN": tokens.grafana,
        }

    @property
    def settings(self) -> Settings:
        return self.ground.settings()

    @property
    def tools(self) -> dump.Tools:
        return quiet.dump_tools(self.ground.programs)

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


@pytest.fixture(scope="module")
def source() -> Iterator[Place]:
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


@pytest.fixture(scope="module")
def saved(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backup") / "saved.tar"
    made = source.back_up(path)
    assert made.points == len(POINTS) + 1
    assert made.databases["glue"].rows["public.alerts"] == 20
    assert made.measurements["battery"].values == 2 * 12 + 2
    return path


@pytest.fixture(scope="module")
def target() -> Iterator[Place]:
    with place(retention=7) as made:
        made.sql("DELETE FROM robots; INSERT INTO robots (robot_id) VALUES ('here_before')")
        made.sql("CREATE TABLE theirs (id int)", "grafana")
        yield made


def unchanged(target: Place) -> bool:
    mine = target.sql("SELECT robot_id FROM robots")
    left = [n for n in target.databases() if n.endswith((dump.COMING, dump.BEFORE))]
    assert (mine, left) == ([("here_before",)], [])
    return True


def test_the_archive_holds_secrets_for_the_owner_alone(source: Place, saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    kept = restore.kept_secrets(saved)
    assert kept["POSTGRES_PASSWORD"] == source.ground.environ["POSTGRES_PASSWORD"]
    names = tarfile.open(saved).getnames()  # noqa: SIM115
    assert {"postgres/glue.dump", "postgres/grafana.dump", "stack.env", "manifest.json"} < {*names}
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_restore_is_refused_while_somebody_is_connected(saved: Path, target: Place) -> None:
    dsn = make_conninfo(target.settings.postgres.dsn, application_name="the-glue")
    with psycopg.connect(dsn), pytest.raises(RestoreFailed, match=r"the-glue \(tonypi\)"):
        target.restore(saved)
    assert unchanged(target)


def test_a_restore_that_fails_at_the_end_leaves_what_was_there(saved: Path, target: Place) -> None:
    def broken() -> None:
        assert target.sql("SELECT count(*) FROM robots") == [(20,)]
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        target.restore(saved, broken)
    assert unchanged(target)


def test_a_restore_that_fails_midway_leaves_what_was_there(
    saved: Path, target: Place, tmp_path: Path
) -> None:
    # Right checksums and a wrong dump: as if this server could not read it.
    manifest = restore.check(saved, target.settings, quietly())
    path = tmp_path / "wrong.tar"
    with create.archive.reading(saved) as opened, create.archive.writing(path) as out:
        for member in manifest.members:
            with opened.member(member.name) as old, out.member(member.name) as new:
                data = old.read()
                new.write(data[:-1500] if member.name == "postgres/grafana.dump" else data)
        out.finish(create.Manifest(**{**vars(manifest), "members": tuple(out.members)}))
    with pytest.raises(dump.DumpFailed, match="grafana"):
        target.restore(path)
    assert unchanged(target)


def same_but_for_sessions(here: dict[str, list[str]], there: dict[str, list[str]]) -> bool:
    """Everybody logs in again after a restore: a session may have been ended since."""
    (session,), (was,) = here.pop("public.sessions"), there.pop("public.sessions")
    assert "restored from a backup" in session
    assert session.split(",")[0] == was.split(",")[0]
    return here == there


def test_rows_and_points_come_back_as_they_were(source: Place, saved: Path, target: Place) -> None:
    done = target.restore(saved)
    # The point of nine days ago does not fit into seven, and stops nothing.
    assert (done.expired, done.refused) == (1, 0)
    assert done.points == len(POINTS)
    assert same_but_for_sessions(target.rows(), source.rows())
    assert target.rows("grafana") == source.rows("grafana")
    assert target.points() == source.points()
    assert not [n for n in target.databases() if n.endswith((dump.COMING, dump.BEFORE))]


def test_the_glue_and_grafanas_reader_work_on_what_was_restored(target: Place) -> None:
    postgres = target.settings.postgres
    with psycopg.connect(postgres.dsn) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('later')")
        conn.rollback()
    reader = make_conninfo(
        postgres.dsn,
        user="grafana_reader",
        password=postgres.reader_password.get_secret_value(),
    )
    with psycopg.connect(reader) as conn:
        assert conn.execute("SELECT count(*) FROM grafana.robots").fetchone() == (20,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM public.users")
    theirs = dump.databases(target.settings)[1]
    with psycopg.connect(theirs.dsn) as conn:
        conn.execute("ALTER TABLE dashboard ADD COLUMN later int")
        conn.rollback()


def test_a_second_restore_gives_the_same_and_removes_what_a_killed_one_left(
    source: Place, saved: Path, target: Place
) -> None:
    before = target.points()
    for name in ("tonypi_restoring", "grafana_restoring", "tonypi_before_restore"):
        target.sql(f"CREATE DATABASE {name}", "postgres")
    target.restore(saved)
    assert same_but_for_sessions(target.rows(), source.rows())
    assert target.points() == before
    assert not [n for n in target.databases() if n.endswith((dump.COMING, dump.BEFORE))]


PLANTED = """
CREATE FUNCTION public.planted() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE $run$COPY (SELECT 1) TO PROGRAM 'cat > {file}'$run$;
  RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
  RETURN true;
END $$;
CREATE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM public.planted(); RETURN NEW; END $$;
CREATE FUNCTION public.in_index(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RETURN public.planted(); END $$;
CREATE INDEX planted_index ON robots (public.in_index(robot_id));
CREATE MATERIALIZED VIEW planted_view AS SELECT public.planted();
CREATE TRIGGER planted_trigger BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION fires();
"""


def test_a_function_that_was_planted_in_the_database_runs_no_program(
    source: Place, tmp_path: Path
) -> None:
    """An index, a view and a trigger call it: while it is restored, analysed, changed."""
    folder = Path(tempfile.mkdtemp(prefix="tonypi-planted-"))
    folder.chmod(0o777)
    program = folder / "ran"
    with psycopg.connect(source.settings.postgres.dsn) as conn:
        conn.execute(PLANTED.format(file=program))  # type: ignore[arg-type]
    try:
        path = tmp_path / "planted.tar"
        source.back_up(path)
        # It would: as superuser it is called on the way.
        source.sql("SELECT public.planted()")
        assert program.exists()
        program.unlink()
        source.restore(path)
        assert source.sql("SELECT count(*) FROM planted_view") == [(1,)]
        assert not program.exists()
    finally:
        shutil.rmtree(folder)
        source.sql("DROP MATERIALIZED VIEW planted_view; DROP INDEX planted_index")
        source.sql("DROP FUNCTION public.fires, public.in_index, public.planted CASCADE")


def test_points_of_another_type_are_counted_and_the_others_stored(
    saved: Path, target: Place
) -> None:
    target.influxql("DROP MEASUREMENT no_tags")
    target.influxql("DROP MEASUREMENT counts")
    target.write(f'no_tags f="text" {NOW}')
    done = target.restore(saved)
    assert done.refused == 1
    assert "type conflict" in done.reason
    assert [one["name"] for one in target.influxql("SELECT * FROM counts")] == ["counts"]


@pytest.mark.parametrize("version", list(influx.found())[1:] or [None])
def test_points_go_to_the_other_influxdb_and_back(
    source: Place, saved: Path, target: Place, tmp_path: Path, version: str | None
) -> None:
    if version is None:
        pytest.skip("one InfluxDB on this machine; influxd2 in the tools cache or PATH is another")
    with place(retention=7, version=version) as there:
        there.write('no_tags f="text" ' + str(NOW))
        done = there.restore(saved)
        assert (done.expired, done.refused) == (1, 1)
        assert "type conflict" in done.reason
        types, points = source.points()
        others = [one for one in points if one["name"] != "no_tags"]
        assert [one for one in there.points()[1] if one["name"] != "no_tags"] == others
        made = there.back_up(tmp_path / "back.tar")
    assert made.versions["influxdb"].lstrip("v").startswith(version)
    for one in types:
        target.influxql(f'DROP MEASUREMENT "{one["name"]}"')
    target.restore(tmp_path / "back.tar")
    assert [one for one in target.points()[1] if one["name"] != "no_tags"] == others


def test_an_older_backup_is_brought_to_the_newest_tables(
    source: Place, target: Place, tmp_path: Path
) -> None:
    source.sql("CREATE DATABASE older OWNER glue", "postgres")
    settings = source.ground.settings(PGDATABASE="older")
    with psycopg.connect(settings.postgres.dsn) as conn:
        plain = (PROJECT / "postgres" / "init" / "01_init.sql").read_text()
        conn.execute(plain)  # type: ignore[arg-type]
        conn.execute("INSERT INTO robots (robot_id, name) VALUES ('old', 'as it was')")
    path = tmp_path / "old.tar"
    made = create.create(settings, source.tools, source.ground.environ, path, quietly())
    assert made.databases["glue"].migrations == ()
    target.restore(path)
    kept = target.sql("SELECT robot_id, name FROM robots WHERE robot_id = 'old'")
    assert kept == [("old", "as it was")]
    assert migrations.pending(target.settings.postgres.dsn) == ()


def run(
    environ: dict[str, str], *arguments: str, expected: int = 0, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "glue.cli", *arguments],
        env={**kept, **environ},
        input=given,
        capture_output=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == expected, (done.stdout[-3000:] + done.stderr).decode()
    return done


def tonypi(environ: dict[str, str], *arguments: str, expected: int = 0) -> dict[str, Any]:
    done = run(environ, *arguments, "--json", expected=expected)
    return dict(json.loads(done.stdout)) if done.stdout.startswith(b"{") else {}


def test_systems_elsewhere_through_pipes(source: Place, saved: Path, target: Place) -> None:
    """As in a container: another host, no home of ours, files that belong to somebody else."""
    # An address of loopback that is not taken for the native run's.
    environ = target.ground.environ | {"PGHOST": "127.1"}
    data = saved.read_bytes()
    dsn = make_conninfo(target.settings.postgres.dsn, application_name="the-glue")
    with psycopg.connect(dsn):
        refused = run(environ, "restore", "-", "--yes", "--unverified", given=data, expected=1)
        assert b"the-glue" in refused.stderr
    refused = run(environ, "restore", "-", "--yes", given=data, expected=2)
    assert b"not signed by this stack" in refused.stderr and b"--unverified" in refused.stderr
    planned = json.loads(run(environ, "restore", "-", "--plan", "--json", given=data).stdout)
    assert planned["signature"] == "other"
    asked = ("restore", "-", "--yes", "--unverified", "--json")
    done = json.loads(run(environ, *asked, given=data).stdout)
    assert "GLUE_ADMIN_PASSWORD" in done["secrets_that_differ"]
    assert same_but_for_sessions(target.rows(), source.rows())
    out = run(environ, "backup", "--to", "-").stdout
    path = saved.parent / "out.tar"
    path.write_bytes(out)
    made = create.archive.verify(path)
    path.unlink()
    assert made.rows == create.archive.verify(saved).rows


@pytest.fixture(scope="module")
def native() -> Iterator[dict[str, str]]:
    """The environment of a home that is not there yet; the tests below use it in their order."""
    # Not pytest's folder, through which PostgreSQL's user could not pass.
    with tempfile.TemporaryDirectory(prefix="tonypi-backup-") as made:
        Path(made).chmod(0o755)
        environ = {
            "TONYPI_HOME": str(Path(made) / "home"),
            "INFLUXDB_RETENTION_DAYS": "30",
            # Elsewhere, so that none starts here: it would only take time.
            "GRAFANA_URL": "http://grafana.invalid:3000",
            "ROBOTS": "0",
        }
        try:
            yield environ
        finally:
            run(environ, "down", "--purge", "--yes")


def test_a_new_machine_natively(source: Place, saved: Path, native: dict[str, str]) -> None:
    """Into an empty home, then out of that (stopped) home again, by what a person types."""
    home = Path(native["TONYPI_HOME"])
    tonypi(native, "restore", str(saved), expected=3)
    planned = tonypi(native, "restore", str(saved), "--plan")
    assert planned["signature"] == "no key"
    assert planned["new"] and planned["points"] == len(POINTS) + 1
    assert not home.exists()
    done = tonypi(native, "restore", str(saved), "--yes")
    assert (done["points"], done["expired"]) == (len(POINTS) + 1, 0)
    known = stack_secrets.read(home)
    for name in ("GLUE_ADMIN_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD", "POSTGRES_PASSWORD"):
        assert known[name] == source.ground.environ[name]
    # The source still has its ports.
    for name in ("PGPORT", "INFLUXDB_URL"):
        assert known[name] != source.ground.environ[name]
    again = tonypi(native, "backup")
    first, second = (create.archive.verify(p) for p in (saved, Path(again["file"])))
    for role in ("glue", "grafana"):
        assert second.databases[role].rows == first.databases[role].rows
    assert {n: (m.points, m.values) for n, m in second.measurements.items()} == {
        n: (m.points, m.values) for n, m in first.measurements.items()
    }
    assert list((home / "run").glob("*.pid")) == []


def test_a_running_stack_is_stopped_and_started_again(native: dict[str, str]) -> None:
    run(native, "up")
    saved = tonypi(native, "backup")["file"]
    settings = Home(Path(native["TONYPI_HOME"])).site(native).settings
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('later')")
    planned = tonypi(native, "restore", saved, "--plan")
    assert planned["stops"] and planned["signature"] == "ours"
    tonypi(native, "restore", saved, "--yes")
    with psycopg.connect(settings.postgres.dsn) as conn:
        ids = {robot_id for (robot_id,) in conn.execute("SELECT robot_id FROM robots").fetchall()}
    assert "later" not in ids and "r1" in ids
    status = json.loads(run(native, "status", "--json").stdout)
    assert {part["state"] for part in status["parts"].values()} == {"ready"}

"""Round trips on real databases: what was saved stands there afterwards, or nothing changed.

Rows are compared as text, table by table; points as InfluxDB itself gives them, with types.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from glue.backup import create, restore
from glue.backup.restore import RestoreFailed
from glue.settings import PROJECT
from glue.store import dump, migrations
from tests import influx
from tests.backup import NOW, POINTS, Place, filled, place, quietly, run, save


@pytest.fixture(scope="module")
def source() -> Iterator[Place]:
    with filled() as made:
        yield made


@pytest.fixture(scope="module")
def saved(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(source, tmp_path_factory.mktemp("backup") / "saved.tar")


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
    manifest = restore.check(saved, target.settings, None, quietly())
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


def test_no_order_of_robots_is_left_to_pg_restore(source: Place) -> None:
    """For a PostgreSQL without ICU refuses one of ICU, wherever it stands."""
    ours = dump.databases(source.settings)[0]
    assert source.sql("SELECT DISTINCT collprovider FROM pg_collation"
                      " WHERE collname = 'natural_order'") == [("i",)]  # fmt: skip
    with tempfile.TemporaryFile() as file:
        with dump.snapshot(ours) as taken:
            dump.dump(source.tools, taken, file, lambda size: None)
        file.seek(0)
        contents = dump._contents(source.tools, ours.name, file)
    kept, schemas = dump.without_orders(contents)
    assert schemas == {"public", "grafana"}
    assert len(kept) == len(contents) - 2
    assert [line for line in kept if "natural_order" in line] == []


def test_the_order_of_robots_is_made_as_this_server_can(
    source: Place, target: Place, tmp_path: Path
) -> None:
    """As from a PostgreSQL without ICU; one with it does not fit into one without either."""
    for schema in ("public", "grafana"):
        order = f"{schema}.natural_order"
        source.sql(f'DROP COLLATION {order}; CREATE COLLATION {order} FROM "C"')
        source.sql(f"ALTER COLLATION {order} OWNER TO glue")
    path = tmp_path / "bytes.tar"
    source.back_up(path)
    here = """SELECT n.nspname, 'h2' < 'h10' COLLATE public.natural_order,
                     'h2' < 'h10' COLLATE grafana.natural_order, pg_get_userbyid(c.collowner)
                FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
               WHERE c.collname = 'natural_order' ORDER BY 1"""
    assert source.sql(here) == [(name, False, False, "glue") for name in ("grafana", "public")]
    target.restore(path)
    assert target.sql(here) == [(name, True, True, "glue") for name in ("grafana", "public")]


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

"""Whole databases out and in again with PostgreSQL's own pg_dump and pg_restore.

Out: one snapshot, in which the rows are counted too, so that a restore can be held against the
numbers. In: into new databases beside the old ones; only when both are whole do the names change,
in one transaction. Whatever fails before leaves everything as it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from glue.settings import Settings
from glue.store.accounts import GRAFANA
from glue.store.migrations import MIGRATION_TABLE, natural_order, natural_order_in_dashboards
from glue.store.pool import StoreError, StoreUnavailable
from glue.store.queries import load

PIECE = 1 << 20
NATURAL_ORDER = re.compile(r" COLLATION (public|grafana) natural_order ")
"""In a dump's table of contents, by schema: made anew, for a PostgreSQL without ICU must make it
otherwise."""
BEFORE = "_before_restore"
COMING = "_restoring"

sql = load("dump")


class DumpFailed(StoreError):
    """A database could not be written out or read in; the text says what PostgreSQL said."""


@dataclass(frozen=True)
class Tools:
    """pg_dump and pg_restore, of the server's own major version: an older pg_dump refuses to read
    it, and what a newer one writes it does not take back."""

    dump: Path
    restore: Path


@dataclass(frozen=True)
class Database:
    """A database with who owns it. ``dsn`` connects as the owner, who may read all of it."""

    name: str
    owner: str
    dsn: str


def databases(settings: Settings) -> tuple[Database, Database]:
    """The glue's and Grafana's."""
    postgres = settings.postgres
    ours = conninfo_to_dict(postgres.dsn)
    name, owner = str(ours.get("dbname", postgres.database)), str(ours.get("user", postgres.user))
    theirs = make_conninfo(
        postgres.dsn,
        dbname=GRAFANA,
        user=GRAFANA,
        password=settings.grafana.database_password.get_secret_value(),
    )
    return Database(name, owner, postgres.dsn), Database(GRAFANA, GRAFANA, theirs)


def server_major(dsn: str) -> int:
    """Major version of the server behind ``dsn``. Raises :class:`StoreUnavailable`."""
    with _connected(dsn) as conn:
        return conn.info.server_version // 10000


@dataclass(frozen=True)
class Snapshot:
    """One moment of a database. ``rows`` by ``schema.table``; ``server`` as PostgreSQL counts its
    versions; ``migrations`` are those applied, empty for a database that is not ours."""

    name: str
    database: Database
    server: int
    rows: dict[str, int]
    migrations: tuple[str, ...]


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """Hold one moment of ``database``. Raises :class:`StoreUnavailable`."""
    with _connected(database.dsn) as conn:
        conn.execute("SET statement_timeout = 0")
        conn.execute("SET idle_in_transaction_session_timeout = 0")
        conn.commit()
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        exported = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert exported is not None
        rows = _rows(conn)
        done: tuple[str, ...] = ()
        if f"public.{MIGRATION_TABLE}" in rows:
            done = tuple(sorted(name for (name,) in conn.execute(sql.migrations).fetchall()))
        yield Snapshot(exported[0], database, conn.info.server_version, rows, done)


def dump(tools: Tools, taken: Snapshot, out: BinaryIO, told: Callable[[int], None]) -> None:
    """Write the snapshot in pg_dump's custom format; ``told`` hears the bytes so far."""
    command = [
        *(str(tools.dump), "--format=custom", "--compress=6", "--no-password"),
        *(f"--snapshot={taken.name}", f"--dbname={_without_password(taken.database.dsn)}"),
    ]
    with (
        _child(command, taken.database.dsn, stdout=subprocess.PIPE) as (child, said),
    ):
        assert child.stdout is not None
        size = 0
        while piece := child.stdout.read(PIECE):
            size += len(piece)
            out.write(piece)
            told(size)
        if child.wait():
            raise DumpFailed(f"pg_dump of {taken.database.name!r} failed: {said()}")


def connected_clients(admin_dsn: str, names: Sequence[str]) -> list[str]:
    """Who is connected to one of these databases, as «program (database)», each once."""
    with _connected(admin_dsn) as conn:
        return [row[0] for row in conn.execute(sql.clients, {"names": list(names)}).fetchall()]


def fill(
    tools: Tools,
    admin_dsn: str,
    database: Database,
    file: BinaryIO,
    told: Callable[[int], None],
) -> dict[str, int]:
    """Read a dump into a new database beside ``database``; gives its numbers of rows.

    As the database's owner: a function that somebody planted in the dump runs with no more rights
    than the dump itself had. What an interrupted restore left there is removed first.
    """
    coming = database.name + COMING
    with _connected(admin_dsn, autocommit=True) as conn:
        _drop(conn, coming)
        made = SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        conn.execute(made.format(Identifier(coming), Identifier(database.owner)))
    inside = make_conninfo(database.dsn, dbname=coming)
    entries, schemas = without_orders(_contents(tools, database.name, file))
    if "public" in schemas:
        _run(inside, natural_order())
    with tempfile.NamedTemporaryFile("w", prefix="tonypi-restore-") as chosen:
        chosen.writelines(entries)
        chosen.flush()
        command = [
            *(str(tools.restore), "--exit-on-error", "--single-transaction", "--no-password"),
            # All of it becomes the owner's, whoever owned it where the dump was made.
            *("--no-owner", f"--use-list={chosen.name}", f"--dbname={_without_password(inside)}"),
        ]
        with _child(command, inside, stdin=subprocess.PIPE) as (child, said):
            _feed(child, file, told)
            if child.wait():
                raise DumpFailed(f"pg_restore of {database.name!r} failed: {said()}")
    if "grafana" in schemas:
        # Its schema came with the rest, and nothing else in there needs it.
        _run(inside, natural_order_in_dashboards())
    with _connected(inside, autocommit=True) as conn:
        conn.execute("ANALYZE")
        return _rows(conn)


def without_orders(contents: Sequence[str]) -> tuple[list[str], set[str]]:
    """Split a dump's table of contents: the lines without the collations ``natural_order``, and the
    schemas that have one."""
    orders = {entry: found[1] for entry in contents if (found := NATURAL_ORDER.search(entry))}
    return [entry for entry in contents if entry not in orders], set(orders.values())


def _run(dsn: str, statements: str) -> None:
    with _connected(dsn, autocommit=True) as conn:
        conn.execute(statements.encode())


def _contents(tools: Tools, name: str, file: BinaryIO) -> list[str]:
    """The dump's table of contents, a line an entry; ``file`` is at its beginning afterwards."""
    with (
        tempfile.TemporaryFile("w+") as listed,
        _child([str(tools.restore), "--list"], "", stdin=subprocess.PIPE, stdout=listed) as (
            child,
            said,
        ),
    ):
        _feed(child, file, lambda size: None)
        if child.wait():
            raise DumpFailed(f"pg_restore cannot read the dump of {name!r}: {said()}")
        file.seek(0)
        listed.seek(0)
        return listed.readlines()


def _feed(child: subprocess.Popen[bytes], file: BinaryIO, progress: Callable[[int], None]) -> None:
    """Write ``file`` to the program's input until either ends."""
    assert child.stdin is not None
    size = 0
    with suppress(BrokenPipeError):
        while piece := file.read(PIECE):
            child.stdin.write(piece)
            size += len(piece)
            progress(size)
        child.stdin.close()


def swap(admin_dsn: str, names: Sequence[str]) -> None:
    """Give the new databases their names; the old ones become ``…_before_restore``.

    One transaction: all of them or none. Raises :class:`DumpFailed` where somebody is connected.
    """
    with _connected(admin_dsn, autocommit=True) as conn:
        # Of a restore that ended between its last steps; what it restored is what stands there.
        for name in names:
            _drop(conn, name + BEFORE)
        with conn.transaction():
            for name in names:
                _rename(conn, name, name + BEFORE)
                _rename(conn, name + COMING, name)


def swap_back(admin_dsn: str, names: Sequence[str]) -> None:
    """Undo :func:`swap`; what was restored is removed by :func:`clear`."""
    with _connected(admin_dsn, autocommit=True) as conn, conn.transaction():
        for name in names:
            _rename(conn, name, name + COMING)
            _rename(conn, name + BEFORE, name)


def clear(admin_dsn: str, names: Sequence[str], suffix: str) -> None:
    """Remove the databases ``name + suffix`` where they exist."""
    with _connected(admin_dsn, autocommit=True) as conn:
        for name in names:
            _drop(conn, name + suffix)


def _rename(conn: Connection, name: str, new: str) -> None:
    conn.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(new)))


def _drop(conn: Connection, name: str) -> None:
    conn.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _rows(conn: Connection) -> dict[str, int]:
    counts = {}
    for schema, table in conn.execute(sql.tables).fetchall():
        asked = SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))
        row = conn.execute(asked).fetchone()
        counts[f"{schema}.{table}"] = int(row[0]) if row else 0
    return counts


@contextmanager
def _connected(dsn: str, autocommit: bool = False) -> Iterator[Connection]:
    try:
        with psycopg.connect(
            dsn, autocommit=autocommit, application_name="tonypi-backup", connect_timeout=10
        ) as conn:
            yield conn
    except psycopg.errors.ObjectInUse as error:
        raise DumpFailed(
            f"somebody is connected: {str(error).strip()}; stop the glue and Grafana, try again"
        ) from None
    except psycopg.OperationalError as error:
        raise StoreUnavailable(
            f"PostgreSQL: {str(error).strip()}; is it running, are host and password right?"
        ) from None
    except psycopg.Error as error:
        raise DumpFailed(f"PostgreSQL refuses: {str(error).strip()}") from None


@contextmanager
def _child(
    command: list[str], dsn: str, **pipes: int | IO[str]
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Run one of the tools; it is ended when the work around it fails. Its words go to a file, so
    that a full pipe never stops it."""
    # In the environment and not in the command, which everybody on the machine can read.
    password = str(conninfo_to_dict(dsn).get("password") or "")
    environment = {**os.environ, "PGPASSWORD": password, "LC_MESSAGES": "C"}
    with tempfile.TemporaryFile() as words:

        def said() -> str:
            words.seek(0)
            return words.read().decode(errors="replace").strip()[-1000:]

        try:
            child = subprocess.Popen(command, env=environment, stderr=words, **pipes)  # type: ignore[call-overload]
        except OSError as error:
            raise DumpFailed(f"cannot run {command[0]}: {error}") from None
        try:
            yield child, said
        finally:
            if child.poll() is None:
                child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    with suppress(BrokenPipeError):
                        pipe.close()
            child.wait()


def _without_password(dsn: str) -> str:
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if key != "password"}
    return make_conninfo("", **parts)

"""Moving a database to the newest shape: plain SQL in ``postgres/migrations``, applied by yoyo.

yoyo reads the folder, orders it and keeps the list of what was applied. Three things of it are
made safer here: a migration and its mark are one transaction, so that a kill leaves both or
neither; the whole upgrade holds an advisory lock, which dies with its holder (yoyo's own lock row
does not); and a file goes to the server as a whole, not split into statements first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList

from glue.settings import PROJECT
from glue.store import indexes, pooler
from glue.store.pool import StoreError

FOLDER = PROJECT / "postgres" / "migrations"
CHECKS = PROJECT / "postgres" / "checks.sql"
SEQUENCES = PROJECT / "postgres" / "sequences.sql"
MIGRATION_TABLE = "_yoyo_migration"
LOCK = "tonypi:upgrade"
LOCK_WAIT = 120.0
"""Seconds the second of two upgrades waits for the first."""
OLDEST_SERVER = 150000
"""As PostgreSQL counts its versions."""


class UpgradeFailed(StoreError):
    """The database was not moved (further); what was applied before stays applied."""


@dataclass(frozen=True)
class Applied:
    """One migration: its name (file without suffix) and how long it took, 0 in a dry run."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did, or would do (``dry_run``). ``already`` were there before;
    ``without`` are indexes that could not be built, and why."""

    applied: tuple[Applied, ...]
    already: tuple[str, ...]
    dry_run: bool
    without: Mapping[str, str] = field(default_factory=dict)


def upgrade(
    dsn: str,
    *,
    dry_run: bool = False,
    naive_times: str = "UTC",
    told: Callable[[Applied], None] = lambda applied: None,
) -> Upgrade:
    """Bring the database at ``dsn`` (URI or key=value) to the newest migration; harmless twice.

    ``naive_times`` is the zone of an older database's times that have none. ``told`` hears of each
    migration when it is committed. A dry run writes nothing, not even
    yoyo's tables. Two upgrades at once: the second waits, then finds nothing to do. Raises
    :class:`UpgradeFailed`, and ``SettingsError`` for a pooler in transaction mode.
    """
    try:
        if dry_run:
            return _dry_run(dsn)
        pooler.check(dsn)
        with _locked(dsn):
            done = _upgrade(dsn, naive_times, told)
        # Outside of the lock: a build waits for who waits for the lock.
        return replace(done, without=indexes.build(dsn, before=checks()))
    except psycopg.errors.LockNotAvailable as error:
        raise UpgradeFailed(
            f"another upgrade, or a long transaction, held the database for {LOCK_WAIT:.0f} s;"
            f" see pg_stat_activity, then try again ({str(error).strip()})"
        ) from error
    except psycopg.Error as error:
        raise UpgradeFailed(f"cannot upgrade the database: {str(error).strip()}") from error


def pending(dsn: str) -> tuple[str, ...]:
    """Names of the migrations that are not applied yet. Raises :class:`UpgradeFailed`."""
    return tuple(a.name for a in upgrade(dsn, dry_run=True).applied)


def names() -> tuple[str, ...]:
    """All migrations that this release knows, in their order."""
    return tuple(m.id for m in _all())


def grants() -> str:
    """SQL that lets Grafana's role read its views, where both exist; harmless twice."""
    return (FOLDER / "post-apply.sql").read_text(encoding="utf-8")


def natural_order() -> str:
    """SQL that makes the collation in which lists of robots are sorted, as this server can."""
    return (FOLDER / "0032_natural_order.sql").read_text(encoding="utf-8")


def natural_order_in_dashboards() -> str:
    """SQL that makes the same collation in the schema ``grafana``, which exists, from ours."""
    return (FOLDER / "0038_natural_order_in_dashboards.sql").read_text(encoding="utf-8")


def checks() -> str:
    """SQL that turns rules that hold for what is new into rules that hold for every row, where the
    rows allow it; harmless twice."""
    return CHECKS.read_text(encoding="utf-8")


def _upgrade(dsn: str, naive_times: str, told: Callable[[Applied], None]) -> Upgrade:
    migrations = _all()
    backend = _Backend(_uri(dsn), MIGRATION_TABLE)
    with closing(backend.connection):
        backend.ensure_internal_schema_updated()
        # Before, because migrations insert rows; after, because they make numbering that was lost.
        _number(backend)
        done = set(backend.get_applied_migration_hashes())
        applied = []
        for migration in migrations:
            if migration.hash not in done:
                applied.append(_apply(backend, migration, naive_times))
                told(applied[-1])
        _number(backend)
        for hook in migrations.post_apply:
            with backend.transaction():
                backend.execute(_text(hook))
    already = tuple(m.id for m in migrations if m.hash in done)
    return Upgrade(tuple(applied), already, dry_run=False)


def _number(backend: _Backend) -> None:
    with backend.transaction():
        backend.execute("SET LOCAL lock_timeout = '30s'")
        backend.execute(SEQUENCES.read_text(encoding="utf-8"))


def _apply(backend: _Backend, migration: Migration, naive_times: str) -> Applied:
    began = monotonic()
    try:
        with backend.transaction():
            # New code waits behind old code's transactions, and everybody behind the new code:
            # better to give up and be run again.
            backend.execute("SET LOCAL lock_timeout = '30s'")
            zone = "SELECT set_config('tonypi.naive_times', :zone, true)"
            backend.execute(zone, {"zone": naive_times})
            backend.execute(_text(migration))
            backend.mark_one(migration)
    except psycopg.errors.LockNotAvailable:
        raise
    except psycopg.Error as error:
        diag = error.diag
        told = "; ".join(filter(None, (str(error).strip(), diag.context, diag.message_hint)))
        raise UpgradeFailed(f"migration {migration.id} failed and was undone: {told}") from error
    return Applied(migration.id, monotonic() - began)


def _dry_run(dsn: str) -> Upgrade:
    with psycopg.connect(dsn, application_name="tonypi-upgrade") as conn:
        there = conn.execute("SELECT to_regclass(%s)", (MIGRATION_TABLE,)).fetchone()
        done: set[str] = set()
        if there and there[0]:
            query = psycopg.sql.SQL("SELECT migration_id FROM {}")
            rows = conn.execute(query.format(psycopg.sql.Identifier(MIGRATION_TABLE)))
            done = {row[0] for row in rows}
    names = [m.id for m in _all()]
    return Upgrade(
        tuple(Applied(n, 0.0) for n in names if n not in done),
        tuple(n for n in names if n in done),
        dry_run=True,
    )


def _all() -> MigrationList:
    found = read_migrations(str(FOLDER))
    if not found:
        raise UpgradeFailed(f"no migrations in {FOLDER}; is the checkout complete?")
    names = sorted(found.items, key=lambda m: m.id)
    return MigrationList(names, found.post_apply)


def _text(migration: Migration) -> str:
    with open(migration.path, encoding="utf-8") as file:
        return file.read()


@contextmanager
def _locked(dsn: str) -> Iterator[None]:
    with psycopg.connect(dsn, autocommit=True, application_name="tonypi-upgrade-lock") as conn:
        conn.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_WAIT:.0f}s",))
        # statement_timeout of the role must not end the wait.
        conn.execute("SET statement_timeout = 0")
        conn.execute("SELECT pg_advisory_lock(hashtext(%s))", (LOCK,))
        if conn.info.server_version < OLDEST_SERVER:
            raise UpgradeFailed(
                f"PostgreSQL {conn.info.server_version // 10000} is too old: one global limit per"
                f" metric needs {OLDEST_SERVER // 10000} (UNIQUE NULLS NOT DISTINCT); upgrade it"
            )
        yield


class _Backend(PostgresqlPsycopgBackend):
    """yoyo's backend for psycopg 3 that sends text without parameters as it stands.

    yoyo always passes parameters: psycopg then takes ``%`` for a placeholder and refuses more than
    one statement at a time.
    """

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:
        # Its row would outlive a kill; the advisory lock is held instead (:func:`_locked`).
        yield

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:
        if params:
            return super().execute(sql, params)
        cursor = self.cursor()
        cursor.execute(sql)
        return cursor


def _uri(dsn: str) -> DatabaseURI:
    """yoyo's form of any libpq connection string; what yoyo has no field for goes to ``args``."""
    parts = {k: str(v) for k, v in conninfo_to_dict(dsn).items()}
    port = parts.pop("port", None)
    return DatabaseURI(
        "postgresql+psycopg",
        parts.pop("user", None),
        parts.pop("password", None),
        parts.pop("host", None),
        int(port) if port else None,
        parts.pop("dbname", None),
        {"application_name": "tonypi-upgrade", **parts},
    )

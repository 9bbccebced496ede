"""Mending an adopted database: what is wrong, what would be done, and doing it in one transaction.

Nothing is lost: whatever value is changed, and whatever row leaves its table, is kept as it was in
``repaired_values``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from glue.core import repair as core
from glue.core.repair import Offence
from glue.store import indexes, migrations
from glue.store.pool import StoreError
from glue.store.queries import load

TABLES = ("robots", "users", "jobs", "alerts", "reports", "system_logs")
"""Tables whose rows mend themselves when written; robots first, their history follows."""

ROUNDS = 4
"""One mended value can meet another (two ids that become one robot's); then it is mended again."""

sql = load("repair")
audit = load("audit")


class RepairFailed(StoreError):
    """Nothing was changed."""


@dataclass(frozen=True)
class Survey:
    """``offences``: what waits for repair. ``changed``: what upgrades changed, as (column, why,
    count, at most 100 row ids). ``taken_over``: limits of robots that became rows.
    ``unregistered``: rows per table of robots that are not there; they stay."""

    offences: tuple[Offence, ...]
    changed: tuple[core.Kind, ...]
    taken_over: tuple[dict[str, Any], ...]
    unregistered: dict[str, int]


def survey(dsn: str) -> Survey:
    """What adoption did and left at ``dsn``. Raises :class:`RepairFailed`."""
    with _connected(dsn) as conn:
        return Survey(
            tuple(offences(conn)),
            tuple(core.Kind(k, n, why, tuple(ids)) for k, why, n, ids in _rows(conn, sql.changed)),
            tuple(row[0] for row in _rows(conn, sql.taken_over)),
            {table: n for table, n in _rows(conn, sql.unregistered) if n},
        )


def apply(dsn: str, who: str) -> list[Offence]:
    """Mend everything, log it, let PostgreSQL vouch for it; gives what was done.

    One transaction: all of it or nothing. Raises :class:`RepairFailed`.
    """
    with _connected(dsn) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (migrations.LOCK,))
        # Not waited for: a build waits for every transaction, this one too.
        free = "SELECT pg_try_advisory_xact_lock(hashtext(%s))"
        if conn.execute(free, (indexes.LOCK,)).fetchone() != (True,):
            raise RepairFailed("indexes are being built; try again when the upgrade is done")
        conn.execute("SET LOCAL tonypi.by = 'repair'")
        done: list[Offence] = []
        for _ in range(ROUNDS):
            found = offences(conn)
            if not found:
                break
            _mend(conn, found)
            done += found
        else:
            raise RepairFailed("the repairs do not come to an end; nothing was changed")
        if done:
            _record(conn, done, who)
        conn.execute(migrations.checks().encode())
        return done


def offences(conn: Connection) -> list[Offence]:
    """What breaks a rule now, in the order of mending."""
    unproven = {row[0] for row in _rows(conn, sql.unproven)}
    found = []
    for table in (*TABLES, "alert_thresholds"):
        if table in unproven or table == "alert_thresholds":
            for row_id, column, before, after in _rows(conn, _of(sql.differences, table)):
                why = core.reason(table, column)
                found.append(Offence(table, row_id, column, before, after, why))
    for table, query, why in (
        ("users", sql.names_twice, core.NAME_TWICE),
        ("users", sql.addresses_twice, core.ADDRESS_TWICE),
        ("jobs", sql.active_twice, core.ACTIVE_TWICE),
        ("alert_thresholds", sql.limits_of_nothing, core.LIMIT_OF_NOTHING),
    ):
        mending = {(o.table, o.row_id, o.column) for o in found}
        for row_id, column, before, after in _rows(conn, query):
            # A value that is being mended for another reason is looked at again in the next round.
            if (table, row_id, column) not in mending:
                found.append(Offence(table, row_id, column, before, after, why))
    return found


_TWICE = (core.NAME_TWICE, core.ADDRESS_TWICE, core.ACTIVE_TWICE)


def _mend(conn: Connection, found: list[Offence]) -> None:
    for offence in found:
        if offence.why == core.LIMIT_OF_NOTHING:
            _keep(conn, offence)
            conn.execute(sql.set_aside, {"row_id": offence.row_id})
        elif offence.why in _TWICE:
            _keep(conn, offence)
            _write(conn, offence)
        elif offence.table == "alert_thresholds":
            _keep(conn, offence)
    conn.execute(sql.mend_thresholds)
    for table in TABLES:
        if any(o.table == table and o.why not in _TWICE for o in found):
            conn.execute(_of(sql.mend, table))


def _write(conn: Connection, offence: Offence) -> None:
    query = SQL(sql.write).format(
        table=Identifier(offence.table), column=Identifier(offence.column)
    )
    values = {
        "part": offence.column,
        "after": Jsonb(offence.after),
        "row_id": offence.row_id,
    }
    conn.execute(query, values)


def _keep(conn: Connection, offence: Offence) -> None:
    values = {
        "table": offence.table,
        "row_id": offence.row_id,
        "column": offence.column,
        "before": Jsonb(offence.before),
        "after": Jsonb(offence.after),
        "why": offence.why,
    }
    conn.execute(sql.keep, values)


def _record(conn: Connection, done: list[Offence], who: str) -> None:
    kinds = core.counted(done)
    values = {
        "level": "WARNING",
        "category": "database",
        "message": f"{who}: mended {len(done)} values of older rows; repaired_values keeps them",
        "robot_id": None,
        "details": Jsonb({"kinds": [{"kind": k.kind, "count": k.count} for k in kinds]}),
    }
    conn.execute(audit.record, values)


def _of(query: str, table: str) -> Any:
    return SQL(query).format(  # type: ignore[arg-type]
        table=Identifier(table), mended=Identifier(f"{table}_mended")
    )


def _rows(conn: Connection, query: Any) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    try:
        with psycopg.connect(dsn, application_name="tonypi-repair") as conn:
            conn.execute("SET LOCAL lock_timeout = '30s'")
            if conn.execute(sql.adopted).fetchone() != (True,):
                raise RepairFailed("the database is not adopted yet; run `tonypi db upgrade` first")
            yield conn
    except psycopg.Error as error:
        raise RepairFailed(f"nothing was changed: {str(error).strip()}") from error

"""Indexes that large tables get while everybody goes on working: ``postgres/indexes.sql``.

What cannot be built now (no such extension here, a transaction that does not end) is left out and
told: queries are slower without it, never wrong. The next upgrade tries again.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.sql import SQL, Identifier

from glue.settings import PROJECT
from glue.store import queries

FILE = PROJECT / "postgres" / "indexes.sql"

LOCK = "tonypi:indexes"
WAIT = "30s"
"""For transactions that were open before: a build waits for the oldest of them."""

_TABLE = re.compile(r"\bON (\w+)")


def build(dsn: str, *, before: str = "") -> dict[str, str]:
    """Build what is missing; gives what could not be, and why. While somebody else builds, nothing.

    ``before`` is SQL that locks the same tables and so may not run beside a build, which waits for
    every transaction: the two would wait for each other. Raises ``psycopg.Error`` when PostgreSQL
    goes away or ``before`` fails; without its locks in time it is left out, as ``checks``.
    """
    left: dict[str, str] = {}
    with psycopg.connect(dsn, autocommit=True, application_name="tonypi-indexes") as conn:
        conn.execute("SET statement_timeout = 0")
        conn.execute("SELECT set_config('lock_timeout', %s, false)", (WAIT,))
        taken = conn.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (LOCK,)).fetchone()
        if not (taken and taken[0]):
            return left
        if before:
            try:
                conn.execute(before.encode())
            except psycopg.errors.LockNotAvailable as error:
                left["checks"] = str(error).strip().partition("\n")[0]
        for name, statement in queries.parse(FILE.read_text(encoding="utf-8"), FILE).items():
            try:
                if _is_missing(conn, name):
                    conn.execute(statement)
                    _analyze(conn, statement)
            except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
                if conn.closed:
                    raise
                left[name] = str(error).strip().partition("\n")[0]
    return left


def _is_missing(conn: psycopg.Connection, name: str) -> bool:
    """A build that was cut off leaves an index that nobody reads; it goes."""
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    row = conn.execute(query, (name,)).fetchone()
    if row and not row[0]:
        conn.execute(SQL("DROP INDEX CONCURRENTLY {}").format(Identifier(name)))
    return row is None or not row[0]


def _analyze(conn: psycopg.Connection, statement: str) -> None:
    """Without figures of an expression the planner takes its index where another is better. Of an
    empty table there are none, and told that it is empty the planner would go on believing so."""
    if not (match := _TABLE.search(statement)):
        return
    table = Identifier(match[1])
    row = conn.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(table)).fetchone()
    if row and row[0]:
        conn.execute(SQL("ANALYZE {}").format(table))

"""A pooler between us and PostgreSQL (PgBouncer, pgcat, a cloud's) must keep a session whole.

In transaction mode each transaction may run in another session: an advisory lock is taken in one
and given back in another, a LISTEN hears nothing, a SET reaches somebody else. None of that fails
aloud, so we look at the start. See https://www.pgbouncer.org/features.html, «SQL feature map».
"""

from __future__ import annotations

import psycopg

from glue.settings import SettingsError

ROUNDS = 3


def check(dsn: str) -> None:
    """Raises :class:`SettingsError` where two connections to ``dsn`` share sessions of the server,
    or one changes its session; ``psycopg.Error`` where the server cannot be asked."""
    with (
        psycopg.connect(dsn, autocommit=True, connect_timeout=5) as first,
        psycopg.connect(dsn, autocommit=True, connect_timeout=5) as second,
    ):
        seen = [(_session(first), _session(second)) for _ in range(ROUNDS)]
    ours, others = ({pair[n] for pair in seen} for n in (0, 1))
    if len(ours) > 1 or len(others) > 1 or ours & others:
        raise SettingsError(
            "unusable setting: PGHOST, PGPORT: behind this address is a pooler in transaction mode"
            " (pool_mode = transaction in PgBouncer), which loses our locks, notifications and"
            " settings; give this database pool_mode = session there, or name PostgreSQL's own"
            " address"
        )


def _session(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])

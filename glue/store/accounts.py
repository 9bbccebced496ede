"""Roles, databases and their rights: the one module that connects as PostgreSQL's superuser.

Three roles, none of them more than it needs (decision: least-privilege data sources):

- the glue's own (``PGUSER``) owns its database and nothing else;
- ``grafana`` owns Grafana's database and cannot connect to ours;
- ``grafana_reader`` reads the views of the schema ``grafana`` and can do nothing else. Whoever may
  look at a dashboard can send SQL as this role, so functions that lock, write large objects or
  sleep are taken from it too.
"""

from __future__ import annotations

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Composable, Identifier, Literal
from pydantic import SecretStr

from glue.settings import Postgres
from glue.store import migrations
from glue.store.pool import StoreError
from glue.store.queries import load

READER = "grafana_reader"
GRAFANA = "grafana"
"""Role and database of Grafana's own data."""

sql = load("accounts")


class AccountsFailed(StoreError):
    """Roles or databases could not be made."""


def prepare(postgres: Postgres, grafana_password: SecretStr) -> None:
    """Make roles and databases, or bring them to what settings say; harmless the second time.

    Connects with ``postgres.admin_dsn``. A password that is empty in the settings is left as it is.
    Raises :class:`AccountsFailed`.
    """
    try:
        with psycopg.connect(postgres.admin_dsn, autocommit=True) as conn:
            # Two at once would race between "is it there" and "create".
            conn.execute("SELECT pg_advisory_lock(hashtext('tonypi:accounts'))")
            _role(conn, postgres.user, postgres.password, SQL("INHERIT CONNECTION LIMIT -1"))
            _role(conn, GRAFANA, grafana_password, SQL("INHERIT CONNECTION LIMIT -1"))
            most = Literal(postgres.reader_connections)
            limit = SQL("NOINHERIT CONNECTION LIMIT {}").format(most)
            _role(conn, READER, postgres.reader_password, limit)
            _reader_defaults(conn, f"{round(postgres.reader_timeout * 1000)}ms")
            # The glue may end its sessions (glue/store/reader_sessions.py); no right comes with it.
            conn.execute(
                SQL("GRANT {} TO {}").format(Identifier(READER), Identifier(postgres.user))
            )
            _database(conn, postgres.database, postgres.user)
            _database(conn, GRAFANA, GRAFANA)
            _grant_connect(conn, postgres.database, READER)
        with psycopg.connect(_inside(postgres, postgres.database)) as conn:
            _harden(conn, postgres.user)
    except psycopg.Error as error:
        raise AccountsFailed(
            f"cannot prepare PostgreSQL's accounts as {postgres.admin_user!r}:"
            f" {str(error).strip()}; is it running, and is POSTGRES_PASSWORD right?"
        ) from error


def grafana_has_users(postgres: Postgres) -> bool:
    """Whether Grafana's database has its tables, and so its first user. Raises
    :class:`AccountsFailed`."""
    try:
        with psycopg.connect(_inside(postgres, GRAFANA)) as conn:
            return conn.execute(sql.grafana_users).fetchone() == (True,)
    except psycopg.Error as error:
        raise AccountsFailed(f"cannot look into Grafana's database: {error}") from error


def _inside(postgres: Postgres, database: str) -> str:
    """The superuser in a database whose owner may have put functions there: none of them is called
    by a name that we mean to be PostgreSQL's own (CVE-2018-1058)."""
    return make_conninfo(
        postgres.admin_dsn, dbname=database, options="-c search_path=pg_catalog,pg_temp"
    )


def _role(conn: Connection, name: str, password: SecretStr, extra: Composable) -> None:
    if not conn.execute(sql.role, {"name": name}).fetchone():
        conn.execute(SQL("CREATE ROLE {}").format(Identifier(name)))
    kept = SQL(
        "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
    ).format(Identifier(name))
    conn.execute(kept + extra)
    if secret := password.get_secret_value():
        # Hashed here: the server's log of statements never shows the password.
        scram = conn.pgconn.encrypt_password(secret.encode(), name.encode(), b"scram-sha-256")
        conn.execute(
            SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(name), Literal(scram.decode()))
        )


def _reader_defaults(conn: Connection, timeout: str) -> None:
    for setting, value in (
        ("default_transaction_read_only", "on"),
        ("statement_timeout", timeout),
        ("idle_in_transaction_session_timeout", timeout),
        ("temp_file_limit", "256MB"),
        ("search_path", "grafana"),
        ("jit", "off"),
    ):
        conn.execute(
            SQL("ALTER ROLE {} SET {} = {}").format(
                Identifier(READER), Identifier(setting), Literal(value)
            )
        )


def _database(conn: Connection, name: str, owner: str) -> None:
    who, what = Identifier(owner), Identifier(name)
    if not conn.execute(sql.database, {"name": name}).fetchone():
        made = SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        conn.execute(made.format(what, who))
    else:
        conn.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(what, who))
    # PUBLIC may connect and make temporary tables anywhere unless told otherwise.
    conn.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(what))


def _grant_connect(conn: Connection, database: str, role: str) -> None:
    conn.execute(
        SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), Identifier(role))
    )


def _harden(conn: Connection, owner: str) -> None:
    """Rights inside of our database. Functions of PostgreSQL that are harmless to a person with an
    account, and a weapon to everybody who can see a dashboard, stay with the owner."""
    conn.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for (function,) in conn.execute(sql.weapons).fetchall():
        named = SQL(function)
        conn.execute(SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(named))
        conn.execute(SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(named, Identifier(owner)))
    if conn.execute("SELECT to_regnamespace('grafana') IS NOT NULL").fetchone() == (True,):
        # Grants alone, which name tables of ours and call no function.
        conn.execute("SET LOCAL search_path = public, pg_temp")
        conn.execute(SQL(migrations.grants()))  # type: ignore[arg-type]

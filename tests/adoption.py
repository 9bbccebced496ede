"""The database that an older fleet left behind, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import psycopg

from glue.settings import Postgres
from tests.programs import Cluster

FIXTURE = Path(__file__).parent / "integration" / "adoption" / "older_fleet.sql"
PASSWORD = "an old password"
"""Everybody's."""


@contextmanager
def older_fleet(cluster: Cluster) -> Iterator[Postgres]:
    """A database of the older shape, with each kind of bad row; not upgraded."""
    made = cluster.create(template="template0")
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    try:
        with psycopg.connect(made.dsn) as conn:
            conn.execute(FIXTURE.read_text().replace(":bcrypt:", kept).encode())
        yield made
    finally:
        cluster.drop(made.database)

"""PostgreSQL's client library reads some thirty variables of the environment by itself: a service,
options, certificates, another address. They are somebody's for another database, so the process
forgets them; ours are the five of :class:`glue.settings.Postgres`, and ``DATABASE_URL`` takes the
options.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from psycopg import pq

OURS = {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD"}
BESIDES = {"PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ", "PGDATESTYLE", "PGGEQO", "PGREALM"}
"""Read by libpq, and no options of a connection."""


def forget(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Take out of ``environ`` what libpq would read there and nobody gave us; returns the names."""
    options = {o.envvar.decode() for o in pq.Conninfo.get_defaults() if o.envvar}
    return tuple(n for n in sorted((options | BESIDES) - OURS) if environ.pop(n, None))


FORGOTTEN = forget(os.environ)
"""What this process was given and does not use."""


def remark() -> str:
    """What to say beside an error of a connection; empty where nothing was forgotten."""
    if not FORGOTTEN:
        return ""
    return f" ({', '.join(FORGOTTEN)} set, and not used: options go into DATABASE_URL)"

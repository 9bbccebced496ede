"""The two databases alone, with nobody writing: for a restore, or a backup of a stopped stack.

Broker, Telegraf, Grafana and the glue stay down. The supervisor's lock is held meanwhile, so that
`tonypi up` waits for us and not the other way round.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from glue.settings import addresses
from glue.stack import accounts, leftovers, pidfiles, process, secrets
from glue.stack import home as homes
from glue.stack.home import Home
from glue.stack.part import Part
from glue.stack.parts import influxdb, postgres
from glue.stack.programs import Programs
from glue.stack.progress import Progress
from glue.store.dump import Tools

LOOPBACK = ("", *addresses.LOOPBACK)


def is_native(environ: Mapping[str, str]) -> bool:
    """Whether the systems are those of a home folder; else they run elsewhere (Docker)."""
    host = environ.get("PGHOST", "")
    if url := environ.get("DATABASE_URL", ""):
        host = urlsplit(url).hostname or ""
    return host in LOOPBACK


def is_made(home: Home) -> bool:
    """Whether a stack was ever started in this home."""
    return (home.path / secrets.FILE).is_file()


def dump_tools(programs: Programs) -> Tools:
    """pg_dump and pg_restore. Raises :class:`glue.stack.programs.ProgramMissing`."""
    return Tools(programs.need("pg_dump"), programs.need("pg_restore"))


@contextmanager
def databases_alone(home: Home, progress: Progress) -> Iterator[None]:
    """PostgreSQL and InfluxDB of a home whose stack is stopped; they end with the block.

    Raises :class:`glue.stack.home.HomeUnusable` when a supervisor runs,
    :class:`glue.stack.process.StartFailed`.
    """
    started: list[tuple[Part, subprocess.Popen[bytes]]] = []
    with homes.hold_lock(home) as taken:
        if not taken:
            raise homes.HomeUnusable(f"a stack runs in {home.path}; `tonypi down` stops it")
        leftovers.end(home)
        site = home.site()
        try:
            for part in (postgres.part(site), influxdb.part(site)):
                log = home.log(part.name)
                with progress.step(part.name):
                    child = process.start(part, log)
                    pidfiles.remember(home.pidfile(part.name), child.pid)
                    started.append((part, child))
                    process.await_ready(part, child, log)
            yield
        finally:
            for part, child in reversed(started):
                process.stop(child, part.stop_signal, part.stop_within)
                home.pidfile(part.name).unlink(missing_ok=True)


def adopt(home: Home, values: Mapping[str, str]) -> None:
    """Make ``values`` the home's environment and bring accounts, tables and bucket to it.

    When that fails the environment before is put back. Raises what the systems raise.
    """
    before = secrets.read(home.path)
    secrets.write(home.path, values)
    try:
        accounts.prepare(home, home.site())
    except BaseException:
        secrets.write(home.path, before)
        raise

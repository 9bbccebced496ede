"""The two databases alone, with nobody writing: for a restore, or a backup of a stopped stack.

Broker, Telegraf, Grafana and the glue stay down. The supervisor's lock is held meanwhile, so that
`tonypi up` waits for us and not the other way round.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from glue.settings import Settings, addresses
from glue.stack import accounts, leftovers, pidfiles, process, secrets
from glue.stack import home as homes
from glue.stack.home import Home
from glue.stack.part import Part
from glue.stack.parts import influxdb, postgres
from glue.stack.programs import POSTGRES_CLIENT, ProgramMissing, Programs, postgres_major
from glue.stack.progress import Progress
from glue.store.dump import Tools


def is_native(settings: Settings) -> bool:
    """Whether the systems are those of a home folder; else they run elsewhere (Docker)."""
    return settings.postgres.host in addresses.LOOPBACK


def is_made(home: Home) -> bool:
    """Whether a stack was ever started in this home."""
    return (home.path / secrets.FILE).is_file()


def dump_tools(programs: Programs, major: int) -> Tools:
    """pg_dump and pg_restore of PostgreSQL ``major``, which is the server's. Raises
    :class:`glue.stack.programs.ProgramMissing`."""
    dump, restore = (replace(programs, postgres=major).find(name) for name in POSTGRES_CLIENT)
    if dump and restore:
        return Tools(dump, restore)
    other = programs.find("pg_dump")
    here = f"version {postgres_major(other)} is" if other else "none are"
    raise ProgramMissing(
        f"the server is PostgreSQL {major}, which only pg_dump and pg_restore of that version save "
        f"and restore; {here} on this machine. Install them (Debian's package "
        f"postgresql-client-{major}; apt.postgresql.org has every version), or put them on PATH; "
        "with Docker, `docker compose up --detach` brings those of POSTGRES_IMAGE"
    )


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

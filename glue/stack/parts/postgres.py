"""PostgreSQL: a cluster of our own under the home folder; a cluster of the machine is not touched.

TCP on loopback with a password and no Unix socket, so that ``PGHOST``/``PGPORT`` is the one way in.
It refuses to run as root, hence the user ``postgres``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from glue.stack import probe
from glue.stack.part import SLOWEST_STOP, Part, Site
from glue.stack.process import identity, write_file

DEFAULTS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class ClusterFailed(Exception):
    """``initdb`` failed; the text carries what it said."""


def part(site: Site, options: dict[str, str] | None = None) -> Part:
    """The database server. ``options`` override server settings (tests switch fsync off)."""
    postgres = site.settings.postgres
    data = site.data("postgres")
    cluster = data / "cluster"
    server = site.programs.need("postgres")
    chosen = {**DEFAULTS, "port": str(postgres.port), **(options or {})}
    flags = [flag for key, value in chosen.items() for flag in ("-c", f"{key}={value}")]
    user = "postgres" if os.geteuid() == 0 else None
    ready_program = site.programs.find("pg_isready")

    def ready() -> bool:
        if ready_program is None:
            return probe.accepts("127.0.0.1", postgres.port)
        asked = [str(ready_program), "-q", "-h", "127.0.0.1", "-p", str(postgres.port), "-t", "1"]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0

    return Part(
        name="postgres",
        command=(str(server), "-D", str(cluster), *flags),
        cwd=data,
        user=user,
        folders=(data,),
        prepare=lambda: _create(site, cluster, user),
        ready=ready,
        port=postgres.port,
        ready_within=120,
        # Fast shutdown: connections are cut, data is written. SIGTERM would wait for clients.
        stop_signal=signal.SIGINT,
        stop_within=SLOWEST_STOP,
        url=f"postgresql://127.0.0.1:{postgres.port}/{postgres.database}",
    )


def written(home: Path) -> int | None:
    """Major version of the PostgreSQL that made this home's cluster; None before the first start,
    or where we may not look."""
    try:
        return int((home / "data" / "postgres" / "cluster" / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return None


def _create(site: Site, cluster: Path, user: str | None) -> None:
    """Run ``initdb`` once. A half-made cluster (power cut) is started afresh."""
    if (cluster / "PG_VERSION").exists():
        return
    half_made = cluster.with_name("cluster.new")
    shutil.rmtree(half_made, ignore_errors=True)
    password = half_made.with_name("initdb.password")
    postgres = site.settings.postgres
    who = identity(user)
    write_file(password, postgres.admin_password.get_secret_value() + "\n", who)
    command = [
        str(site.programs.need("initdb")),
        *("-D", str(half_made), "-U", postgres.admin_user, "-E", "UTF8", "--locale=C.UTF-8"),
        *("--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=cluster.parent,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            preexec_fn=who.assume if who else None,
        )
    finally:
        password.unlink()
    if done.returncode:
        raise ClusterFailed(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    half_made.rename(cluster)

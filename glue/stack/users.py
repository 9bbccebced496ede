"""System users for the programs that root starts: each sees its own data and no other's.

PostgreSQL and Mosquitto have theirs from their packages; the others get one here, with the name
that their packages use. Where a user could not reach what the program reads, it stays root, and
that is said.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OURS = ("grafana", "influxdb", "telegraf")
PRIVILEGED_PORTS = 1024


class UserMissing(Exception):
    """A system user can neither be found nor made; the text says what to do."""


@dataclass(frozen=True)
class Choice:
    """``name`` of the user to run as, or None with the reason why it stays root (empty: it is not
    root that starts it)."""

    name: str | None = None
    obstacle: str = ""


def choose(name: str, reads: Sequence[Path], port: int = 0) -> Choice:
    """The user ``name`` for a program that reads ``reads`` and listens on ``port``."""
    if os.geteuid() != 0:
        return Choice()
    if 0 < port < PRIVILEGED_PORTS:
        return Choice(None, f"only root may listen on port {port}")
    closed = next((found for path in reads if (found := _closed(path))), None)
    if closed:
        return Choice(None, f"{closed} is closed to other users, and it reads files there")
    return Choice(name)


def made(name: str) -> pwd.struct_passwd:
    """The system user ``name``; one of :data:`OURS` is made where it is missing. Raises
    :class:`UserMissing`."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if name not in OURS or useradd is None:
        raise UserMissing(f"the system user {name!r} does not exist; install its package")
    options = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
    done = subprocess.run([useradd, *options, name], capture_output=True, text=True, check=False)
    try:
        # Somebody else may have been quicker.
        return pwd.getpwnam(name)
    except KeyError:
        why = done.stderr.strip() or f"useradd ended with {done.returncode}"
        raise UserMissing(f"the system user {name!r} cannot be made: {why}") from None


def _closed(path: Path) -> Path | None:
    """What keeps other users from reading ``path``: it, or the first folder on the way."""
    real = path.resolve()
    for folder in reversed(real.parents):
        if not folder.stat().st_mode & 0o001:
            return folder
    needed = 0o005 if real.is_dir() else 0o004
    return None if real.stat().st_mode & needed == needed else real

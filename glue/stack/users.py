"""System users for the programs that root starts: each sees its own data and no other's.

PostgreSQL and Mosquitto have theirs from their packages; the others get one here, with the name
that their packages use. What a program reads below a folder that is closed to its user is shown to
it (:mod:`glue.stack.mounts`). Where it could not reach its files all the same, it stays root, and
that is said.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from glue.stack import mounts

GLUE = "tonypi-glue"
SIMULATOR = "tonypi-simulator"
OURS = ("grafana", "influxdb", "telegraf", GLUE, SIMULATOR)
PRIVILEGED_PORTS = 1024


class UserMissing(Exception):
    """A system user can neither be found nor made; the text says what to do."""


@dataclass(frozen=True)
class Choice:
    """``name`` of the user to run as, or None with the reason why it stays root (empty: it is not
    root that starts it). ``shown``: folders for :func:`glue.stack.mounts.enter`."""

    name: str | None = None
    obstacle: str = ""
    shown: tuple[Path, ...] = ()


def choose(name: str, reads: Iterable[Path], port: int = 0, folders: Iterable[Path] = ()) -> Choice:
    """The user ``name`` for a program that reads ``reads`` and listens on ``port``. ``folders`` may
    be below a closed one, and then are shown to it."""
    if os.geteuid() != 0:
        return Choice()
    if 0 < port < PRIVILEGED_PORTS:
        return Choice(None, f"only root may listen on port {port}")
    shown = mounts.hidden(folders)
    if shown and not mounts.possible():
        shown = ()
    closed = next((found for path in reads if (found := _closed(path, shown))), None)
    if closed:
        return Choice(
            None, f"{closed} is closed to other users, and it reads files there (docs/security.md)"
        )
    return Choice(name, shown=shown)


def below(*folders: Path) -> Iterator[Path]:
    """``folders`` and all that is in them. What Python wrote there is not needed."""
    for folder in folders:
        yield folder
        for place, inner, files in os.walk(folder):
            inner[:] = [name for name in inner if name != "__pycache__"]
            yield from (Path(place, name) for name in (*inner, *files))


def ours() -> str:
    """Name of the user that we are."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def may_write(name: str, folder: Path) -> bool:
    """Whether the user ``name`` may make files in ``folder``; False where either is missing."""
    try:
        user, there = pwd.getpwnam(name), folder.stat()
    except (KeyError, OSError):
        return False
    shift = 6 if there.st_uid == user.pw_uid else 3 if there.st_gid == user.pw_gid else 0
    return there.st_mode >> shift & 0o3 == 0o3 and mounts.closed_above(folder.resolve()) is None


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


def _closed(path: Path, shown: tuple[Path, ...]) -> Path | None:
    """What keeps other users from reading ``path``: it, or the first folder on the way. Folders
    above what is ``shown`` do not count."""
    real = path.resolve()
    top = next((folder for folder in shown if real.is_relative_to(folder)), None)
    for folder in reversed(real.parents):
        counts = top is None or folder.is_relative_to(top)
        if counts and not folder.stat().st_mode & 0o001:
            return folder
    needed = 0o005 if real.is_dir() else 0o004
    return None if real.stat().st_mode & needed == needed else real

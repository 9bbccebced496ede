"""Who listens on this machine's TCP ports: Linux's tables, and the sockets' programs.

A socket's owner is known to root and to the owner; of others' the table gives the user alone.
"""

from __future__ import annotations

import os
import pwd
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

LISTENS = "0A"
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def taken(own: Collection[int] = (), proc: Path = Path("/proc")) -> dict[int, str]:
    """Each port that somebody listens on, whatever the address, with words for who it is.

    Ports of the processes ``own`` count as free. Empty where there is no ``/proc``.
    """
    sockets = _sockets()
    owners = _owners({inode for held in sockets.values() for inode, _ in held}, proc)
    found: dict[int, str] = {}
    for port, held in sockets.items():
        pids = {pid for inode, _ in held for pid in owners[inode]}
        if not pids & set(own):
            found[port] = _told(min(pids), proc) if pids else _of_user(held[0][1])
    return found


def listens(session: int, port: int, proc: Path = Path("/proc")) -> bool:
    """Whether a process of ``session`` (a program that we started, and what it started) listens on
    ``port``. True where the kernel does not tell: without ``/proc``, and of a listening socket
    whose process we may not see (of another user; or as root without CAP_SYS_PTRACE, as in a
    container)."""
    if not (proc / "net" / "tcp").exists():
        return True
    inodes = {inode for inode, _ in _sockets().get(port, [])}
    owners = _owners(inodes, proc)
    sessions = {_session_of(pid) for pids in owners.values() for pid in pids}
    return session in sessions or bool(inodes - owners.keys())


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _sockets() -> dict[int, list[tuple[str, int]]]:
    """Port → (inode, user) of each socket that listens there."""
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for table in TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == LISTENS:
                found[int(fields[1].rpartition(":")[2], 16)].append((fields[9], int(fields[7])))
    return found


def _owners(inodes: set[str], proc: Path) -> dict[str, set[int]]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, set[int]] = defaultdict(set)
    for folder in proc.glob("[0-9]*"):
        try:
            for descriptor in os.scandir(folder / "fd"):
                if inode := wanted.get(os.readlink(descriptor.path)):
                    found[inode].add(int(folder.name))
        except OSError:
            continue
    return found


def _told(pid: int, proc: Path) -> str:
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (OSError, UnicodeDecodeError):
        words = ""
    return f"process {pid}, {words[:60]}{'…' if len(words) > 60 else ''}" if words else f"{pid}"


def _of_user(uid: int) -> str:
    try:
        return f"a program of the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"a program of the user {uid}"

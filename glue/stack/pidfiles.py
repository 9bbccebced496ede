"""A file that names a process, and knows it from another one that got its number later."""

from __future__ import annotations

from pathlib import Path


def began(pid: int) -> str | None:
    """When the process began, in the kernel's ticks since boot; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name in parentheses that may hold anything.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def remember(pidfile: Path, pid: int) -> None:
    """Write a pidfile."""
    pidfile.write_text(f"{pid} {began(pid)}\n")


def recall(pidfile: Path) -> int | None:
    """The process that the pidfile names, if it is still the same one."""
    try:
        pid, _, since = pidfile.read_text().strip().partition(" ")
        return int(pid) if since and began(int(pid)) == since else None
    except (FileNotFoundError, ValueError):
        return None

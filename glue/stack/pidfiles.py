"""A file that names a process, and knows it from another one that got its number later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one of the same number by when it began."""

    pid: int
    since: str

    @property
    def lives(self) -> bool:
        return began(self.pid) == self.since


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
    """The pid of :func:`running`."""
    process = running(pidfile)
    return process.pid if process else None


def running(pidfile: Path) -> Process | None:
    """The process that the pidfile names, if it is still the same one."""
    try:
        pid, _, since = pidfile.read_text().strip().partition(" ")
        found = Process(int(pid), since)
    except (FileNotFoundError, ValueError):
        return None
    return found if since and found.lives else None

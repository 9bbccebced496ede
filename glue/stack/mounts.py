"""Folders below a closed one (a checkout in ``/root``), shown to a program of another user.

Root starts it in a mount namespace of its own, in which the closed folder is empty but for what the
program reads, which it cannot write: see mount_namespaces(7). systemd does the same with
``ProtectHome=tmpfs`` and ``BindReadOnlyPaths=``. The folder itself keeps its mode and its secrets.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

NEW_NAMESPACE = 0x20000
READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, SLAVE = (
    *(0x1, 0x2, 0x4, 0x20, 0x1000, 0x4000),
    0x80000,
)
"""CLONE_NEWNS and MS_… of the kernel's headers."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def closed_above(path: Path) -> Path | None:
    """The first folder on the way to ``path`` that others than its owner and group may not pass."""
    return next((f for f in reversed(path.parents) if not f.stat().st_mode & 0o001), None)


def hidden(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Those of ``folders`` that are below a closed one, links followed; none inside another."""
    every = {path for folder in folders for path in (folder.absolute(), folder.resolve())}
    found = sorted(path for path in every if path.is_dir() and closed_above(path))
    return tuple(p for p in found if not any(other in p.parents for other in found))


@cache
def possible() -> bool:
    """Whether we may make such a namespace: not every container lets its root."""
    child = os.fork()
    if child == 0:
        try:
            _own_namespace()
            _mount("tmpfs", Path("/"), "tmpfs", NO_SETUID | NO_DEVICES)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def enter(shown: Sequence[Path]) -> None:
    """Leave the machine's view for one in which others see ``shown`` (of :func:`hidden`) of closed
    folders, and nothing else there. Needs root; only in a process that runs one program. Raises
    ``OSError``."""
    _own_namespace()
    kept = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in shown]
    covers = {closed for path in shown if (closed := closed_above(path))}
    umask = os.umask(0o022)
    for closed in covers:
        _mount("tmpfs", closed, "tmpfs", NO_SETUID | NO_DEVICES, "mode=0755")
    for path, descriptor in kept:
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", path, None, BIND | RECURSIVE)
        _mount(None, path, None, BIND | REMOUNT | READ_ONLY | NO_SETUID | NO_DEVICES)
        os.close(descriptor)
    for closed in covers:
        _mount(None, closed, None, BIND | REMOUNT | READ_ONLY | NO_SETUID | NO_DEVICES)
    os.umask(umask)


def _own_namespace() -> None:
    _check(_LIBC.unshare(NEW_NAMESPACE), "unshare")
    # What the machine mounts and unmounts later is seen here too, and not the other way round.
    _mount(None, Path("/"), None, RECURSIVE | SLAVE)


def _mount(
    source: str | None, target: Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    coded = (text.encode() if text else None for text in (source, str(target), kind))
    _check(
        _LIBC.mount(*coded, ctypes.c_ulong(flags), options.encode() if options else None),
        f"mount {target}",
    )


def _check(answer: int, what: str) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

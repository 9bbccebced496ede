"""Programs that outlived their supervisor: known by pidfile, ended before anything else starts.

Linux asks them to end with it (see ``process``). One that hangs does not listen, so a second
process, forked by the supervisor at its start, waits for the supervisor's death and kills what is
still there after :data:`PATIENCE`. Where that one was killed too, the next ``up`` or ``down`` does
it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

from glue.stack import home as homes
from glue.stack import pidfiles, process
from glue.stack.home import Home
from glue.stack.part import SLOWEST_STOP

PATIENCE = SLOWEST_STOP
"""Seconds for an orderly end: PostgreSQL may have much to write."""
LOCK_PATIENCE = 5.0
"""Seconds within which a dead supervisor's lock is free."""
KILLED_WITHIN = 10.0
"""Seconds after SIGKILL: who waits for a disk goes later."""
DONE = b"."


def end(home: Home, names: Iterable[str] | None = None) -> list[str]:
    """End what still runs by the pidfiles; returns the names of those that did."""
    everything = [path.stem for path in sorted((home.path / "run").glob("*.pid"))]
    return _end(home, _alive(home, everything if names is None else names))


def others(home: Home) -> list[str]:
    """Names of all pidfiles but the supervisor's own."""
    found = sorted((home.path / "run").glob("*.pid"))
    return [path.stem for path in found if path.stem != "supervisor"]


def watch(home: Home) -> int:
    """Fork the process that ends what outlives us; call it with the lock held and no threads.

    Returns a descriptor: :func:`dismiss` it after an orderly end. However we die, the kernel closes
    it, which wakes the watching process.
    """
    read, write = os.pipe()
    if os.fork():
        os.close(read)
        return write
    try:
        os.setsid()
        # Also the lock's and the pipe's other end: both must go with the supervisor.
        os.closerange(3, read)
        os.closerange(read + 1, os.sysconf("SC_OPEN_MAX"))
        if os.read(read, 1) != DONE:
            _end_orphans(home)
    finally:
        os._exit(0)


def dismiss(watching: int) -> None:
    """All parts ended in order: the watching process ends without a look."""
    os.write(watching, DONE)
    os.close(watching)


def _end_orphans(home: Home) -> None:
    # The kernel closes a dead process's files one by one: its lock may come after its pipe.
    deadline = time.monotonic() + LOCK_PATIENCE
    while time.monotonic() < deadline:
        with homes.hold_lock(home) as free:
            if free:
                found = _alive(home, others(home))
                break
        time.sleep(0.05)
    else:
        # The next supervisor is here already, and ends them itself.
        return
    _end(home, found)


def _alive(home: Home, names: Iterable[str]) -> dict[str, pidfiles.Process]:
    found: dict[str, pidfiles.Process] = {}
    for name in names:
        running = pidfiles.running(home.pidfile(name))
        if running is None:
            home.pidfile(name).unlink(missing_ok=True)
        else:
            found[name] = running
    return found


def _end(home: Home, found: dict[str, pidfiles.Process]) -> list[str]:
    for name, running in found.items():
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for name, running in found.items():
        if not _ended(running, deadline):
            process.kill_group(running.pid)
            _ended(running, time.monotonic() + KILLED_WITHIN)
        # By now the name may belong to a part that was started anew.
        if pidfiles.running(home.pidfile(name)) is None:
            home.pidfile(name).unlink(missing_ok=True)
    return list(found)


def _ended(running: pidfiles.Process, deadline: float) -> bool:
    while running.lives:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

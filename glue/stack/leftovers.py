"""Programs that outlived their supervisor: known by pidfile, ended before anything else starts.

Normally there are none, for Linux ends them with it; but a wish made too late, or a program that
does not listen, must not keep a port or a data folder.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

from glue.stack import pidfiles, process
from glue.stack.home import Home

PATIENCE = 30.0
"""Seconds for an orderly end: PostgreSQL may have much to write."""


def end(home: Home, names: Iterable[str] | None = None) -> list[str]:
    """End what still runs by the pidfiles; returns the names of those that did."""
    found: dict[str, int] = {}
    everything = [path.stem for path in sorted((home.path / "run").glob("*.pid"))]
    chosen = everything if names is None else names
    for name in chosen:
        pid = pidfiles.recall(home.pidfile(name))
        if pid is None:
            home.pidfile(name).unlink(missing_ok=True)
        else:
            found[name] = pid
    for name, pid in found.items():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for name, pid in found.items():
        while pidfiles.recall(home.pidfile(name)) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        if pidfiles.recall(home.pidfile(name)) is not None:
            process.kill_group(pid)
        home.pidfile(name).unlink(missing_ok=True)
    return list(found)

"""Starting and stopping a stack from outside: what ``tonypi up`` and ``tonypi down`` do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from glue.settings import PROJECT
from glue.stack import home as homes
from glue.stack import leftovers, pidfiles, process
from glue.stack.home import Home
from glue.stack.install import install
from glue.stack.part import Site
from glue.stack.progress import Progress

START_WITHIN = 600.0
"""Seconds for everything to serve: a first start on a Raspberry Pi with an SD card."""
STOP_WITHIN = 240.0
TRIES = 3
"""After so many failed starts in a row we stop waiting and say what is wrong."""


class UpFailed(Exception):
    """The stack does not serve; the text says which part, why, and where to read on."""


def install_missing(site: Site, progress: Progress) -> None:
    """Get the programs. Raises :class:`glue.stack.install.InstallFailed`."""
    install(site.programs, progress)


def start(home: Home, environ: Mapping[str, str]) -> None:
    """Start the supervisor, detached from this terminal and session."""
    log = home.log("supervisor")
    process.turn(log)
    # Of a supervisor that was killed; whoever waits would believe it.
    home.state.unlink(missing_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "glue.stack.supervisor"],
            cwd=PROJECT,
            env={**environ, "TONYPI_HOME": str(home.path)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while pidfiles.recall(home.pidfile("supervisor")) != child.pid:
        if child.poll() is not None or time.monotonic() > deadline:
            raise UpFailed(f"the supervisor did not start; its last words ({log}):\n{_said(home)}")
        time.sleep(0.05)
    # Otherwise Python complains at exit that it still runs, which is the idea.
    child.returncode = 0


def await_serving(home: Home, expected: list[str], progress: Progress) -> None:
    """Wait until every part serves. Raises :class:`UpFailed`."""
    deadline = time.monotonic() + START_WITHIN
    for name in expected:
        if _serves(home, name):
            continue
        with progress.step(name) as step:
            while not _serves(home, name):
                _give_up(home, name, deadline)
                step.tick()
                time.sleep(0.1)


def _serves(home: Home, name: str) -> bool:
    part = home.read_state().get("parts", {}).get(name, {})
    return part.get("state") in ("ready", "unresponsive")


def _give_up(home: Home, name: str, deadline: float) -> None:
    state = home.read_state()
    if not homes.is_running(home):
        raise UpFailed(f"the supervisor ended; its last words:\n{_said(home)}")
    trouble = state.get("supervisor", {}).get("trouble", "")
    if trouble and time.monotonic() > deadline - START_WITHIN + 60:
        raise UpFailed(f"accounts and tables cannot be made: {trouble}")
    for other, part in state.get("parts", {}).items():
        if part["state"] == "backing off" and part["restarts"] >= TRIES - 1:
            log = home.log(other)
            words = f"\nits last words ({log}):\n{process.tail(log)}" if log.exists() else ""
            raise UpFailed(
                f"{other} does not start: {part['reason']}{words}\n"
                "it is tried again and again; `tonypi down` stops everything"
            )
    if time.monotonic() > deadline:
        raise UpFailed(f"{name} did not serve within {START_WITHIN:.0f} s; see `tonypi logs`")


def stop(home: Home, progress: Progress) -> bool:
    """Stop the supervisor and whatever outlived one; False when nothing ran."""
    ran = homes.is_running(home)
    pid = pidfiles.recall(home.pidfile("supervisor"))
    if ran and pid is not None:
        with progress.step("stopping") as step:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            _await_end(home, pid, step.tick)
    return bool(leftovers.end(home)) or ran


def _await_end(home: Home, pid: int, tick: Any) -> None:
    deadline = time.monotonic() + STOP_WITHIN
    since = pidfiles.began(pid)
    # Its lock is free a moment before it has gone.
    while homes.is_running(home) or (since is not None and pidfiles.began(pid) == since):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
        parts = home.read_state().get("parts", {})
        tick(" ".join(n for n, p in parts.items() if p["state"] != "stopped"))
        time.sleep(0.1)


def _said(home: Home) -> str:
    return process.tail(home.log("supervisor"))

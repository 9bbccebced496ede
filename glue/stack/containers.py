"""What the containers find when they start: written once, by one-shot containers of our own image.

The broker's configuration comes from the code that writes the native run's, the accounts, tables
and the bucket from the code that makes the native run's. InfluxDB 2.x chooses its tokens itself
and tells them once, so they cannot stand in ``.env``: each goes into a file of the one container
that uses it, beside what else that one reads from its environment.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from glue.environment import exported, mentioned
from glue.settings import PROJECT, Broker, Settings
from glue.stack import accounts, lan, secrets
from glue.stack.parts import grafana, mosquitto

MOSQUITTO = 1883
"""User id of Mosquitto in its image (eclipse-mosquitto, docker/2.0-openssl/Dockerfile)."""
GRAFANA = 472
"""User id of Grafana in its image (grafana/grafana, Dockerfile, GF_UID)."""
TELEGRAF = 0
"""Telegraf's entrypoint starts as root and then drops to its own user."""

REQUIRED = (*secrets.GENERATED, "INFLUXDB_TOKEN")
"""What ``.env`` must hold: secrets that are ours to choose."""

ENVIRONMENT = "environment"
OF_THE_IMAGE = ("GF_PATHS_", "GF_SERVER_HTTP_", "GRAFANA_DASHBOARDS_DIR")
"""What differs between a machine and a container, and stands in docker-compose.yml."""


class Incomplete(Exception):
    """``.env`` lacks a secret; the text says which, and what to do."""


class Exposed(Exception):
    """What is asked for would let anybody in; the text says what to do."""


def prepare_broker(settings: Settings, folder: Path, seen_from: str, mounted: str) -> None:
    """Write ``mosquitto.conf``, logins and access rules, as those of the native run beyond
    loopback; without a password for robots who gives no name may do everything.

    ``seen_from`` is the address of the machine on which the port is published, ``mounted`` where
    the broker's container sees ``folder``. Raises :class:`Exposed` where a password is wished for,
    or others reach the port, and there is none, and :class:`glue.stack.lan.NameTaken` for a name
    that is of one of our programs.
    """
    broker = settings.broker
    lan.check_names(broker.username, broker.robots_username, "MQTT_USERNAME")
    anonymous = not broker.robots_password.get_secret_value()
    if anonymous and (wish := _wish_for_a_password(broker, seen_from)):
        raise Exposed(
            f"{wish}, and the broker would let in everybody, for there is no password: set "
            "MQTT_PASSWORD in .env, and with MQTT_USERNAME in the robots"
        )
    files = (f"{mounted}/passwords", f"{mounted}/acl")
    text = mosquitto.configuration(
        broker, 1883, "/mosquitto/data", "mosquitto", ["0.0.0.0"], *files, anonymous
    )
    write(folder / "passwords", mosquitto.passwords(broker), MOSQUITTO)
    rules = mosquitto.access(broker, mosquitto.model(PROJECT), anonymous)
    write(folder / "acl", rules, MOSQUITTO)
    write(folder / "mosquitto.conf", text, MOSQUITTO)


def prepare_accounts(settings: Settings, for_telegraf: Path, for_grafana: Path) -> None:
    """Make roles, databases, tables, bucket and tokens; write Telegraf's and Grafana's environment.

    Harmless the second time. Raises :class:`Incomplete` before anything is done, and what the
    systems raise.
    """
    given = exported(settings)
    if lacking := [name for name in REQUIRED if not given.get(name)]:
        raise Incomplete(
            f"{', '.join(lacking)}: missing in .env; `make up` adds what is missing, or "
            "`.venv/bin/tonypi init env` without starting anything"
        )
    known = {**read(for_telegraf / ENVIRONMENT), **read(for_grafana / ENVIRONMENT)}
    # A token for the limits would have to reach the glue, whose environment is .env alone.
    made = accounts.prepare_systems(_with_tokens(settings, known), chosen=False)
    in_force = {
        "INFLUXDB_TELEGRAF_TOKEN": made.telegraf,
        "INFLUXDB_GRAFANA_TOKEN": made.grafana,
    }
    settings = _with_tokens(settings, in_force, made.kept_days)
    write(for_telegraf / ENVIRONMENT, _script(telegraf_environment(settings)), TELEGRAF)
    write(for_grafana / ENVIRONMENT, _script(grafana_environment(settings)), GRAFANA)


def telegraf_environment(settings: Settings, checkout: Path = PROJECT) -> dict[str, str]:
    """What ``telegraf.conf`` reads, and no other secret. Its login at the broker is its own."""
    password = settings.broker.telegraf_password.get_secret_value()
    login = {"MQTT_USERNAME": lan.TELEGRAF, "MQTT_PASSWORD": password} if password else {}
    return {**mentioned(settings, [checkout / "telegraf" / "telegraf.conf"]), **login}


def grafana_environment(settings: Settings, checkout: Path = PROJECT) -> dict[str, str]:
    """What the provisioning files read and what Grafana itself is told in the native run."""
    own = grafana.environment(settings, checkout, Path("/var/lib/grafana"))
    files = sorted((checkout / "provisioning").rglob("*.yml"))
    kept = {name: value for name, value in own.items() if not name.startswith(OF_THE_IMAGE)}
    return {**mentioned(settings, files), **kept}


def _with_tokens(
    settings: Settings, tokens: Mapping[str, str], kept_days: float | None = None
) -> Settings:
    fields = {
        "telegraf_token": tokens.get("INFLUXDB_TELEGRAF_TOKEN"),
        "grafana_token": tokens.get("INFLUXDB_GRAFANA_TOKEN"),
    }
    known: dict[str, Any] = {n: SecretStr(token) for n, token in fields.items() if token}
    if kept_days:
        known["kept"] = kept_days
    return settings.model_copy(update={"influx": settings.influx.model_copy(update=known)})


def _wish_for_a_password(broker: Broker, seen_from: str) -> str:
    """What says that not everybody may come in; empty where nothing does."""
    if not _is_loopback(seen_from):
        return f"TONYPI_BIND={seen_from} opens the broker to the network"
    if "robots_username" in broker.model_fields_set:
        return f"MQTT_USERNAME={broker.robots_username} names who may come in"
    return "MQTT_REQUIRE_PASSWORD asks for a password" if broker.always_asks else ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def _script(values: Mapping[str, str]) -> str:
    """Lines that a shell reads with ``set -a; . file``."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))


def read(path: Path) -> dict[str, str]:
    """What :func:`prepare_accounts` wrote; empty before the first time."""
    try:
        lines = shlex.split(path.read_text())
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def write(path: Path, text: str, owner: int) -> None:
    """Replace ``path`` whole, readable by ``owner`` alone (by us, when we may not give it away)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, owner, -1)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)

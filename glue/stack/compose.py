"""The stack in Docker Compose: where an engine runs, ``tonypi up`` leaves the programs to it.

Compose supervises; what is ours is ``.env`` (made once, with secrets and free ports) and the
choice. A home that already has a native run's data stays with it, for its series and alerts would
seem lost in a new volume.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from glue.settings import PROJECT, SettingsError, addresses, envfile, kept
from glue.stack import containers, facts, probe, secrets
from glue.stack import home as homes
from glue.stack.home import Home

ENV = ".env"
HEAD = """\
# Secrets and ports of the stack in containers, made by `make up`, readable by you alone. Keep it
# with the volumes: they know these passwords. Any setting of docs/configuration.md may be added.
"""
SERVES_WITHIN = 900
"""Seconds for everything to be healthy, once images are there."""
PATIENCE = 15
"""Seconds for the engine to say that it runs."""

ONLY_HERE = {
    "TONYPI_BIND": "Address of this machine that the three ports are published on.",
    "MQTT_GLUE_PASSWORD": "Of the glue at the broker; generated.",
    "GRAFANA_PORT": "Port of this machine that leads to Grafana.",
    "TONYPI_IMAGE": "Name of the image that is built from this checkout.",
    "PYTHON_IMAGE": "Another Python of Debian 12, that image's base.",
    "GRAFANA_IMAGE": "Another Grafana, 11 or newer.",
    "INFLUXDB_IMAGE": "Another InfluxDB 2.",
    "MOSQUITTO_IMAGE": "Another Mosquitto 2.0.",
    "POSTGRES_IMAGE": "Another PostgreSQL; only the major version that wrote data reads them.",
    "TELEGRAF_IMAGE": "Another Telegraf.",
    "INFLUXDB_MEMORY": "What InfluxDB tries to stay below (GOMEMLIMIT).",
    "TELEGRAF_MEMORY": "What Telegraf tries to stay below.",
    "GRAFANA_MEMORY": "What Grafana tries to stay below.",
}
"""Variables of docker-compose.yml that are no settings of ours."""
FIXED = {
    *("MQTT_BROKER_HOST", "PGHOST", "PGPORT", "INFLUXDB_URL", "GRAFANA_URL", "GLUE_HOST"),
    *("GLUE_WEBHOOK_URL", "GLUE_INTERNAL_URL", "GRAFANA_HOME", "INFLUXDB_VERSION"),
}
"""Settings that docker-compose.yml decides: addresses between containers."""
BROKER_LOGINS = ("MQTT_GLUE_PASSWORD", "MQTT_TELEGRAF_PASSWORD", "MQTT_SIMULATOR_PASSWORD")
"""Of our own programs at the broker; the robots' is a person's choice (MQTT_USERNAME)."""
PORTS = {
    "MQTT_BROKER_PORT": ("Mosquitto", 1883),
    "GRAFANA_PORT": ("Grafana", 3000),
    "GLUE_PORT": ("the glue", 8000),
}


class ComposeFailed(Exception):
    """Compose could not do what was asked; the text says what, and where to read on."""


def why_not(environ: Mapping[str, str], home: Home) -> str:
    """Why the native run is the one; empty when Compose is."""
    if environ.get("NATIVE") not in (None, "", "0"):
        return "NATIVE is set"
    if homes.is_running(home):
        return "a native run is up"
    if (home.path / "data").is_dir():
        return f"{home.path} has the data of a native run"
    if not shutil.which("docker"):
        return "there is no docker"
    # The client alone says nothing; only an engine answers this.
    if not _succeeds("docker", "info"):
        return "no Docker engine answers"
    return "" if _succeeds("docker", "compose", "version") else "docker has no Compose plugin"


def is_up(checkout: Path = PROJECT) -> bool:
    """Whether containers of this stack exist, running or not."""
    if not (shutil.which("docker") and (checkout / ENV).exists()):
        return False
    return bool(answer(checkout, "ps", "--all", "--quiet"))


def read_env(checkout: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What ``.env`` says, as Compose reads it. Raises ``SettingsError``."""
    return envfile.read(checkout / ENV, environ).values


def write_env(checkout: Path, known: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """Complete ``.env``: what is there stays, what is missing is generated, and what ``environ`` is
    given is remembered, as in a native run.

    Secrets that a native run has already are taken from ``known``, so that both agree whichever
    file is read. Returns remarks on ports that were taken and on what is remembered. Raises
    ``SettingsError`` for what cannot be used, such as a system on another machine.
    """
    if named := facts.elsewhere(addresses.spelled_out(environ)):
        raise SettingsError(
            f"unusable setting: {', '.join(named)}: names another machine, and the containers use"
            " those of this stack; unset it, or run `tonypi serve` alone on systems elsewhere"
        )
    path = checkout / ENV
    text = path.read_text() if path.exists() else HEAD
    there = read_env(checkout, environ)
    made = {**secrets.generate(BROKER_LOGINS), **known}
    wanted = (*containers.REQUIRED, *BROKER_LOGINS, *secrets.CLIENT_IDS)
    new = {name: made[name] for name in wanted if not there.get(name)}
    # The database is the containers' own: a URL that a shell has for another would rename it.
    own = {name: value for name, value in environ.items() if name != addresses.DATABASE}
    here = {name: environ[name] for name in ONLY_HERE if environ.get(name)}
    given = {n: v for n, v in {**kept(own), **here}.items() if n not in FIXED and there.get(n) != v}
    new |= given
    remarks = [f"kept in {ENV}: {', '.join(sorted(given))}"] if given and there else []
    if not there:
        if (
            addresses.is_open(given.get("TONYPI_BIND", "127.0.0.1"))
            and "FLEET_REGISTRATION" not in given
        ):
            # Who reaches a broker that begins open is accepted by an admin, as natively.
            new["FLEET_REGISTRATION"] = "pending"
        for name, (program, usual) in PORTS.items():
            port = next(p for p in range(usual, 65536) if not probe.accepts("127.0.0.1", p, 0.3))
            if port != usual and name not in given:
                new[name] = str(port)
                remarks.append(f"port {usual} is taken; {program} gets {port} ({name})")
    if new:
        lines = "".join(f"{name}={envfile.quoted(value)}\n" for name, value in new.items())
        # A later line wins, as in Compose, over one that is there.
        containers.write(path, f"{text.rstrip()}\n{lines}", os.geteuid())
    return remarks


def up(robots: int, checkout: Path = PROJECT) -> None:
    """Build, start and wait until everything is healthy. Raises :class:`ComposeFailed`."""
    profile = ("--profile", "simulator") if robots else ()
    wait = ("--wait", "--wait-timeout", str(SERVES_WITHIN))
    environ = {"ROBOTS": str(robots)}
    if _run(checkout, *profile, "up", "--detach", "--build", *wait, environ=environ):
        # A first step that ended says why, and nothing that waits for it was started.
        waiting = unhealthy(checkout)
        for service in (name for name in waiting if name.startswith("init-")):
            _run(checkout, "logs", "--no-log-prefix", "--tail", "20", service)
        named = f": {', '.join(waiting)}" if waiting else ""
        raise ComposeFailed(
            f"not everything became healthy{named}; `docker compose logs NAME` says why"
        )


def down(purge: bool, checkout: Path = PROJECT) -> None:
    """Stop and remove the containers; with ``purge`` the volumes too. Raises
    :class:`ComposeFailed`."""
    volumes = ("--volumes",) if purge else ()
    # Without the profile a simulator would stay.
    if _run(checkout, "--profile", "simulator", "down", *volumes):
        raise ComposeFailed("Compose could not stop everything; it said why above")


def listed(checkout: Path = PROJECT) -> list[dict[str, Any]]:
    """What Compose says of each container."""
    text = answer(checkout, "ps", "--all", "--format", "json")
    # Older ones print an array, newer ones a line each.
    if text.startswith("["):
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def unhealthy(checkout: Path = PROJECT) -> list[str]:
    """Services that should run and do not, or do not serve."""
    columns = "{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}"
    told = answer(checkout, "ps", "--all", "--format", columns)
    found = []
    for service, state, *rest in (line.split() for line in told.splitlines() if " " in line):
        done = state == "exited" and rest[-1] == "0" and service.startswith("init-")
        serves = state == "running" and (len(rest) < 2 or rest[0] == "healthy")
        if not (done or serves):
            found.append(service)
    return sorted(found)


def published(values: Mapping[str, str]) -> dict[str, str]:
    """Where people and robots reach what is published, by what ``.env`` says."""
    host = values.get("TONYPI_BIND", "127.0.0.1")
    ports = {name: values.get(name, str(usual)) for name, (_, usual) in PORTS.items()}
    # As docker-compose.yml tells Grafana: a sign-in that begins at another name does not end well.
    public = values.get("GRAFANA_PUBLIC_URL", "")
    grafana = public if urlsplit(public).hostname else f"http://localhost:{ports['GRAFANA_PORT']}"
    return {
        "dashboards": grafana,
        "API": f"http://{host}:{ports['GLUE_PORT']}/docs",
        "robots": f"send MQTT to {host}:{ports['MQTT_BROKER_PORT']}",
    }


def show(*arguments: str, checkout: Path = PROJECT) -> int:
    """Run ``docker compose`` with ``arguments``, its output to ours; its exit code."""
    return _run(checkout, *arguments)


def _run(checkout: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> int:
    command = ["docker", "compose", *arguments]
    env = {**os.environ, **(environ or {})}
    return subprocess.run(command, cwd=checkout, env=env, check=False).returncode


def answer(checkout: Path, *arguments: str) -> str:
    """What ``docker compose`` with ``arguments`` printed; nothing when it failed."""
    command = ["docker", "compose", *arguments]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

"""A copy of the checkout that runs in containers, driven by ``tonypi`` and ``docker compose``."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from glue.settings import PROJECT, envfile
from glue.stack import probe
from tests.containers.engine import Engine

SYSTEMS = ("mosquitto", "postgres", "influxdb", "telegraf", "grafana", "glue")


@dataclass
class Stack:
    """A running or stopped stack. ``environ`` is the shell's, ``folder`` the copied checkout."""

    engine: Engine
    folder: Path
    environ: dict[str, str]

    @property
    def name(self) -> str:
        """Of the Compose project."""
        return self.environ["COMPOSE_PROJECT_NAME"]

    def tonypi(
        self, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """``tonypi`` of the copy, on this machine."""
        return self._run([sys.executable, "-m", "glue.cli", *arguments], environ, **options)

    def compose(
        self, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """``docker compose``."""
        return self._run(["docker", "compose", *arguments], environ, **options)

    def _run(
        self, command: list[str], environ: Mapping[str, str] | None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        env = {**self.environ, **(environ or {})}
        settings: dict[str, Any] = {"text": True, **options}
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, check=False, **settings
        )

    def up(self, **environ: str) -> str:
        """``tonypi up``; what it printed."""
        done = self.tonypi("up", environ=environ)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.story()}"
        return done.stdout

    def inside(self, *command: str, service: str = "glue") -> str:
        """What ``command`` prints in the container of ``service``."""
        done = self.compose("exec", "-T", service, *command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def env(self) -> dict[str, str]:
        """What ``.env`` says."""
        return envfile.read(self.folder / ".env", {}).values

    def set_env(self, **values: str) -> None:
        """Add lines to ``.env``, as a person does."""
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{n}={envfile.quoted(value)}\n" for n, value in values.items())

    def port(self, name: str) -> int:
        return int(self.env()[name])

    def url(self, name: str = "GLUE_PORT") -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def sql(self, query: str) -> str:
        """One query's answer, unaligned, from the stack's database."""
        env = self.env()
        database = env.get("PGDATABASE", "tonypi")
        asked = ["psql", "-U", env.get("POSTGRES_USER", "postgres"), "-d", database, "-Atc", query]
        command = ["env", f"PGPASSWORD={env['POSTGRES_PASSWORD']}", *asked]
        return self.inside(*command, service="postgres")

    @contextmanager
    def api(self, role: str = "admin") -> Iterator[httpx.Client]:
        """A client of the API that is signed in as ``role``."""
        login = {"username": role, "password": self.env()[f"GLUE_{role.upper()}_PASSWORD"]}
        with httpx.Client(base_url=self.url(), trust_env=False, timeout=60) as client:
            answer = client.post("/api/v1/auth/login", json=login)
            answer.raise_for_status()
            client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of the container of ``service``, also of one that ended."""
        name = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        assert name, f"{service} has no container"
        (found,) = json.loads(self.engine.run("inspect", name))
        return dict(found)

    def serves(self) -> bool:
        """Whether every container is healthy."""
        health = "{{.Service}} {{.Health}}"
        listed = self.compose("ps", "--format", health).stdout.split("\n")
        return {f"{name} healthy" for name in SYSTEMS} <= set(listed)

    def kill(self, *services: str) -> None:
        """End the containers' programs as a crash does, and wait until they run again. (``docker
        kill`` counts as a person's wish, after which an engine starts nothing again.)"""
        before = {name: self.container(name)["State"] for name in services}
        for state in before.values():
            os.kill(state["Pid"], signal.SIGKILL)

        def are_back() -> bool:
            now = {name: self.container(name)["State"] for name in services}
            return all(
                now[name]["Running"] and now[name]["StartedAt"] != before[name]["StartedAt"]
                for name in services
            )

        eventually(are_back, self.story, 120)

    def story(self) -> str:
        """For a failure's message: what runs, and the last lines of each."""
        shown = self.compose("ps", "--all").stdout
        return shown + self.compose("logs", "--no-color", "--tail", "15").stdout


def eventually(
    true: Callable[[], object], story: Callable[[], str] = str, within: float = 60.0
) -> None:
    """Wait until ``true()``; fail with ``story()`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {story()}"
        time.sleep(0.5)


def checkout(folder: Path) -> None:
    """Copy what git knows of the checkout, as it stands."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


@contextmanager
def laid(engine: Engine, images: Mapping[str, str], folder: Path) -> Iterator[Stack]:
    """A stack that was never started, of its own name and ports, with nothing of this shell's
    settings; in the end nothing of it is left."""
    place = folder / "checkout"
    checkout(place)
    ports = {n: str(probe.free_port()) for n in ("MQTT_BROKER_PORT", "GRAFANA_PORT", "GLUE_PORT")}
    shell = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")
    environ = {
        **{name: engine.environ[name] for name in shell if name in engine.environ},
        **images,
        **ports,
        "COMPOSE_PROJECT_NAME": f"tonypi-{secrets.token_hex(4)}",
        "TONYPI_IMAGE": "tonypi-test-glue",
        "TONYPI_HOME": str(folder / "home"),
        "ROBOTS": "0",
    }
    stack = Stack(engine, place, environ)
    try:
        yield stack
    finally:
        # Compose reads the file, which wants secrets, before it removes anything.
        (place / ".env").touch()
        lacking = dict.fromkeys(("POSTGRES_PASSWORD", "MQTT_GLUE_PASSWORD"), "x")
        stack.compose("--profile", "*", "down", "--volumes", "--timeout", "5", environ=lacking)

"""A Docker engine for the tests: the one that answers, else one of our own while they run."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glue.stack import process
from glue.stack.part import Part
from glue.stack.programs import tools_cache

COMPOSE = "v2.27.1"
"""Of the age of Debian 12's engine (20.10): 2.40.3 refuses a named volume there."""
BRIDGE = Path("/sys/class/net/docker0")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
OPEN_FIREWALL = """\
*nat
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
COMMIT
"""
"""For ``iptables-restore``, which leaves tables alone that are not named."""


class EngineMissing(Exception):
    """No engine can be had here; the text says why."""


@dataclass
class Engine:
    """What a client needs to reach an engine; ``part`` where it is our own."""

    environ: dict[str, str]
    part: Part | None = None
    daemon: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str, check: bool = True, **options: Any) -> str:
        """What ``docker`` printed when run with ``arguments``. Raises ``CalledProcessError``."""
        command = ["docker", *arguments]
        settings: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, **options}
        done = subprocess.run(
            command, env=self.environ, stdout=subprocess.PIPE, check=False, **settings
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stderr}")
        return str(done.stdout).strip()

    def succeeds(self, *arguments: str) -> bool:
        command = ["docker", *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, check=False)
        return done.returncode == 0

    def start(self) -> None:
        """Start our own engine, and wait until it answers. Raises :class:`EngineMissing`."""
        assert self.part and self.part.cwd, "only our own engine can be started"
        log = self.part.cwd / "dockerd.log"
        try:
            self.daemon = process.start(self.part, log)
            process.await_ready(self.part, self.daemon, log)
        except process.StartFailed as error:
            self.stop()
            raise EngineMissing(str(error)) from None

    def stop(self) -> None:
        """Stop our own engine, and with it its containers."""
        if self.daemon and self.part:
            process.stop(self.daemon, self.part.stop_signal, self.part.stop_within)
            self.daemon = None


@contextmanager
def running() -> Iterator[Engine]:
    """An engine with Compose. Raises :class:`EngineMissing`."""
    if shutil.which("docker") is None:
        raise EngineMissing("no docker on PATH")
    engine = Engine(dict(os.environ))
    if engine.succeeds("info"):
        _need_compose(engine)
        yield engine
        return
    if shutil.which("dockerd") is None:
        raise EngineMissing("no Docker engine answers, and there is no dockerd to start")
    if os.geteuid() != 0:
        raise EngineMissing("no Docker engine answers, and only root can start dockerd")
    folder = Path(tempfile.mkdtemp(prefix="tonypi-docker-"))
    with _alone(), _network_as_it_was():
        engine = _own(folder)
        try:
            engine.start()
            _remove_leftovers(engine)
            _need_compose(engine)
            yield engine
        finally:
            engine.stop()
            _unmount(folder)
            shutil.rmtree(folder)


def _own(folder: Path) -> Engine:
    engine = Engine({**os.environ, "DOCKER_HOST": f"unix://{folder}/docker.sock"})
    engine.part = Part(
        name="dockerd",
        command=(
            *("dockerd", "--host", engine.environ["DOCKER_HOST"]),
            *("--data-root", str(tools_cache() / "docker")),
            *("--exec-root", str(folder / "exec")),
            *("--pidfile", str(folder / "dockerd.pid")),
            # Its own wish, 1048576, is refused where the machine allows less.
            *("--default-ulimit", "nofile=4096:4096"),
        ),
        # apt-get in a build finds its packages as this machine does.
        env={name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        cwd=folder,
        ready=lambda: engine.succeeds("info"),
        stop_signal=signal.SIGTERM,
        stop_within=60,
    )
    return engine


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another run of tests that has the engine's folder."""
    with (tools_cache() / "docker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _network_as_it_was() -> Iterator[None]:
    """What dockerd changes and leaves: its bridge, the firewall, that packets are forwarded."""
    had_bridge = BRIDGE.exists()
    forwarding = FORWARDING.read_text()
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    try:
        yield
    finally:
        if not had_bridge and BRIDGE.exists():
            subprocess.run(["ip", "link", "delete", BRIDGE.name], check=True)
        before = OPEN_FIREWALL + rules
        subprocess.run(["iptables-restore"], input=before, text=True, check=True)
        FORWARDING.write_text(forwarding)


def _remove_leftovers(engine: Engine) -> None:
    """What a run that was killed left in the folder of our own engine, which starts it again."""
    if containers := engine.run("ps", "--all", "--quiet").split():
        engine.run("rm", "--force", "--volumes", *containers)
    for kind in ("volume", "network"):
        engine.run(kind, "prune", "--force")


def _unmount(folder: Path) -> None:
    """Network namespaces that an engine leaves mounted."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed(places):
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", place], check=True)


def _need_compose(engine: Engine) -> None:
    """Give the client Compose where it has none: of the tools cache, first built there with Go."""
    if engine.succeeds("compose", "version"):
        return
    plugin = tools_cache() / "docker-client" / "cli-plugins" / "docker-compose"
    if not plugin.exists():
        go = shutil.which("go")
        if go is None:
            raise EngineMissing("docker has no Compose plugin, and there is no Go to build it with")
        plugin.parent.mkdir(parents=True, exist_ok=True)
        _build_compose(go, plugin, engine.environ)
    engine.environ["DOCKER_CONFIG"] = str(plugin.parent.parent)


def _build_compose(go: str, plugin: Path, environ: Mapping[str, str]) -> None:
    module = "github.com/docker/compose/v2"
    stamp = f"-s -w -X {module}/internal.Version={COMPOSE}"
    with tempfile.TemporaryDirectory() as folder:
        # Its go.mod replaces modules, so `go install` refuses it; a dependency may.
        for command in (
            ("mod", "init", "tonypi.invalid/compose"),
            ("get", f"{module}/cmd@{COMPOSE}"),
            ("build", "-trimpath", "-ldflags", stamp, "-o", str(plugin), f"{module}/cmd"),
        ):
            done = subprocess.run(
                [go, *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise EngineMissing(f"Compose {COMPOSE} cannot be built: {done.stderr[-500:]}")

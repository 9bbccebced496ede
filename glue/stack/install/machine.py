"""What this machine has: programs, toolchains, rights. Facts only; the plan decides."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from glue.stack.install import fonts, later
from glue.stack.install.versions import BUILDS, GO_AT_LEAST, RELEASES, RUST_AT_LEAST
from glue.stack.programs import Programs, version_line

TEST_PROGRAMS = ("pdftotext", "chromium", "mosquitto_sub", "pgbouncer", "nginx")


@dataclass(frozen=True)
class Machine:
    """``go``: a Go new enough. ``rust``: environment that makes cargo new enough, or None."""

    root: bool
    apt: bool
    has: frozenset[str]
    """Of mosquitto, postgres, telegraf, influxd, grafana, cc, pkg-config, ``TEST_PROGRAMS``, and
    fonts (or they could not be had lately)."""
    go: Path | None
    rust: dict[str, str] | None
    influxdb: int | None = None
    """Which InfluxDB ``influxd`` must be, 1 or 2; None for any."""
    postgres: int | None = None
    """Major version that ``postgres`` must be of; None for any."""
    unfetched: frozenset[str] = frozenset()
    """What was tried as its maker releases it, and cannot be had that way."""


def look(programs: Programs) -> Machine:
    """Ask the machine; starts a few programs for their versions."""
    found = {name for name in ("mosquitto", "postgres") if programs.find(name)}
    found |= {name for name in ("telegraf", "influxd") if _current(programs, name)}
    found |= {name for name in ("cc", "pkg-config", *TEST_PROGRAMS) if shutil.which(name)}
    found |= {"chromium"} if shutil.which("chromium-browser") else set()
    found |= {"grafana"} if _current_grafana(programs) else set()
    found |= {"fonts"} if fonts.there() or later.tried(programs.cache, "fonts") else set()
    return Machine(
        root=os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
        has=frozenset(found),
        go=find_go(programs.cache),
        rust=find_rust(),
        influxdb=programs.influxdb,
        postgres=programs.postgres,
    )


def stamp_of(cache: Path, name: str) -> Path:
    """File beside a program of our getting that says what it is."""
    return cache / "bin" / f".{name}.stamp"


def _current(programs: Programs, name: str) -> bool:
    """Whether ``name`` is there: from a package, or of our getting (its maker's release, or built
    with today's plugins) and of today's version."""
    path = programs.find(name)
    if path is None:
        return False
    # Neither a package's nor an influxd2 that somebody put beside ours is of our getting.
    if path != programs.cache / "bin" / name:
        return True
    stamp = stamp_of(programs.cache, name)
    known = (BUILDS[name].stamp, RELEASES[name].stamp)
    return stamp.exists() and stamp.read_text().strip() in known


def _current_grafana(programs: Programs) -> bool:
    """Whether a Grafana is there: somebody's own, or of our getting and of today's version, or an
    older one of ours where today's could not be had lately."""
    home = programs.grafana()
    if home != programs.cache / "grafana":
        return home is not None
    stamp = stamp_of(programs.cache, "grafana")
    if stamp.exists() and stamp.read_text().strip() == RELEASES["grafana"].stamp:
        return True
    return later.tried(programs.cache, "grafana")


def find_go(cache: Path) -> Path | None:
    """A Go that can build Telegraf."""
    places = [shutil.which("go"), "/usr/local/go/bin/go", str(cache / "go" / "go" / "bin" / "go")]
    for place in places:
        if (
            place
            and Path(place).is_file()
            and number(version_line(Path(place), "version")) >= (GO_AT_LEAST)
        ):
            return Path(place)
    return None


def find_rust() -> dict[str, str] | None:
    """Environment under which ``cargo`` can build Flux: PATH, and rustup's toolchain if any.

    Flux pins an old toolchain that rustup would fetch; naming an installed one prevents that.
    """
    cargo = shutil.which("cargo") or _executable(Path("~/.cargo/bin/cargo").expanduser())
    if cargo is None:
        return None
    path = f"{Path(cargo).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    for toolchain in _toolchains(path):
        environment = {"PATH": path, **({"RUSTUP_TOOLCHAIN": toolchain} if toolchain else {})}
        if number(_output("rustc", "--version", environment=environment)) >= RUST_AT_LEAST:
            return environment
    return None


def _toolchains(path: str) -> list[str]:
    listed = _output("rustup", "toolchain", "list", environment={"PATH": path})
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    # The tried one is a stable one; a nightly is the last resort.
    return sorted(names, key=lambda n: (not n.startswith("stable"), "nightly" in n)) or [""]


def number(text: str) -> tuple[int, int]:
    """First ``X.Y`` in ``text``; (0, 0) when there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _executable(path: Path) -> str | None:
    return str(path) if path.is_file() and os.access(path, os.X_OK) else None


def _output(*command: str, environment: dict[str, str]) -> str:
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            (program, *command[1:]),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""

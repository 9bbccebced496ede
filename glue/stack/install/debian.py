"""Debian's packages, as root, without letting them start or create anything of their own.

Their services would take our ports, and PostgreSQL's package makes a cluster. Both are prevented
while we install, by the files that Debian has for this; services that were not there before are
kept from starting at the next boot.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glue.stack.install import command
from glue.stack.install.machine import number
from glue.stack.install.versions import RUST_AT_LEAST
from glue.stack.progress import Step

POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTERS = Path("/etc/postgresql-common/createcluster.d/tonypi.conf")
RUSTS = (("rustc", "cargo"), ("rustc-web", "cargo-web"))
"""Debian 12's rustc is too old; rustc-web, made for its browsers, is not."""

QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")

_updated = False


def get(packages: list[str], step: Step) -> None:
    """Install ``packages`` without what they recommend."""
    _update(step)
    with _nothing_starts():
        command.run(
            [*APT, "install", "-y", "-q", "--no-install-recommends", *packages], step, QUIET
        )
    # postgresql-15 is the service postgresql, too.
    for service in {"mosquitto", "postgresql"} & {re.sub(r"-\d+$", "", p) for p in packages}:
        _not_at_boot(service)


def get_rust(step: Step) -> None:
    """Install the oldest Rust of the distribution that is new enough."""
    _update(step)
    for packages in RUSTS:
        if number(_candidate(packages[0])) >= RUST_AT_LEAST:
            get([*packages, "libc6-dev"], step)
            return
    wanted = ".".join(map(str, RUST_AT_LEAST))
    raise command.InstallFailed(
        f"this distribution has no Rust {wanted} or newer; install one with rustup, "
        "or put an influxd (1.8 or newer, or 2.x) on PATH"
    )


def _update(step: Step) -> None:
    global _updated  # noqa: PLW0603
    if not _updated:
        command.run([*APT, "update", "-q"], step, QUIET)
        _updated = True


def _candidate(package: str) -> str:
    asked = ["apt-cache", "policy", package]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    lines = (line.strip() for line in said.splitlines())
    return next((line for line in lines if line.startswith("Candidate:")), "")


@contextmanager
def _nothing_starts() -> Iterator[None]:
    """Files for the time of an installation; one that the administrator has is left alone."""
    made: list[Path] = []
    try:
        for path, text, mode in (
            (POLICY, "#!/bin/sh\nexit 101\n", 0o755),
            (CLUSTERS, "create_main_cluster = false\n", 0o644),
        ):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(mode)
                made.append(path)
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def _not_at_boot(service: str) -> None:
    systemctl = shutil.which("systemctl")
    if systemctl and Path("/run/systemd/system").is_dir():
        subprocess.run([systemctl, "disable", service], capture_output=True, check=False)

"""Building Telegraf and InfluxDB with Go: any platform, any distribution, the very version.

InfluxDB contains Flux, written in Rust; ``github.com/influxdata/pkg-config`` builds it on the way,
with cargo. Flux denies warnings that newer compilers have, hence ``--cap-lints``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from glue.stack.install import command
from glue.stack.install.errors import InstallFailed
from glue.stack.install.machine import find_go, find_rust, stamp_of
from glue.stack.install.versions import BUILDS, PKG_CONFIG_BUILD, Build
from glue.stack.progress import Step

ALLOW_WARNINGS = '#!/bin/sh\nexec "$@" --cap-lints allow\n'


def build_all(names: Sequence[str], cache: Path, step: Step) -> None:
    """Build ``names`` side by side: while one waits for the network or links on one processor, the
    other compiles."""
    with ThreadPoolExecutor() as threads:
        for built in [threads.submit(build, name, cache, step) for name in names]:
            built.result()


def build(name: str, cache: Path, step: Step) -> None:
    """Build ``name`` into ``cache/bin``, whole or not at all."""
    go = find_go(cache)
    if go is None:
        raise InstallFailed("Go is missing, though it was to be got before; run this again")
    work = Path(tempfile.mkdtemp(prefix="build-", dir=cache))
    try:
        environment = _environment(go, work)
        if name == "influxd":
            environment |= _with_flux(go, work, environment, step)
        _go_install(go, BUILDS[name], environment, step)
        (work / name).replace(cache / "bin" / name)
        stamp_of(cache, name).write_text(BUILDS[name].stamp + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _environment(go: Path, target: Path) -> dict[str, str]:
    path = f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"GOBIN": str(target), "PATH": path, "GOFLAGS": "-buildvcs=false"}


def _with_flux(go: Path, work: Path, environment: dict[str, str], step: Step) -> dict[str, str]:
    rust = find_rust()
    if rust is None:
        raise InstallFailed("no Rust that is new enough was found after installing one")
    _go_install(go, PKG_CONFIG_BUILD, environment, step)
    wrapper = work / "allow-warnings"
    wrapper.write_text(ALLOW_WARNINGS)
    wrapper.chmod(0o755)
    return {
        **rust,
        "PATH": f"{go.parent}{os.pathsep}{rust['PATH']}",
        "PKG_CONFIG": str(work / "pkg-config"),
        "RUSTC_WRAPPER": str(wrapper),
        "CGO_ENABLED": "1",
    }


def _go_install(go: Path, build: Build, environment: dict[str, str], step: Step) -> None:
    command.run([str(go), "install", *build.arguments], step, environment)

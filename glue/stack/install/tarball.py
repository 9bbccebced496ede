"""Grafana's official tarball, pinned, checked against the checksum published beside it.

It is the one thing that comes from a site of its own, which may be out of reach: then we give up
within seconds and say what stands in.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

import httpx

from glue.stack.install.errors import InstallFailed
from glue.stack.install.versions import GRAFANA
from glue.stack.progress import Progress, Step

SITE = "https://dl.grafana.com/oss/release"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armv7"}
CONNECT_WITHIN = 5.0
STAND_IN = (
    "the glue's own standby evaluator raises the alerts meanwhile, without dashboards; "
    "GRAFANA_HOME may name an unpacked Grafana"
)


def fetch(cache: Path, progress: Progress, site: str = SITE) -> bool:
    """Unpack Grafana into ``cache/grafana``; False, with one line said, when it cannot be had."""
    machine = MACHINES.get(platform.machine())
    try:
        if machine is None:
            raise InstallFailed(f"there is no tarball for {platform.machine()}")
        url = f"{site}/grafana-{GRAFANA}.linux-{machine}.tar.gz"
        _fetch(url, cache, progress)
    except (httpx.HTTPError, OSError, tarfile.TarError, InstallFailed) as error:
        reason = str(error) or type(error).__name__
        progress.say(f"  – Grafana {GRAFANA} cannot be fetched ({reason}): {STAND_IN}")
        return False
    return True


def _fetch(url: str, cache: Path, progress: Progress) -> None:
    timeout = httpx.Timeout(30.0, connect=CONNECT_WITHIN)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        # Asked first: it is small, and tells whether the site can be reached at all.
        expected = checksum(client.get(f"{url}.sha256").raise_for_status().text)
        with (
            progress.step(f"Grafana {GRAFANA}, its tarball") as step,
            tempfile.TemporaryDirectory(dir=cache, prefix="grafana-") as folder,
        ):
            archive = Path(folder) / "grafana.tar.gz"
            found = _download(client, url, archive, step)
            if found != expected:
                raise InstallFailed(f"its checksum is {found}, published is {expected}")
            _unpack(archive, Path(folder), cache / "grafana")


def checksum(published: str) -> str:
    """The SHA-256 in a published ``.sha256`` file (some carry the file's name behind it)."""
    if found := re.match(r"\s*([0-9a-f]{64})\b", published.lower()):
        return found[1]
    raise InstallFailed("the published checksum is not one")


def _download(client: httpx.Client, url: str, target: Path, step: Step) -> str:
    digest = hashlib.sha256()
    with client.stream("GET", url) as response, target.open("wb") as file:
        response.raise_for_status()
        for block in response.iter_bytes(1 << 16):
            digest.update(block)
            file.write(block)
            step.tick(f"{file.tell() / 1e6:.0f} MB")
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        # Debian's Python 3.11.2 has no filters yet; the checksum has just been found right.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder / "unpacked")
    (home,) = (folder / "unpacked").iterdir()
    shutil.rmtree(target, ignore_errors=True)
    home.rename(target)

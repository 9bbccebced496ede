"""Programs as their makers release them: pinned archives, verified before anything of them is kept.

An archive counts as verified by the SHA-256 published beside it (``.sha256``), by the maker's
signature beside it (``.asc``, of a key whose fingerprint is pinned), or by both; where both are
there, both must be right. Their sites may be out of reach: that is known within seconds.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import httpx

from glue.stack.install.errors import InstallFailed
from glue.stack.install.versions import Release
from glue.stack.progress import Progress, Step

CONNECT_TIMEOUT = 5.0
"""Seconds until a site that does not answer counts as out of reach."""
READ_TIMEOUT = 30.0


def fetch(release: Release, machine: str, cache: Path, progress: Progress) -> None:
    """Put the release for ``machine`` (as ``platform.machine()`` names it) into ``cache``: a
    program under ``bin``, Grafana as a folder.

    Raises :class:`InstallFailed` with the reason; then nothing of it is left behind.
    """
    try:
        _fetch(release, _address(release, machine), cache, progress)
    except (httpx.HTTPError, OSError, tarfile.TarError) as error:
        raise InstallFailed(str(error) or type(error).__name__) from None


def _address(release: Release, machine: str) -> str:
    if machine not in release.machines:
        raise InstallFailed(f"its maker releases none for {machine}")
    return release.address.format(machine=release.machines[machine])


def _fetch(release: Release, url: str, cache: Path, progress: Progress) -> None:
    timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    with (
        httpx.Client(timeout=timeout, follow_redirects=True) as client,
        tempfile.TemporaryDirectory(dir=cache, prefix="release-") as temporary,
    ):
        folder = Path(temporary)
        # Asked first: they are small, and tell whether the site can be reached at all.
        expected = _published_checksum(client, url)
        signature = _published_signature(client, release, url, folder)
        if expected is None and signature is None:
            raise InstallFailed(
                "it cannot be verified: no checksum is published beside it"
                + (", and its signature needs the program gpg" if release.key else "")
            )
        with progress.step(f"{release.title}, its maker's release") as step:
            archive = folder / "archive.tar.gz"
            digest = _download(client, url, archive, step)
            if expected not in (None, digest):
                raise InstallFailed(f"its checksum is {digest}, published is {expected}")
            if signature is not None:
                _verify(release, client, signature, archive)
            _keep(release, archive, folder, cache)


def _published_checksum(client: httpx.Client, url: str) -> str | None:
    response = client.get(f"{url}.sha256")
    return None if response.status_code == 404 else checksum(response.raise_for_status().text)


def checksum(published: str) -> str:
    """Read the SHA-256 of a published ``.sha256`` file (some carry the file's name behind it)."""
    if match := re.match(r"\s*([0-9a-f]{64})\b", published.lower()):
        return match[1]
    raise InstallFailed("the published checksum is not one")


def _published_signature(
    client: httpx.Client, release: Release, url: str, folder: Path
) -> Path | None:
    """The signature beside the archive, as a file; None where there is none or no gpg."""
    if not release.key or shutil.which("gpg") is None:
        return None
    response = client.get(f"{url}.asc")
    if response.status_code == 404:
        return None
    file = folder / "archive.asc"
    file.write_bytes(response.raise_for_status().content)
    return file


def _download(client: httpx.Client, url: str, target: Path, step: Step) -> str:
    digest = hashlib.sha256()
    with client.stream("GET", url) as response, target.open("wb") as file:
        response.raise_for_status()
        size = int(response.headers.get("content-length", 0))
        for block in response.iter_bytes(1 << 16):
            digest.update(block)
            file.write(block)
            of = f" of {size / 1e6:.0f}" if size else ""
            step.tick(f"{file.tell() / 1e6:.0f}{of} MB")
    return digest.hexdigest()


def _verify(release: Release, client: httpx.Client, signature: Path, archive: Path) -> None:
    """Raise :class:`InstallFailed` unless ``signature`` is of the pinned key."""
    home = archive.parent / "gnupg"
    home.mkdir(mode=0o700)
    key = archive.parent / "maker.key"
    key.write_bytes(client.get(release.key_address).raise_for_status().content)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--no-autostart", "--status-fd", "1"]
    subprocess.run([*gpg, "--import", str(key)], capture_output=True, check=False)
    checked = subprocess.run(
        [*gpg, "--verify", str(signature), str(archive)],
        capture_output=True,
        text=True,
        check=False,
    )
    # VALIDSIG ends with the fingerprint of the primary key, whichever subkey signed.
    signed = re.search(r"^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", checked.stdout, re.MULTILINE)
    if signed is None or signed[1] != release.key:
        raise InstallFailed("its signature is not its maker's")


def _keep(release: Release, archive: Path, folder: Path, cache: Path) -> None:
    with tarfile.open(archive) as tar:
        # Debian's Python 3.11.2 has no filters yet; the archive has just been verified.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder / "unpacked")
    if not release.program:
        (home,) = (folder / "unpacked").iterdir()
        shutil.rmtree(cache / release.name, ignore_errors=True)
        home.rename(cache / release.name)
        return
    files = [file for file in (folder / "unpacked").rglob(release.name) if file.is_file()]
    if not files:
        raise InstallFailed(f"there is no {release.name} in it")
    # Makers lay them out as a root folder: usr/bin/telegraf beside, say, etc/logrotate.d/telegraf.
    program = min(files, key=lambda file: (file.parent.name != "bin", len(file.parts)))
    program.chmod(0o755)
    program.replace(cache / "bin" / release.name)

"""The steps of the Dockerfile where no Docker engine is: in a Debian 12 with Python 3.11.

``python -m tests.bench.dockerfile_chroot [--base FOLDER]`` as root, with debootstrap. ``--base`` is
where the bare Debian is kept for the next time. debootstrap's Debian with a virtual environment in
/usr/local stands for the base image; every other instruction is done as written: RUN in the chroot
with ENV and WORKDIR, COPY through .dockerignore, USER and ENTRYPOINT for the last looks, which
start the image's own commands. Prints the seconds of each step; exits 1 at the first that fails.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from glue.settings import PROJECT

FROM_THE_MACHINE = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/apt/apt.conf.d")
"""What the network needs here and a base image would not have."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
LAST_LOOKS = (
    ["--help"],
    ["init", "broker", "--into", "/tmp/broker"],
    ["simulate", "--help"],
    ["db", "upgrade", "--help"],
    ["telegraf", "render", "--check"],
    ["rules", "render", "--check"],
)


def mirror() -> str:
    """Where this machine gets its Debian packages from."""
    folder = Path("/etc/apt/sources.list.d")
    # Files of other endings apt does not read.
    sources = [folder.with_name("sources.list"), *folder.glob("*.sources"), *folder.glob("*.list")]
    text = "\n".join(file.read_text() for file in sources if file.is_file())
    found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?)\s+(\S+)", text, re.MULTILINE)
    if found is None:
        raise SystemExit("apt has no sources here; debootstrap would not know where to look")
    return found[1]


class StepFailed(Exception):
    """An instruction of the Dockerfile did not work; the text carries what it said."""


@dataclass
class Image:
    """A root folder and what the instructions so far have set."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)

    def run(self, command: list[str]) -> str:
        """Run ``command`` as the image would; what it printed. Raises :class:`StepFailed`."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        env = {"PATH": path, "HOME": "/root", "SSL_CERT_FILE": CERTIFICATES, **self.env}
        there = ["sh", "-c", 'cd "$0" && exec "$@"', self.workdir, *command]
        done = subprocess.run(
            ["chroot", f"--userspec={self.user}", str(self.root), *there],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StepFailed(f"{shlex.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Keyword and rest of each instruction of a Dockerfile."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        keyword, rest = line.split(None, 1)
        yield keyword, rest


def context() -> list[Path]:
    """Files of the checkout that .dockerignore lets in, relative to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    rules = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line]
    kept = []
    for name in listed.stdout.splitlines():
        inside = False
        for rule in (r for r in rules if not r.startswith("#")):
            plain = rule.lstrip("!").removeprefix("**/")
            hit = fnmatch.fnmatch(name, plain) or name.startswith(f"{plain}/")
            hit = hit or (rule.startswith("**/") and fnmatch.fnmatch(Path(name).name, plain))
            inside = rule.startswith("!") if hit else inside
        if inside and (PROJECT / name).is_file():
            kept.append(Path(name))
    return kept


def copy(image: Image, rest: str) -> None:
    *sources, target = rest.split()
    into = image.root / target.lstrip("/")
    for file in context():
        for source in sources:
            if source == ".":
                place = into / file
            elif str(file) == source:
                place = into / file.name
            else:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / file, place)


def perform(image: Image, keyword: str, rest: str) -> None:
    """One instruction."""
    match keyword:
        case "RUN":
            image.run(["/bin/sh", "-c", rest])
        case "COPY":
            copy(image, rest)
        case "ENV":
            image.env |= dict(word.split("=", 1) for word in shlex.split(rest))
        case "WORKDIR":
            image.workdir = rest
            (image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = rest
        case "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        case "ARG" | "FROM" | "CMD":
            pass
        case _:
            raise StepFailed(f"{keyword} is not known here")


def bare_debian(base: Path) -> None:
    """Debian 12 with Python 3.11 in /usr/local, as python:3.11-slim-bookworm has it."""
    if not (base / "usr" / "bin" / "python3").exists():
        include = "--include=ca-certificates,python3,python3-venv"
        command = ["debootstrap", "--variant=minbase", include, "bookworm", str(base), mirror()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def standing(base: Path) -> Iterator[Image]:
    """A copy of ``base`` with the machine's network; gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="tonypi-image-"))
    mounted = []
    try:
        subprocess.run(["cp", "-a", f"{base}/.", str(root)], check=True)
        for name in FROM_THE_MACHINE:
            there = Path(name)
            if there.is_dir():
                shutil.copytree(there, root / name[1:], dirs_exist_ok=True)
            elif there.exists():
                shutil.copyfile(there, root / name[1:])
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES[1:])
        for name in ("proc", "dev"):
            subprocess.run(["mount", "--bind", f"/{name}", str(root / name)], check=True)
            mounted.append(root / name)
        root.chmod(0o755)
        image = Image(root)
        image.run(["python3", "-m", "venv", "/usr/local"])
        yield image
    finally:
        for folder in reversed(mounted):
            subprocess.run(["umount", str(folder)], check=True)
        # Only what is not a mount any more: the machine's devices must survive.
        if not any(os.path.ismount(folder) for folder in mounted):
            shutil.rmtree(root, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="where the bare Debian is kept")
    chosen = parser.parse_args().base or Path(tempfile.mkdtemp(prefix="tonypi-debian-"))
    bare_debian(chosen)
    with standing(chosen) as image:
        try:
            for keyword, rest in instructions((PROJECT / "Dockerfile").read_text()):
                began = time.monotonic()
                perform(image, keyword, rest)
                print(f"{time.monotonic() - began:6.1f} s  {keyword} {rest[:80]}", flush=True)
            for look in LAST_LOOKS:
                began = time.monotonic()
                image.run([*image.entrypoint, *look])
                print(f"{time.monotonic() - began:6.1f} s  tonypi {' '.join(look)}", flush=True)
            print(image.run([*image.entrypoint, "init", "broker", "--into", "/tmp/again"]).strip())
            print("user", image.run(["id", "-un"]).strip())
        except StepFailed as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        size = subprocess.run(
            ["du", "-sxm", str(image.root), str(chosen)], capture_output=True, text=True, check=True
        )
        after, before = (int(line.split()[0]) for line in size.stdout.splitlines())
        print(f"the steps add {after - before} MB to {before} MB of Debian")
    return 0


if __name__ == "__main__":
    sys.exit(main())

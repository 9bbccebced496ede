"""Images that stand in for the official ones, built of Debian's packages and the programs of the
native run: the same paths, users, entry points and environment (each Dockerfile says whose).

They are kept in the engine under a name that has their content in it, so that the second time
nothing is built.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from glue.stack.programs import Programs
from tests.containers.engine import Engine, EngineMissing

IMAGES = Path(__file__).parent / "images"
PREFIX = "tonypi-test"
VARIABLES = {
    "PYTHON_IMAGE": "python",
    "MOSQUITTO_IMAGE": "mosquitto",
    "POSTGRES_IMAGE": "postgres",
    "INFLUXDB_IMAGE": "influxdb",
    "TELEGRAF_IMAGE": "telegraf",
    "GRAFANA_IMAGE": "grafana",
}
PACKAGES = "ca-certificates,curl,python3,python3-venv"
"""Of the Debian that all of them begin with."""
OF_THE_MACHINE = ("etc/pip.conf", "etc/apt/apt.conf.d", "etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches its package registries, and a build inside must, too."""


def programs() -> dict[str, Path]:
    """What is copied into an image that is named as the program. Raises :class:`EngineMissing`."""
    found = Programs()
    influxdbs = found.influxdbs()
    grafana = found.grafana()
    named = {
        "influxdb": influxdbs.get(2) or influxdbs.get(1),
        "telegraf": found.find("telegraf"),
        "grafana": grafana,
    }
    if lacking := [name for name, path in named.items() if path is None]:
        raise EngineMissing(f"not on this machine, for images of them: {', '.join(lacking)}")
    return {name: path for name, path in named.items() if path}


def build(engine: Engine) -> dict[str, str]:
    """Build what is not there yet; variables of docker-compose.yml with the images' names. Raises
    :class:`EngineMissing` where something for them cannot be had."""
    parts = programs()
    return {variable: image(engine, name, parts) for variable, name in VARIABLES.items()}


def image(
    engine: Engine, name: str, parts: Mapping[str, Path], suite: str = "bookworm", **arguments: str
) -> str:
    """Name of one stand-in on Debian's ``suite``, built where it is not there; ``arguments`` are
    its Dockerfile's."""
    debian = _debian(engine, suite)
    given = {"DEBIAN": debian, **arguments}
    folder, program = IMAGES / name, parts.get(name)
    content = hashlib.sha256(repr(sorted(given.items())).encode())
    for file in [*_files(folder), *(_files(program) if program else ())]:
        content.update(file.name.encode() + file.read_bytes())
    built = f"{PREFIX}-{name}:{content.hexdigest()[:16]}"
    if engine.succeeds("image", "inspect", built):
        return built
    with tempfile.TemporaryDirectory() as context:
        shutil.copytree(folder, context, dirs_exist_ok=True)
        if program and program.is_dir():
            shutil.copytree(program, Path(context) / name)
        elif program:
            shutil.copy(program, Path(context) / ("influxd" if name == "influxdb" else name))
        options = [word for n, v in given.items() for word in ("--build-arg", f"{n}={v}")]
        engine.run("build", "--quiet", "--tag", built, *options, context)
    return built


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    else:
        yield from sorted(file for file in place.rglob("*") if file.is_file())


def mirror() -> str:
    """Where this machine gets its Debian packages from. Raises :class:`EngineMissing`."""
    asked = [
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Origin: Debian",
        "Label: Debian",
    ]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        raise EngineMissing("apt knows no packages of Debian here (`apt-get update` first?)")
    return listed[0]


def _debian(engine: Engine, suite: str) -> str:
    """Name of a bare Debian, made with debootstrap where it is not there."""
    machine = [file for name in OF_THE_MACHINE for file in _files(Path("/") / name)]
    content = hashlib.sha256(f"{suite} {PACKAGES}".encode())
    for file in machine:
        content.update(str(file).encode() + file.read_bytes())
    built = f"{PREFIX}-debian:{suite}-{content.hexdigest()[:16]}"
    if engine.succeeds("image", "inspect", built):
        return built
    if shutil.which("debootstrap") is None:
        raise EngineMissing("no debootstrap on PATH to make images with")
    with tempfile.TemporaryDirectory(prefix="tonypi-debian-") as name:
        root = Path(name) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(root)]
        done = subprocess.run([*command, mirror()], capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineMissing(f"debootstrap failed: {done.stdout[-500:]}")
        for file in machine:
            copy = root / file.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            engine.run("import", "-", built, stdin=tar.stdout)
    return built

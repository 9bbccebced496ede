"""What a container does before PostgreSQL starts in it (postgres/before_start.sh), without one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from glue.settings import PROJECT

SCRIPT = PROJECT / "postgres" / "before_start.sh"


class Image:
    """A folder of programs with a server of a version; pg_dump and pg_restore are echo."""

    def __init__(self, folder: Path, version: str) -> None:
        self.programs = folder / f"postgresql-{version}"
        self.data, self.client = folder / "data", folder / "client"
        for made in (self.programs, self.data, self.client):
            made.mkdir(exist_ok=True)
        server = self.programs / "postgres"
        server.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian 9.1)'\n")
        server.chmod(0o755)
        for name in ("pg_dump", "pg_restore"):
            shutil.copy(shutil.which("echo") or "/bin/echo", self.programs / name)

    def run(self) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        command = ["sh", str(SCRIPT), str(self.data), str(self.client)]
        return subprocess.run(
            command, env={"PATH": path}, capture_output=True, text=True, check=False
        )


def test_the_glue_gets_the_client_of_the_server_with_its_libraries(tmp_path: Path) -> None:
    image = Image(tmp_path, "17.5")
    assert image.run().returncode == 0
    shutil.rmtree(image.programs)
    # From another place, as another container mounts it.
    moved = image.client.rename(tmp_path / "pgsql")
    for name in ("pg_dump", "pg_restore"):
        command = [moved / "bin" / name, "two words", "-x"]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.stdout == b"two words -x\n", done
    libraries = {file.name for file in (moved / "lib").iterdir()}
    assert any(name.startswith("libc.") for name in libraries), libraries


def test_the_client_is_replaced_only_by_another_version(tmp_path: Path) -> None:
    image = Image(tmp_path, "17.5")
    image.run()
    (image.client / "bin" / "left").touch()
    assert image.run().returncode == 0
    assert (image.client / "bin" / "left").exists()
    assert Image(tmp_path, "17.6").run().returncode == 0
    assert not (image.client / "bin" / "left").exists()
    assert "17.6" in (image.client / "version").read_text()


@pytest.mark.parametrize(("wrote", "refused"), [("17", False), ("15", True), ("18", True)])
def test_data_of_another_version_are_refused_by_name(
    tmp_path: Path, wrote: str, refused: bool
) -> None:
    image = Image(tmp_path, "17.5")
    (image.data / "PG_VERSION").write_text(wrote + "\n")
    done = image.run()
    assert bool(done.returncode) == refused, done
    assert (f"written by PostgreSQL {wrote}" in done.stderr) == refused
    assert ("POSTGRES_IMAGE is PostgreSQL 17." in done.stderr) == refused
    assert ("To go over" in done.stderr) == (wrote < "17")
    assert [file.name for file in image.data.iterdir()] == ["PG_VERSION"]
    section = "Another PostgreSQL"
    assert section in SCRIPT.read_text()
    assert f"## {section}" in (PROJECT / "docs" / "docker.md").read_text()

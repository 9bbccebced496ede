"""Grafana's tarball: taken only when its checksum is the published one, given up in seconds."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from glue.stack import probe
from glue.stack.install import tarball
from glue.stack.install.versions import GRAFANA
from glue.stack.programs import Programs
from glue.stack.progress import Progress

NAME = f"grafana-{GRAFANA}.linux-{tarball.MACHINES.get(platform.machine(), 'none')}.tar.gz"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def publish(folder: Path, digest: str | None = None) -> None:
    archive = folder / NAME
    with tarfile.open(archive, "w:gz") as tar:
        for path, mode in (("bin/grafana", 0o755), ("conf/defaults.ini", 0o644)):
            info = tarfile.TarInfo(f"grafana-v{GRAFANA}/{path}")
            info.size, info.mode = 2, mode
            tar.addfile(info, io.BytesIO(b"#!"))
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / f"{NAME}.sha256").write_text(digest or found)


def test_a_tarball_with_the_published_checksum_becomes_the_grafana(
    site: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = site
    publish(folder)
    said = io.StringIO()
    assert tarball.fetch(tmp_path, Progress(said), url)
    assert Programs(cache=tmp_path, grafana_home=tmp_path / "none").grafana() == (
        tmp_path / "grafana"
    )


def test_another_checksum_leaves_nothing_behind(site: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = site
    publish(folder, digest="0" * 64)
    said = io.StringIO()
    assert not tarball.fetch(tmp_path, Progress(said), url)
    assert "checksum" in said.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_site_out_of_reach_costs_seconds_and_one_line(tmp_path: Path) -> None:
    said = io.StringIO()
    began = time.monotonic()
    nowhere = f"http://127.0.0.1:{probe.free_port()}"
    assert not tarball.fetch(tmp_path, Progress(said), nowhere)
    assert time.monotonic() - began < tarball.CONNECT_WITHIN + 1
    (line,) = said.getvalue().splitlines()
    assert "standby evaluator" in line

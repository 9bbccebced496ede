"""Makers' releases: kept only when checksum or signature is right, given up within seconds."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from glue.stack import probe
from glue.stack.install import releases, run
from glue.stack.install.errors import InstallFailed
from glue.stack.install.machine import look, stamp_of
from glue.stack.install.plan import Get, plan
from glue.stack.install.versions import RELEASES, Release
from glue.stack.programs import Programs
from glue.stack.progress import Progress

LAYOUTS = {
    "grafana": ("grafana-v11/bin/grafana", "grafana-v11/conf/defaults.ini"),
    "telegraf": ("telegraf-1/etc/logrotate.d/telegraf", "telegraf-1/usr/bin/telegraf"),
    "influxd": ("influxdb-1/influxd", "influxdb-1/influx"),
}
"""What is in the archives; makers have changed how deep the programs lie."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """A maker's site on this machine."""

    url: str
    folder: Path

    def release(self, name: str, **changes: str) -> Release:
        """Ours of ``name``, at this site; signed by nobody unless ``key`` says so."""
        address = f"{self.url}/{name}-{{machine}}.tar.gz"
        defaults = {"key": "", "key_address": f"{self.url}/maker.key"}
        return replace(RELEASES[name], address=address, **(defaults | changes))

    def publish(self, name: str, machine: str = "amd64", digest: str | None = "") -> Path:
        """An archive with its checksum beside it: the right one, ``digest``, or (None) none."""
        archive = self.folder / f"{name}-{machine}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for path in LAYOUTS[name]:
                info = tarfile.TarInfo(path)
                content = f"#!{path} {machine}".encode()
                info.size, info.mode = len(content), 0o755
                tar.addfile(info, io.BytesIO(content))
        if digest is not None:
            right = hashlib.sha256(archive.read_bytes()).hexdigest()
            Path(f"{archive}.sha256").write_text(digest or right)
        return archive


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(f"http://127.0.0.1:{server.server_port}", folder)
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    (folder / "bin").mkdir(parents=True)
    return folder


def fetch(release: Release, cache: Path, machine: str = "x86_64") -> None:
    releases.fetch(release, machine, cache, Progress(io.StringIO()))


def left_in(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


def sign(site: Site, archive: Path, home: Path) -> str:
    """Sign ``archive`` with a new key, which the site publishes; the key's fingerprint."""
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--passphrase", ""]

    def call(*arguments: str) -> str:
        return subprocess.run([*gpg, *arguments], check=True, capture_output=True, text=True).stdout

    call("--quick-generate-key", "Maker <maker@example.org>", "ed25519", "sign", "never")
    (site.folder / "maker.key").write_text(call("--armor", "--export"))
    call("--yes", "--armor", "--detach-sign", "--output", f"{archive}.asc", str(archive))
    listed = call("--with-colons", "--list-keys")
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def test_a_grafana_with_the_published_checksum_is_the_grafana(site: Site, cache: Path) -> None:
    site.publish("grafana")
    fetch(site.release("grafana"), cache)
    assert Programs(cache=cache, grafana_home=cache / "none").grafana() == cache / "grafana"


@pytest.mark.parametrize("name", ["telegraf", "influxd"])
@pytest.mark.parametrize(("machine", "named"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_the_program_for_this_machine_is_kept_and_nothing_else(
    site: Site, cache: Path, name: str, machine: str, named: str
) -> None:
    for published in ("amd64", "arm64"):
        site.publish(name, published)
    fetch(site.release(name), cache, machine)
    assert left_in(cache) == [f"bin/{name}"]
    program = cache / "bin" / name
    assert program.read_text().endswith(f"{name} {named}")
    assert "logrotate" not in program.read_text()
    assert program.stat().st_mode & 0o777 == 0o755


def test_another_checksum_leaves_nothing_behind(site: Site, cache: Path) -> None:
    site.publish("telegraf", digest="0" * 64)
    with pytest.raises(InstallFailed, match="checksum"):
        fetch(site.release("telegraf"), cache)
    assert left_in(cache) == []


def test_without_checksum_or_signature_nothing_is_kept(site: Site, cache: Path) -> None:
    site.publish("influxd", digest=None)
    with pytest.raises(InstallFailed, match="cannot be verified"):
        fetch(site.release("influxd"), cache)
    assert left_in(cache) == []


needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg on this machine")


@needs_gpg
def test_the_makers_signature_is_enough(site: Site, cache: Path, tmp_path: Path) -> None:
    archive = site.publish("influxd", digest=None)
    key = sign(site, archive, tmp_path / "maker")
    fetch(site.release("influxd", key=key), cache)
    assert left_in(cache) == ["bin/influxd"]


@needs_gpg
@pytest.mark.parametrize("wrong", ["of another key", "of another file"])
def test_a_wrong_signature_is_refused_though_the_checksum_is_right(
    site: Site, cache: Path, tmp_path: Path, wrong: str
) -> None:
    archive = site.publish("influxd")
    key = sign(site, archive, tmp_path / "maker")
    if wrong == "of another key":
        key = "0" * 40
    else:
        archive.write_bytes(archive.read_bytes() + b"\0")
        right = hashlib.sha256(archive.read_bytes()).hexdigest()
        Path(f"{archive}.sha256").write_text(right)
    with pytest.raises(InstallFailed, match="signature"):
        fetch(site.release("influxd", key=key), cache)
    assert left_in(cache) == []


def test_what_a_maker_does_not_release_for_this_machine_is_named(site: Site, cache: Path) -> None:
    with pytest.raises(InstallFailed, match="riscv64"):
        fetch(site.release("telegraf"), cache, "riscv64")


@pytest.mark.parametrize("name", ["telegraf", "grafana"])
def test_a_site_out_of_reach_costs_seconds_and_a_line_that_says_what_then(
    cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    nowhere = Site(f"http://127.0.0.1:{probe.free_port()}", cache)
    monkeypatch.setitem(run.RELEASES, name, nowhere.release(name))
    printed = io.StringIO()
    began = time.monotonic()
    get = Get(name, "release", name, needed=name != "grafana")
    assert not run.fetch(get, Programs(cache=cache), Progress(printed))
    assert time.monotonic() - began < releases.CONNECT_TIMEOUT + 1
    (line,) = printed.getvalue().splitlines()
    assert ("standby evaluator" if name == "grafana" else "it is built") in line
    assert not stamp_of(cache, name).exists()


def test_an_older_grafana_of_our_getting_is_replaced_and_nobody_elses(
    site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs(cache=cache, grafana_home=cache / "theirs")
    site.publish("grafana")
    fetch(site.release("grafana"), cache)
    # Without a mark, as a release before this one left it, or with another version's.
    for mark in (None, "Grafana 11.0.0, its maker's release"):
        stamp_of(cache, "grafana").unlink(missing_ok=True)
        if mark:
            stamp_of(cache, "grafana").write_text(mark)
        assert "grafana" in {get.what for get in plan(look(programs)).gets}
    monkeypatch.setitem(run.RELEASES, "grafana", site.release("grafana"))
    get = Get("grafana", "release", "Grafana", needed=False)
    assert run.fetch(get, programs, Progress(io.StringIO()))
    assert "grafana" in look(programs).has
    stamp_of(cache, "grafana").unlink()
    shutil.copytree(cache / "grafana", cache / "theirs")
    assert "grafana" in look(programs).has


def test_an_older_grafana_stays_where_the_newer_cannot_be_had(
    site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs(cache=cache, grafana_home=cache / "theirs")
    site.publish("grafana")
    fetch(site.release("grafana"), cache)
    assert "grafana" not in look(programs).has
    nowhere = Site(f"http://127.0.0.1:{probe.free_port()}", cache)
    monkeypatch.setitem(run.RELEASES, "grafana", nowhere.release("grafana"))
    printed = io.StringIO()
    get = Get("grafana", "release", "Grafana", needed=False)
    assert not run.fetch(get, programs, Progress(printed))
    assert "the one that is here is used" in printed.getvalue()
    assert programs.grafana() == cache / "grafana"
    assert "grafana" in look(programs).has, "tried again at each start"


def test_a_file_that_is_not_there_is_no_answer_to_wait_for(site: Site, cache: Path) -> None:
    with pytest.raises(InstallFailed):
        fetch(site.release("telegraf"), cache)
    assert left_in(cache) == []

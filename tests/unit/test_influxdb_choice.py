"""Which InfluxDB a home gets: the one its series are of, the one asked for, 1.x, 2.x."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glue import settings
from glue.settings import SettingsError
from glue.stack import programs
from glue.stack.home import Home
from glue.stack.install.machine import Machine
from glue.stack.install.plan import plan
from glue.stack.part import Site
from glue.stack.parts import influxdb
from glue.stack.programs import ProgramMissing, Programs

SAYS = {1: "InfluxDB v1.12.4 (git: none none)", 2: "InfluxDB v2.9.1 (git: d4fa1941fd)"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any InfluxDB of its own."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(programs, "SYSTEM_PLACES", ())


def put(folder: Path, name: str, generation: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{SAYS[generation]}'\n")
    program.chmod(0o755)
    return program


def ran(home: Path, generation: int) -> None:
    """As if that InfluxDB had run in this home."""
    trace = home / "data" / influxdb.FOLDERS[generation] / influxdb.WRITTEN[generation]
    trace.parent.mkdir(parents=True)
    trace.touch()


def site(tmp_path: Path, asked: str = "") -> Site:
    environ = {"TONYPI_HOME": str(tmp_path / "home"), "INFLUXDB_VERSION": asked}
    return Site(settings.load(environ), tmp_path / "home", Programs(cache=tmp_path / "cache"))


def test_the_first_generation_is_taken_where_both_are(tmp_path: Path) -> None:
    put(tmp_path / "path", "influxd", 2)
    first = put(tmp_path / "cache" / "bin", "influxd", 1)
    assert influxdb.part(site(tmp_path)).command[0] == str(first)


def test_the_second_is_taken_where_it_is_the_only_one(tmp_path: Path) -> None:
    second = put(tmp_path / "path", "influxd", 2)
    part = influxdb.part(site(tmp_path))
    assert part.command[0] == str(second)
    assert part.cwd == tmp_path / "home" / "data" / "influxdb2"


@pytest.mark.parametrize("asked", ["2", "2.9.1"])
def test_the_second_is_taken_where_it_is_asked_for(tmp_path: Path, asked: str) -> None:
    put(tmp_path / "cache" / "bin", "influxd", 1)
    second = put(tmp_path / "cache" / "bin", "influxd2", 2)
    assert influxdb.part(site(tmp_path, asked)).command[0] == str(second)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_home_stays_with_what_wrote_its_series(tmp_path: Path, generation: int) -> None:
    there = {g: put(tmp_path / "path", {1: "influxd", 2: "influxd2"}[g], g) for g in (1, 2)}
    ran(tmp_path / "home", generation)
    assert influxdb.part(site(tmp_path)).command[0] == str(there[generation])
    other = 3 - generation
    with pytest.raises(influxdb.OtherInfluxDB, match=rf"written by {generation}\.x.*TONYPI_HOME"):
        influxdb.part(site(tmp_path, str(other)))


@pytest.mark.parametrize("generation", [1, 2])
def test_the_other_is_no_substitute_for_the_one_that_wrote(tmp_path: Path, generation: int) -> None:
    other = put(tmp_path / "path", "influxd", 3 - generation)
    ran(tmp_path / "home", generation)
    with pytest.raises(ProgramMissing, match=rf"InfluxDB {generation}\.x is not") as refused:
        influxdb.part(site(tmp_path))
    assert str(other) in str(refused.value)


def test_without_any_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match="influxd is not on this machine"):
        influxdb.part(site(tmp_path))


def test_a_home_looks_for_the_one_it_needs(tmp_path: Path) -> None:
    put(tmp_path / "path", "influxd", 1)
    ran(tmp_path / "home", 2)
    looking = Home(tmp_path / "home").site({}).programs
    assert replace(looking, cache=tmp_path / "cache").find("influxd") is None


def test_no_build_of_the_first_is_begun_where_the_second_is_needed() -> None:
    rest = frozenset({"mosquitto", "postgres", "telegraf", "grafana", "cc", "pkg-config", "fonts"})
    machine = Machine(root=True, apt=True, has=rest, go=Path("/go"), rust={}, influxdb=2)
    decided = plan(machine)
    assert decided.gets == ()
    assert "influxdb2" in decided.impossible[0]


def test_a_version_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="INFLUXDB_VERSION"):
        settings.load({"TONYPI_HOME": str(tmp_path), "INFLUXDB_VERSION": "3"})

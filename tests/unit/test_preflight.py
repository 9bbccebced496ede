"""Preflight: each thing that stands in the way is found, and what to do about it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from glue.stack import facts as gathering
from glue.stack import listeners, ports, recovery
from glue.stack.install.plan import Get
from glue.stack.ports import choose
from glue.stack.preflight import Facts, Finding, Room, findings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD = Facts(
    home="/srv/home",
    ports=tuple(choose({}, {}, {})),
    open_files=65536,
    memory_mb=4000,
    now=NOW,
    newest_file=NOW - timedelta(days=3),
    clock_synchronised=True,
    data=Room("/srv/home", 20_000),
    build=Room("/root", 20_000),
)
TELEGRAF = Get("telegraf", "go", "Telegraf, built with Go")


def only(facts: Facts) -> Finding:
    found = findings(facts)
    assert len(found) == 1, found
    assert found[0].what and found[0].do
    return found[0]


def test_a_good_machine_gives_nothing_to_say() -> None:
    assert findings(GOOD) == []


def test_a_machine_that_tells_nothing_is_not_suspected() -> None:
    assert findings(Facts(home="/srv/home")) == []


@pytest.mark.parametrize(
    ("change", "level", "about", "words"),
    [
        ({"gets": (TELEGRAF,)}, "note", "tool", "built with Go"),
        (
            {"gets": (Get("grafana", "tarball", "its tarball", needed=False),)},
            "note",
            "tool",
            "runs without it",
        ),
        (
            {"impossible": ("mosquitto (the MQTT broker) is missing: ask an administrator",)},
            "error",
            "tool",
            "ask an administrator",
        ),
        ({"open_files": 1024}, "warning", "limit", "limits.conf"),
        ({"open_files": 4096, "robots": 2000}, "warning", "limit", "needs 5024"),
        ({"memory_mb": 300}, "warning", "limit", "300 MB"),
        ({"memory_mb": 1500, "gets": (TELEGRAF,)}, "warning", "limit", "building"),
        ({"now": datetime(1970, 1, 1, tzinfo=UTC)}, "warning", "clock", "1970-01-01"),
        ({"clock_synchronised": False}, "warning", "clock", "set-ntp"),
        ({"data": Room("/srv/home", 100)}, "error", "space", "100 MB"),
        ({"data": Room("/srv/home", 1000)}, "warning", "space", "1000 MB"),
        ({"build": Room("/root", 1000), "gets": (TELEGRAF,)}, "error", "space", "/root"),
        ({"misfits": ("PostgreSQL",)}, "warning", "secrets", "PostgreSQL get"),
        ({"secrets_lost": True, "misfits": ("Grafana",)}, "warning", "secrets", "env is gone"),
        ({"running_checkout": "/old/clone"}, "warning", "home", "/old/clone"),
        ({"duckdb": "/usr/bin/duckdb"}, "note", "security", "/usr/bin/duckdb is here"),
        ({"elsewhere": ("PGHOST (or DATABASE_URL)",)}, "error", "settings", "PGHOST (or"),
        ({"unused": ("PGSERVICE",)}, "warning", "settings", "PGSERVICE"),
        ({"remembered": ("FLEET_TZ",)}, "note", "settings", "FLEET_TZ"),
        ({"kept_days": 90.0, "retention_days": 7}, "warning", "settings", "from 90 days"),
    ],
)
def test_each_finding(change: dict[str, object], level: str, about: str, words: str) -> None:
    found = findings(replace(GOOD, **change))  # type: ignore[arg-type]
    wanted = [f for f in found if (f.level, f.about) == (level, about)]
    assert any(words in f"{f.what} {f.do}" for f in wanted), found


def test_a_history_that_is_not_shortened_is_not_spoken_of() -> None:
    for kept, asked in ((7.0, 90), (90.0, 90), (90.0, None), (None, 7)):
        assert findings(replace(GOOD, kept_days=kept, retention_days=asked)) == []


def test_little_space_for_builds_matters_only_where_something_is_built() -> None:
    assert findings(replace(GOOD, build=Room("/root", 10))) == []


def test_errors_stand_first() -> None:
    facts = replace(GOOD, clock_synchronised=False, elsewhere=("PGHOST",), gets=(TELEGRAF,))
    assert [f.level for f in findings(facts)] == ["error", "warning", "note"]


def test_a_taken_usual_port_moves_and_says_who_has_it_and_how_to_free_it() -> None:
    taken = {1883: "process 7, mosquitto", 1884: "process 8, x"}
    facts = replace(
        GOOD,
        ports=tuple(choose({}, {}, taken)),
        hints={"Mosquitto": "`sudo systemctl disable --now mosquitto`"},
    )
    found = only(facts)
    assert (found.level, found.about) == ("note", "port")
    assert "process 7, mosquitto" in found.what
    assert "1885" in found.do


def test_a_port_that_robots_know_moves_with_a_warning() -> None:
    chosen = choose({"MQTT_BROKER_PORT": "2883"}, {}, {2883: "process 7"})
    found = only(replace(GOOD, ports=tuple(chosen)))
    assert found.level == "warning"
    assert "robots must send there" in found.do


@pytest.mark.parametrize(
    ("known", "explicit"),
    [
        ({}, {"PGPORT": "6000"}),
        ({"PGPORT": "6000", ports.ASKED: "PGPORT"}, {}),
    ],
)
def test_a_port_that_was_asked_for_and_is_taken_is_an_error(
    known: dict[str, str], explicit: dict[str, str]
) -> None:
    chosen = choose(known, explicit, {6000: "process 7"})
    found = only(replace(GOOD, ports=tuple(chosen)))
    assert found.level == "error"
    assert "PGPORT" in found.do
    assert {c.name: c.given for c in chosen}["PGPORT"] == 6000


def test_two_programs_cannot_have_one_port() -> None:
    chosen = {c.name: c for c in choose({}, {"GLUE_PORT": "1883"}, {})}
    assert chosen["GLUE_PORT"].given == 1883
    assert chosen["MQTT_BROKER_PORT"].given == 1884
    both = choose({}, {"GLUE_PORT": "9000", "PGPORT": "9000"}, {})
    assert [c.clash for c in both].count(True) == 1


def test_programs_elsewhere_have_no_port_here() -> None:
    chosen = choose({}, {"GRAFANA_URL": "http://grafana.example:3000"}, {3000: "process 7"})
    assert "GRAFANA_URL" not in {c.name for c in chosen}


def test_a_listener_is_found_with_its_process_and_our_own_do_not_count() -> None:
    import os
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert f"process {os.getpid()}" in listeners.taken()[port]
        assert port not in listeners.taken({os.getpid()})
    assert port not in listeners.taken()


def test_only_a_process_that_is_seen_to_be_anothers_has_our_port(tmp_path: Path) -> None:
    """Root without CAP_SYS_PTRACE (in a container) may not see whose a socket is."""
    import os
    import socket

    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").touch()
    (tmp_path / str(os.getpid())).mkdir()  # without a readable fd
    ours, others = os.getsid(0), 2**30
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert listeners.listens(ours, port)
        assert not listeners.listens(others, port)
        assert listeners.listens(ours, port, tmp_path)
    assert not listeners.listens(ours, port), "nobody listens"


def test_memory_is_what_the_machine_and_the_container_leave(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  2048000 kB\n")
    assert gathering.available_memory(tmp_path) == 2000
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{900 * 1024 * 1024}\n")
    (group / "memory.current").write_text(f"{200 * 1024 * 1024}\n")
    assert gathering.available_memory(tmp_path) == 700
    (group / "memory.max").write_text("max\n")
    assert gathering.available_memory(tmp_path) == 2000


def test_a_folder_that_is_not_there_yet_has_its_parents_room(tmp_path: Path) -> None:
    room = gathering.room(tmp_path / "not" / "yet")
    assert room.free_mb > 0
    assert room.path.endswith("not/yet")


def test_a_password_fits_the_data_that_remember_it_and_no_other(tmp_path: Path) -> None:
    door = recovery.Door("PostgreSQL", tmp_path, True, "first")
    assert not door.fits, "nobody knows what data without a mark take"
    door.remember()
    assert door.fits
    assert not replace(door, password="second").fits
    assert replace(door, password="second", made=False).fits, "without data anything fits"
    assert "first" not in door.mark.read_text()
    assert door.mark.stat().st_mode & 0o077 == 0


def test_the_verifier_is_the_one_of_the_standard() -> None:
    # RFC 7677, section 3: password "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 rounds.
    import base64

    made = recovery.scram("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert made == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )

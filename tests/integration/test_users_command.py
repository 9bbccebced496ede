"""``tonypi users``, as people type it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from glue.cli import users
from glue.settings import Postgres

Tonypi = Callable[..., tuple[int, str]]
PASSWORD = "correct horse battery"


@pytest.fixture
def tonypi(database: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tonypi:
    for name, value in {
        "TONYPI_HOME": str(tmp_path),
        "DATABASE_URL": database.dsn,
    }.items():
        monkeypatch.setenv(name, value)
    root = typer.Typer()
    users.register(root)

    def run(*words: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(root, ["users", *words], input=typed)
        return result.exit_code, result.output

    return run


def test_users_are_added_changed_and_listed(tonypi: Tonypi) -> None:
    ada = ("add", "ada", "--email", "ada@example.org", "--role", "operator")
    assert tonypi(*ada, typed=f"{PASSWORD}\n")[0] == 0
    code, said = tonypi(*ada, typed=f"{PASSWORD}\n")
    assert (code, "taken" in said) == (1, True)
    assert tonypi("role", "ADA", "admin")[0] == 0
    code, said = tonypi("deactivate", "ada")
    assert (code, "last active admin" in said) == (1, True)
    boss = ("add", "boss", "--email", "boss@example.org", "--role", "admin")
    assert tonypi(*boss, typed=f"{PASSWORD}\n")[0] == 0
    assert tonypi("deactivate", "ada")[0] == 0
    user, _ = json.loads(tonypi("list", "--json")[1])
    assert (user["username"], user["role"], user["is_active"]) == ("ada", "admin", False)
    assert tonypi("activate", "ada")[0] == 0
    assert tonypi("password", "ada", typed="another long phrase\n")[0] == 0
    assert PASSWORD not in tonypi("list")[1]


def test_a_generated_password_is_shown_this_once(tonypi: Tonypi) -> None:
    code, said = tonypi("add", "ada", "--email", "ada@example.org", "--generate")
    assert code == 0, said
    first = said.rpartition(": ")[2].strip()
    code, said = tonypi("password", "ada", "--generate")
    second = said.rpartition(": ")[2].strip()
    assert code == 0
    assert first != second
    assert min(len(first), len(second)) >= 16
    assert second not in tonypi("list", "--json")[1]


def test_name_and_address_change_and_stay_unique(tonypi: Tonypi) -> None:
    for name in ("ada", "bob"):
        made = tonypi("add", name, "--email", f"{name}@example.org", typed=f"{PASSWORD}\n")
        assert made[0] == 0
    assert tonypi("email", "Ada", "ada@home.example")[0] == 0
    assert tonypi("rename", "ada", "Grace")[0] == 0
    assert tonypi("rename", "grace", "BOB")[0] == 1
    assert tonypi("email", "grace", "bob@EXAMPLE.org")[0] == 1
    assert tonypi("email", "grace", "nothing")[0] == 1
    assert tonypi("rename", "ada", "eve")[0] == 1, "nobody is called ada now"
    names = {user["username"]: user["email"] for user in json.loads(tonypi("list", "--json")[1])}
    assert names == {"Grace": "ada@home.example", "bob": "bob@example.org"}


def test_sessions_end_at_the_command_line(tonypi: Tonypi, database: Postgres) -> None:
    tonypi("add", "ada", "--email", "ada@example.org", typed=f"{PASSWORD}\n")

    def open_sessions() -> int:
        with psycopg.connect(database.dsn) as conn:
            row = conn.execute("SELECT count(*) FROM sessions WHERE ended_at IS NULL").fetchone()
        assert row
        return int(row[0])

    def log_in() -> None:
        with psycopg.connect(database.dsn) as conn:
            conn.execute(
                "INSERT INTO sessions (user_id, expires_at)"
                " SELECT id, now() + interval '1 day' FROM users"
            )

    log_in()
    assert "ended: 1" in tonypi("sign-out", "ADA")[1]
    assert open_sessions() == 0
    log_in()
    assert tonypi("email", "ada", "a@b")[0] == 0
    assert open_sessions() == 1
    assert tonypi("password", "ada", "--generate")[0] == 0
    assert open_sessions() == 0
    assert tonypi("sign-out", "nobody")[0] == 1


def test_what_makes_no_sense_is_refused(tonypi: Tonypi) -> None:
    mail = ("--email", "bob@example.org")
    assert tonypi("add", "bob", *mail, typed="short\n")[0] == 1
    assert tonypi("add", "bob", *mail, "--role", "root", typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("add", "bob", "--email", "bob", typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("add", " ", *mail, typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("role", "nobody", "viewer")[0] == 1
    assert json.loads(tonypi("list", "--json")[1]) == []

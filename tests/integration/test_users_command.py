"""``tonypi users``, as people type it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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


def test_what_makes_no_sense_is_refused(tonypi: Tonypi) -> None:
    mail = ("--email", "bob@example.org")
    assert tonypi("add", "bob", *mail, typed="short\n")[0] == 1
    assert tonypi("add", "bob", *mail, "--role", "root", typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("add", "bob", "--email", "bob", typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("add", " ", *mail, typed=f"{PASSWORD}\n")[0] == 1
    assert tonypi("role", "nobody", "viewer")[0] == 1
    assert json.loads(tonypi("list", "--json")[1]) == []

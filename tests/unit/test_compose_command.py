"""``tonypi up|down|status`` with containers: what is said, and when. The client is a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from glue.cli import compose as command
from glue.stack import compose as compose_stack
from glue.stack.home import Home
from glue.stack.progress import Progress


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that does all it is asked; ``ps`` prints what stands in the file ``containers``."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    listed = tmp_path / "containers"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n'
        f'case "$*" in *" ps "*) cat {listed} 2>/dev/null;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.delenv("NATIVE", raising=False)
    monkeypatch.setenv("TONYPI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return listed


def test_passwords_are_shown_once(client, tmp_path, capfd):
    home = Home(tmp_path / "home")
    assert command.up(home, Progress(), False, tmp_path)
    first = capfd.readouterr().out
    values = compose_stack.read_env(tmp_path, {})
    assert values["GF_SECURITY_ADMIN_PASSWORD"] in first
    assert values["GLUE_ADMIN_PASSWORD"] in first
    assert "http://127.0.0.1:" in first
    assert command.up(home, Progress(), False, tmp_path)
    second = capfd.readouterr().out
    assert values["GLUE_ADMIN_PASSWORD"] not in second
    assert "http://127.0.0.1:" in second


def test_a_dry_run_writes_nothing(client, tmp_path):
    assert command.up(Home(tmp_path / "home"), Progress(), True, tmp_path)
    assert not (tmp_path / ".env").exists()


def test_the_native_run_goes_on_where_it_is_asked_for(client, tmp_path, monkeypatch):
    monkeypatch.setenv("NATIVE", "1")
    assert not command.up(Home(tmp_path / "home"), Progress(), False, tmp_path)
    assert not command.down(Home(tmp_path / "home"), False, False, tmp_path)
    assert not command.status(Home(tmp_path / "home"), False, tmp_path)
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize(
    ("health", "code"), [("glue running healthy 0", 0), ("glue running unhealthy 0", 4)]
)
def test_status_tells_by_its_exit_code(client, tmp_path, capfd, health, code):
    home = Home(tmp_path / "home")
    command.up(home, Progress(), False, tmp_path)
    client.write_text(f"{health}\n")
    with pytest.raises(typer.Exit) as ended:
        command.status(home, False, tmp_path)
    assert ended.value.exit_code == code
    assert ("not healthy: glue" in capfd.readouterr().out) == bool(code)


def test_only_a_purge_removes_the_secrets(client, tmp_path):
    home = Home(tmp_path / "home")
    command.up(home, Progress(), False, tmp_path)
    client.write_text("glue running healthy 0\n")
    assert command.down(home, False, False, tmp_path)
    assert (tmp_path / ".env").exists()
    assert command.down(home, True, True, tmp_path)
    assert not (tmp_path / ".env").exists()


def test_an_env_that_compose_would_not_read_is_named_by_its_line(client, tmp_path, capfd):
    (tmp_path / ".env").write_text("GLUE_PORT=8001 # note\nPGPASSWORD='s3cret\n")
    with pytest.raises(typer.Exit):
        command.up(Home(tmp_path / "home"), Progress(), False, tmp_path)
    said = capfd.readouterr().err
    assert "line 2" in said and "s3cret" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "asked"),
    [
        (["users", "add", "ada"], 0, "compose exec -T glue tonypi users add ada"),
        (["reports", "show", "1", "--out", "a.pdf"], 2, ""),
        (["reports", "show", "1", "--out=a.pdf"], 2, ""),
        (["simulate", "--robots", "3"], 2, ""),
        (["simulate", "--for=5m"], 0, "compose exec -T glue tonypi simulate --for=5m"),
        (["simulate", "--forget"], 0, "compose exec -T glue tonypi simulate --forget"),
        (["telegraf", "render", "--check"], None, ""),
        (["--help"], None, ""),
        ([], None, ""),
    ],
)
def test_what_asks_the_systems_is_done_in_the_glues_container(
    client, tmp_path, arguments, code, asked
):
    (tmp_path / ".env").touch()
    client.write_text("id-of-a-container\n")
    assert command.forwarded(arguments, tmp_path) == code
    done = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
    assert [line for line in done.splitlines() if " exec " in line] == [asked][: bool(asked)]


@pytest.mark.parametrize("elsewhere", [{"PGHOST": "prod-db"}, {}])
def test_without_containers_of_this_checkout_a_command_is_done_here(
    client, tmp_path, monkeypatch, elsewhere
):
    for name, value in elsewhere.items():
        client.write_text("id-of-a-container\n")
        (tmp_path / ".env").touch()
        monkeypatch.setenv(name, value)
    assert command.forwarded(["users", "list"], tmp_path) is None


def test_in_the_home_of_another_user_a_command_is_done_here(client, tmp_path, monkeypatch):
    client.write_text("id-of-a-container\n")
    (tmp_path / ".env").touch()

    def unreadable(home):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(command.homes, "is_running", unreadable)
    assert command.forwarded(["simulate"], tmp_path) is None

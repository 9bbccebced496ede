"""No documented password is ever reachable from another machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from glue import settings as settings_module
from glue.cli import serve, stack
from glue.core import demo, passwords
from glue.settings import Settings, SettingsError


def load(tmp_path: Path, **environ: str) -> Settings:
    return settings_module.load({"TONYPI_HOME": str(tmp_path), **environ})


@pytest.mark.parametrize(
    "open_to_others",
    [
        {"GLUE_HOST": "0.0.0.0"},
        {"GLUE_HOST": "192.168.1.5"},
        {"GLUE_HOST": "::"},
        {"GLUE_HOST": "robots.example.org"},
        {"TONYPI_BIND": "0.0.0.0"},
        {"MQTT_BROKER_HOST": "192.168.1.5"},
        {"GRAFANA_URL": "http://192.168.1.5:3000"},
        {"GRAFANA_PUBLIC_URL": "https://grafana.example.org"},
        {"GLUE_PUBLIC_URL": "https://robots.example.org"},
        {"PGHOST": "db.example.org"},
        {"INFLUXDB_URL": "http://10.0.0.1:8086"},
        {"GLUE_TRUSTED_PROXIES": "127.0.0.1"},
    ],
    ids=lambda given: "=".join(*given.items()),
)
def test_demo_mode_refuses_whatever_others_could_reach(
    tmp_path: Path, open_to_others: dict[str, str]
) -> None:
    (name,) = open_to_others
    with pytest.raises(SettingsError, match=f"GLUE_DEMO with {name}"):
        demo.check(load(tmp_path, GLUE_DEMO="1", **open_to_others))
    demo.check(load(tmp_path, **open_to_others))


def test_demo_mode_is_fine_on_loopback(tmp_path: Path) -> None:
    demo.check(load(tmp_path, GLUE_DEMO="1"))
    demo.check(load(tmp_path, GLUE_DEMO="1", GRAFANA_URL="", PGHOST="/run/postgresql"))
    demo.check(load(tmp_path, GLUE_DEMO="1", GLUE_HOST="::1", GRAFANA_URL="http://[::1]:3000"))


@pytest.mark.parametrize("name", demo.DOCUMENTED)
def test_documented_passwords_cannot_be_chosen(name: str) -> None:
    documented = demo.DOCUMENTED[name]
    assert passwords.objection(documented)
    assert demo.is_documented(documented)
    assert demo.opens(name.upper(), documented, demo=True, from_here=True)
    assert not demo.opens(name, documented, demo=False, from_here=True)
    assert not demo.opens(name, documented, demo=True, from_here=False)
    assert not demo.opens("somebody", documented, demo=True, from_here=True)


@pytest.mark.parametrize(
    ("peer", "host", "forwarded", "here"),
    [
        ("127.0.0.1", "127.0.0.1:8000", False, True),
        ("127.0.0.1", "localhost:8000", False, True),
        ("::1", "[::1]:8000", False, True),
        ("192.168.1.7", "127.0.0.1:8000", False, False),
        ("127.0.0.1", "127.0.0.1:8000", True, False),
        ("127.0.0.1", "evil.example.org:8000", False, False),
        ("127.0.0.1", "192.168.1.5:8000", False, False),
        ("127.0.0.1", "", False, False),
    ],
)
def test_what_is_of_this_machine(peer: str, host: str, forwarded: bool, here: bool) -> None:
    assert demo.from_here(peer, host, forwarded) is here


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NATIVE", "1")
    monkeypatch.setenv("GLUE_DEMO", "")  # put back what a command sets
    monkeypatch.setenv("TONYPI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("up", "--demo", "--lan"), {}),
        (("up", "--demo"), {"GLUE_HOST": "0.0.0.0"}),
        (("up", "--demo"), {"TONYPI_BIND": "0.0.0.0"}),
        (("up", "--lan"), {"GLUE_DEMO": "1"}),
        (("up",), {"GLUE_DEMO": "1", "GLUE_HOST": "192.168.1.5"}),
        (("serve",), {"GLUE_DEMO": "1", "GLUE_HOST": "0.0.0.0", "GLUE_JWT_SECRET": "x" * 32}),
    ],
)
def test_a_demo_that_others_could_reach_is_not_started(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    root = typer.Typer()
    stack.register(root)
    serve.register(root)
    done = CliRunner().invoke(root, words)
    assert done.exit_code == 2, done.output
    assert "demo" in done.output.lower()
    assert not (home / "stack.env").exists()

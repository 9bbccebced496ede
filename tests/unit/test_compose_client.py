"""What the docker client is asked, and what is made of its answers."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from glue.stack import compose
from glue.stack.home import Home


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A client that answers as told and writes down what it was asked."""
    client, asked = tmp_path / "bin" / "docker", tmp_path / "asked"
    client.parent.mkdir()

    def answering(script: str) -> Path:
        client.write_text(f'#!/bin/sh\necho "$ROBOTS: $@" >> {shlex.quote(str(asked))}\n{script}\n')
        client.chmod(0o755)
        return asked

    monkeypatch.setenv("PATH", f"{client.parent}:/usr/bin:/bin")
    return answering


def test_compose_is_chosen_where_an_engine_answers(docker, tmp_path):
    home = Home(tmp_path / "home")
    docker("exit 0")
    assert compose.why_not({}, home) == ""
    assert compose.why_not({"NATIVE": "0"}, home) == ""
    assert "NATIVE" in compose.why_not({"NATIVE": "1"}, home)
    docker('[ "$1" != info ]')
    assert "engine" in compose.why_not({}, home)
    docker('[ "$1" != compose ]')
    assert "plugin" in compose.why_not({}, home)
    docker("exit 0")
    (home.path / "data").mkdir(parents=True)
    assert "native" in compose.why_not({}, home)


def test_what_compose_is_asked(docker, tmp_path, monkeypatch):
    monkeypatch.setenv("ROBOTS", "7")
    asked = docker("exit 0")
    compose.up(3, tmp_path)
    compose.up(0, tmp_path)
    compose.down(True, tmp_path)
    lines = asked.read_text().splitlines()
    up = "up --detach --build --wait --wait-timeout 900"
    assert lines[0] == f"3: compose --profile simulator {up}"
    assert lines[1] == f"0: compose {up}"
    assert lines[2] == "7: compose --profile simulator down --volumes"
    docker("exit 1")
    with pytest.raises(compose.ComposeFailed, match="docker compose logs"):
        compose.up(0, tmp_path)


def test_the_words_of_a_first_step_that_failed_are_shown(docker, tmp_path):
    asked = docker(
        'case "$*" in *" up "*) exit 1;; *) echo init-broker exited 0; echo init-postgres exited 1;'
        " esac"
    )
    with pytest.raises(compose.ComposeFailed):
        compose.up(0, tmp_path)
    shown = [line for line in asked.read_text().splitlines() if " logs " in line]
    assert [line.split()[-1] for line in shown] == ["init-postgres"]


def test_who_does_not_serve_is_named(docker, tmp_path):
    docker(
        "printf '%s\\n' 'glue running healthy 0' 'grafana running starting 0' "
        "'init-broker exited 0' 'init-accounts exited 1' 'simulator running 0' 'mosquitto exited 0'"
    )
    assert compose.unhealthy(tmp_path) == ["grafana", "init-accounts", "mosquitto"]

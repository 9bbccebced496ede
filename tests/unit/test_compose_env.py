"""``.env``: made once and only completed, with what a start was given."""

from __future__ import annotations

import socket

import pytest

from glue import settings as settings_module
from glue.stack import compose, containers


def test_env_is_made_once_and_only_completed(tmp_path):
    compose.write_env(tmp_path, {"PGPASSWORD": "of the native run"}, {})
    env = tmp_path / ".env"
    assert env.stat().st_mode & 0o777 == 0o600
    made = compose.read_env(tmp_path, {})
    assert set(made) >= set(containers.REQUIRED)
    assert made["PGPASSWORD"] == "of the native run"
    text = env.read_text()
    compose.write_env(tmp_path, {}, {})
    assert env.read_text() == text
    env.write_text("# mine\nFLEET_TZ=Asia/Tokyo\nPGPASSWORD=\n")
    compose.write_env(tmp_path, {}, {})
    assert env.read_text().startswith("# mine\nFLEET_TZ=Asia/Tokyo\n")
    assert all(compose.read_env(tmp_path, {})[name] for name in containers.REQUIRED)


def test_env_remembers_what_a_start_was_given(tmp_path):
    compose.write_env(tmp_path, {}, {})
    given = {"GF_SMTP_PASSWORD": "Pa$word '1'", "FLEET_TZ": "Asia/Tokyo", "PGHOST": "localhost"}
    only_here = {"GRAFANA_IMAGE": "grafana/grafana:12.0.0", "TONYPI_BIND": "127.0.0.1"}
    given |= only_here
    (remark,) = compose.write_env(tmp_path, {}, given | {"HOME": "/root"})
    assert remark == "kept in .env: FLEET_TZ, GF_SMTP_PASSWORD, GRAFANA_IMAGE, TONYPI_BIND"
    there = compose.read_env(tmp_path, {})
    assert {name: there.get(name) for name in given} == given | {"PGHOST": None}
    assert compose.write_env(tmp_path, {}, given) == []


def test_who_begins_open_accepts_robots_by_hand_and_who_ran_before_keeps_what_it_had(tmp_path):
    opened = {"TONYPI_BIND": "0.0.0.0"}
    for name, given in (("new", opened), ("chosen", {**opened, "FLEET_REGISTRATION": "automatic"})):
        (tmp_path / name).mkdir()
        compose.write_env(tmp_path / name, {}, given)
    (tmp_path / "old").mkdir()
    compose.write_env(tmp_path / "old", {}, {})
    compose.write_env(tmp_path / "old", {}, opened)
    found = {n: compose.read_env(tmp_path / n, {}) for n in ("new", "chosen", "old")}
    policies = {name: env.get("FLEET_REGISTRATION") for name, env in found.items()}
    assert policies == {"new": "pending", "chosen": "automatic", "old": None}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"DATABASE_URL": "postgresql://ada:s3cret@prod-db/prod"}, "PGHOST"),
        ({"PGHOST": "prod-db"}, "PGHOST"),
        ({"INFLUXDB_URL": "http://prod-series:8086"}, "INFLUXDB_URL"),
        ({"MQTT_BROKER_HOST": "mqtt://prod-broker"}, "MQTT_BROKER_HOST"),
    ],
)
def test_a_system_elsewhere_is_refused_before_env_is_written(tmp_path, given, named):
    with pytest.raises(settings_module.SettingsError, match=named) as error:
        compose.write_env(tmp_path, {}, given)
    assert "s3cret" not in str(error.value)
    assert not (tmp_path / ".env").exists()


def test_a_taken_port_is_replaced_and_told(tmp_path, monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        usual = listener.getsockname()[1]
        monkeypatch.setitem(compose.PORTS, "GLUE_PORT", ("the glue", usual))
        (remark,) = [r for r in compose.write_env(tmp_path, {}, {}) if "GLUE_PORT" in r]
    port = compose.read_env(tmp_path, {})["GLUE_PORT"]
    assert int(port) > usual and port in remark
    assert compose.published({"GLUE_PORT": port})["API"] == f"http://127.0.0.1:{port}/docs"

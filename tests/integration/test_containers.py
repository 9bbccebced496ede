"""What can be seen of the containers without an engine (tests/containers has one): Compose itself
reads the file, the first steps work on the real systems, the broker's health command tells who may
not come in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml

from glue.core import metrics
from glue.settings import PROJECT, Influx
from glue.stack import compose, containers, probe
from glue.stack.parts import mosquitto
from glue.stack.programs import tools_cache
from tests import programs

SERVICES = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]


def composer() -> list[str]:
    """The command that is Compose here."""
    if probe_docker := shutil.which("docker"):
        asked = [probe_docker, "compose", "version"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return [probe_docker, "compose"]
    alone = shutil.which("docker-compose", path=f"{tools_cache() / 'bin'}:{os.environ['PATH']}")
    if alone is None or _version(alone).startswith("1."):
        pytest.skip("no Docker Compose 2 on this machine (plugin of docker, or docker-compose)")
    return [alone]


def _version(composer: str) -> str:
    asked = [composer, "version", "--short"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def config(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*composer(), "--project-directory", str(folder), "--file", "docker-compose.yml"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_compose_reads_it_and_stops_without_secrets(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "docker-compose.yml", tmp_path)
    refused = config(tmp_path, "config")
    assert refused.returncode != 0
    assert "`make up`" in refused.stderr
    compose.write_env(tmp_path, {}, {})
    with (tmp_path / ".env").open("a") as env:
        env.write("GLUE_PULL_INTERVAL=20\nFLEET_TZ=Asia/Tokyo\nMQTT_BROKER_PORT=1999\n")
    read = config(tmp_path, "--profile", "simulator", "config")
    assert read.returncode == 0, read.stderr
    assert read.stderr == "", "a variable that is not set is told here"
    services = yaml.safe_load(read.stdout)["services"]
    assert services.keys() == SERVICES.keys()
    glue = services["glue"]["environment"]
    assert (glue["GLUE_PULL_INTERVAL"], glue["MQTT_BROKER_PORT"]) == ("20", "1883")
    assert services["telegraf"]["environment"]["FLEET_TZ"] == glue["FLEET_TZ"] == "Asia/Tokyo"
    assert "POSTGRES_PASSWORD" in glue
    assert "POSTGRES_PASSWORD" not in services["grafana"]["environment"]
    (port,) = services["mosquitto"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "1999", 1883)


@pytest.fixture
def guarded(ground: programs.Ground, tmp_path: Path) -> Iterator[int]:
    """Port of a broker that wants a password: ``robots``, ``geheim§``."""
    port = probe.free_port()
    part = mosquitto.part(ground.site(ground.settings(MQTT_BROKER_PORT=port)))
    data = ground.home / "data" / "guarded"
    conf, passwords = data / "mosquitto.conf", data / "passwords"
    text = mosquitto.configuration(
        ground.settings().broker, port, str(data), part.user, passwords=str(passwords)
    )
    line = mosquitto.password_line("robots", "geheim§", b"0123456789ab")
    command = (part.command[0], "-c", str(conf))
    files = {conf: text, passwords: line}
    told = {"command": command, "files": files, "folders": (data,), "cwd": data}
    ground.start(replace(part, name="guarded", **told))
    yield port
    ground.stop("guarded")


@pytest.mark.parametrize(
    ("user", "password", "well"),
    [("robots", "geheim§", True), ("robots", "wrong", False), ("", "", False)],
)
def test_the_brokers_health_command_and_its_password(
    guarded: int, user: str, password: str, well: bool
) -> None:
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("no mosquitto_sub on this machine")
    kind, command = SERVICES["mosquitto"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    command = command.replace("$$", "$").replace("-p 1883", f"-p {guarded}")
    env = {"PATH": os.environ["PATH"], "MQTT_USERNAME": user, "MQTT_PASSWORD": password}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, check=False)
    assert (done.returncode == 0) is well, done.stderr


def run_init(environ: dict[str, str], folder: Path) -> None:
    where = ["--telegraf", str(folder / "telegraf"), "--grafana", str(folder / "grafana")]
    subprocess.run(
        [sys.executable, "-m", "glue.cli", "init", "accounts", *where],
        cwd=PROJECT,
        env=environ,
        check=True,
        timeout=120,
    )


def sourced(file: Path, name: str) -> str:
    """What a program finds that is started behind ``set -a; . file``."""
    script = f'set -a; . {file}; exec printenv "$0"'
    done = subprocess.run(
        ["sh", "-c", script, name],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.removesuffix("\n")


def test_the_first_steps_twice_on_real_systems(
    ground: programs.Ground,
    postgres: programs.Cluster,
    each_influx: Influx,
    tmp_path: Path,
) -> None:
    second = ground.environ["INFLUXDB_VERSION"] == "2"
    environ = ground.environ | {
        "PGDATABASE": f"containers_{'2' if second else '1'}",
        "INFLUXDB_BUCKET": "containers",
        "FLEET_ROBOT_TZ": """{"it's": "Asia/Tokyo"}""",
    }
    if second:
        # As in .env: 2.x chooses them.
        environ |= {"INFLUXDB_TELEGRAF_TOKEN": "", "INFLUXDB_GRAFANA_TOKEN": ""}
    try:
        run_init(environ, tmp_path)
        written = {file: file.read_text() for file in tmp_path.rglob("environment")}
        assert [file.stat().st_mode & 0o777 for file in written] == [0o600, 0o600]
        owners = {file.parent.name: file.stat().st_uid for file in written}
        if os.geteuid() == 0:
            assert owners == {"telegraf": 0, "grafana": containers.GRAFANA}
        run_init(environ, tmp_path)
        assert {file: file.read_text() for file in written} == written
        told = sourced(tmp_path / "telegraf" / "environment", "FLEET_ROBOT_TZ")
        assert told == environ["FLEET_ROBOT_TZ"]
        _may_do_their_part(each_influx.url, each_influx.org, tmp_path)
        dsn = ground.settings(PGDATABASE=environ["PGDATABASE"]).postgres.dsn
        with psycopg.connect(dsn) as conn:
            found = conn.execute("SELECT count(*) FROM metrics").fetchone()
        assert found == (len(metrics.METRICS),)
    finally:
        postgres.drop(environ["PGDATABASE"])


def _may_do_their_part(url: str, org: str, folder: Path) -> None:
    telegraf = sourced(folder / "telegraf" / "environment", "INFLUXDB_TELEGRAF_TOKEN")
    grafana = sourced(folder / "grafana" / "environment", "INFLUXDB_GRAFANA_TOKEN")
    where = {"org": org, "bucket": "containers"}

    def write(token: str) -> int:
        head = {"Authorization": f"Token {token}"}
        line = "seen,robot_id=r1 v=1"
        told = httpx.post(
            f"{url}/api/v2/write", params=where, headers=head, content=line, timeout=60
        )
        return told.status_code

    def read(token: str) -> str:
        head = {"Authorization": f"Token {token}"}
        asked = {"db": "containers", "q": "SELECT v FROM seen"}
        return httpx.get(f"{url}/query", params=asked, headers=head, timeout=60).text

    assert write(telegraf) == 204
    assert write(grafana) in (401, 403)
    assert '"values"' in read(grafana)
    assert '"values"' not in read(telegraf)

"""The Compose file as a person uses it: one stack goes up, is disturbed, is saved, goes down.

The tests share the stack; each starts it where it does not run, so each can run alone.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest

from glue.stack import compose
from tests import oidc
from tests.containers import stack as stacks
from tests.containers.engine import Engine
from tests.containers.stack import SYSTEMS, Stack, eventually

pytestmark = pytest.mark.timeout(1200)
"""The first time images are built."""

LOGIN = {"username": "robots", "password": "Pa$word-2026 #1"}
"""Of the robots; what a shell and Compose would take apart."""
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def laid(
    engine: Engine, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A checkout in which nothing was started."""
    with stacks.laid(engine, images, tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def running(laid: Stack) -> Stack:
    """The stack, everything healthy, with a password for robots and for Grafana's reader."""
    if not laid.serves():
        laid.up(MQTT_PASSWORD=LOGIN["password"], GRAFANA_READER_PASSWORD="Pa$word-2026")
    return laid


def client(stack: Stack, **login: str) -> mqtt.Client:
    """A connected client at the published port of the broker."""
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    if login:
        made.username_pw_set(**login)
    # A broker that was killed may be on its way back.
    made.connect_async("127.0.0.1", stack.port("MQTT_BROKER_PORT"))
    made.loop_start()
    eventually(made.is_connected, stack.story, 60)
    return made


def publish(stack: Stack, robot: str, *temperatures: float) -> None:
    """Readings of a robot's servo, taken by the broker before this returns."""
    robots = client(stack, **LOGIN)
    for temperature in temperatures:
        servo = {"id": 1, "name": "servo_1", "temperature": temperature, "position": 90}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        for topic, more in (
            (f"tonypi/status/{robot}", {"status": "online"}),
            (f"tonypi/servos/{robot}", {"servos": {"servo_1": servo}}),
        ):
            payload = json.dumps({"robot_id": robot, "timestamp": now, **more})
            robots.publish(topic, payload, qos=1).wait_for_publish(10)
    robots.disconnect()
    robots.loop_stop()


def charted(stack: Stack, robot: str) -> list[float]:
    """Servo temperatures of ``robot`` as Grafana's data source draws them for who signed in at the
    published ports."""
    query = {
        "refId": "A",
        "datasource": {"uid": "influxdb"},
        "rawQuery": True,
        "query": f"SELECT temperature FROM servos WHERE robot_id = '{robot}'",
        "resultFormat": "time_series",
    }
    with httpx.Client(auth=grafana_root(stack), trust_env=False, timeout=60) as grafana:
        answer = grafana.post(
            f"{stack.url('GRAFANA_PORT')}/api/ds/query",
            json={"queries": [query], "from": "now-1h", "to": "now"},
        )
    answer.raise_for_status()
    frames = answer.json()["results"]["A"].get("frames", [])
    return [value for frame in frames for value in frame["data"]["values"][1]]


def grafana_root(stack: Stack) -> tuple[str, str]:
    return "tonypi-root", stack.env()["GF_SECURITY_ADMIN_PASSWORD"]


def grafana_evaluates(stack: Stack) -> bool:
    """Whether `tonypi status` says so, and could ask everything."""
    status = json.loads(stack.tonypi("status", "--json").stdout)
    assert len(status["containers"]) >= len(SYSTEMS)
    asked = status["unhealthy"] == [] and status.get("unknown") == []
    return asked and status["evaluator"]["name"] == "grafana"


def alerts(stack: Stack, robot: str) -> list[dict[str, Any]]:
    with stack.api() as api:
        answer = api.get("/api/v1/alerts")
    answer.raise_for_status()
    return [dict(alert) for alert in answer.json()["items"] if alert["robot_id"] == robot]


def test_compose_without_env_says_what_to_do_and_starts_nothing(laid: Stack) -> None:
    if (laid.folder / ".env").exists():
        pytest.skip("another test has started it")
    refused = laid.compose("up", "--detach")
    assert refused.returncode != 0
    assert "`make up`" in refused.stderr
    assert laid.engine.run("ps", "--all", "--quiet", "--filter", f"name={laid.name}") == ""


def test_the_first_start_says_where_it_is_and_remembers_what_it_was_given(laid: Stack) -> None:
    if (laid.folder / ".env").exists():
        pytest.skip("another test has started it")
    text = laid.up(MQTT_PASSWORD=LOGIN["password"], GRAFANA_READER_PASSWORD="Pa$word-2026")
    env = laid.env()
    for name, password in env.items():
        if name in ("GLUE_ADMIN_PASSWORD", "GLUE_VIEWER_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD"):
            assert password in text
    given = {n: v for n, v in laid.environ.items() if n in compose.ONLY_HERE or n in compose.PORTS}
    assert {name: env.get(name) for name in given} == given
    assert env["MQTT_PASSWORD"] == LOGIN["password"]
    assert (laid.folder / ".env").stat().st_mode & 0o777 == 0o600


def test_the_second_start_changes_nothing(running: Stack) -> None:
    before = {name: running.container(name)["Id"] for name in SYSTEMS}
    kept = (running.folder / ".env").read_text()
    text = running.up()
    assert {name: running.container(name)["Id"] for name in SYSTEMS} == before
    assert (running.folder / ".env").read_text() == kept
    assert running.env()["GLUE_ADMIN_PASSWORD"] not in text


def test_messages_become_a_chart_and_an_alert(running: Stack) -> None:
    deadline = time.monotonic() + 120
    while not (found := alerts(running, "h1")):
        assert time.monotonic() < deadline, running.story()
        publish(running, "h1", 95.0)
        time.sleep(2)
    assert found[0]["alert_type"] and found[0]["severity"] == "critical"
    assert max(charted(running, "h1")) == 95.0


def test_people_sign_in_to_grafana_at_the_published_ports(running: Stack) -> None:
    grafana = running.url("GRAFANA_PORT").replace("127.0.0.1", "localhost")
    for role in ("viewer", "admin"):
        password = running.env()[f"GLUE_{role.upper()}_PASSWORD"]
        assert oidc.signed_in(f"{grafana}/", role, password).json()["login"] == role


def test_nothing_but_three_ports_is_reached_and_only_from_this_machine(running: Stack) -> None:
    published = {
        name: running.container(name)["NetworkSettings"]["Ports"] or {} for name in SYSTEMS
    }
    bound = {n: [b for b in ports.values() if b] for n, ports in published.items()}
    assert {name for name, bindings in bound.items() if bindings} == {
        "mosquitto",
        "grafana",
        "glue",
    }
    hosts = {b["HostIp"] for bindings in bound.values() for each in bindings for b in each}
    assert hosts == {"127.0.0.1"}


def test_robots_may_not_come_without_the_password(running: Stack) -> None:
    refused: list[object] = []
    anonymous = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    anonymous.on_connect = lambda *args: refused.append(args[3])
    anonymous.connect("127.0.0.1", running.port("MQTT_BROKER_PORT"))
    anonymous.loop_start()
    eventually(lambda: refused, within=20)
    anonymous.loop_stop()
    assert str(refused[0]) == "Not authorized"


def test_commands_ask_the_systems_in_their_containers(running: Stack) -> None:
    eventually(lambda: grafana_evaluates(running), running.story, 180)
    assert "evaluator: grafana" in running.tonypi("status").stdout
    listed = running.tonypi("users", "list")
    assert listed.returncode == 0 and "viewer" in listed.stdout, listed.stderr
    assert "glue-1" in running.tonypi("logs", "glue", "-n", "3").stdout


def test_a_broker_beyond_this_machine_or_with_a_name_wants_a_password(running: Stack) -> None:
    for wish in ({"TONYPI_BIND": "0.0.0.0"}, {"MQTT_USERNAME": "robots"}):
        refused = running.compose(
            *("run", "--rm", "-T", "init-broker"), environ={"MQTT_PASSWORD": "", **wish}
        )
        assert refused.returncode == 2
        assert "MQTT_PASSWORD" in refused.stderr


def test_a_change_in_env_reaches_what_it_concerns_alone(running: Stack) -> None:
    other = "tonypi-test-grafana:other"
    running.engine.run("tag", running.container("grafana")["Image"], other)
    before = {name: running.container(name)["Id"] for name in SYSTEMS}
    # A shell and Compose would each take this apart.
    sender = "Pa$word '1' $HOME"
    running.set_env(GF_SMTP_FROM_NAME=sender, TELEGRAF_MEMORY="300MiB")
    running.up(GRAFANA_IMAGE=other, ROBOTS="2")
    after = {name: running.container(name)["Id"] for name in SYSTEMS}
    # Those that start after init-accounts, which reads all of .env.
    changed = {name for name in SYSTEMS if before[name] != after[name]}
    assert changed == {"grafana", "telegraf", "glue"}
    assert running.env()["GRAFANA_IMAGE"] == other
    assert running.inside("printenv", "GOMEMLIMIT", service="telegraf") == "300MiB"
    settings = f"{running.url('GRAFANA_PORT')}/api/admin/settings"
    answer = httpx.get(settings, auth=grafana_root(running), trust_env=False, timeout=60)
    assert answer.json()["smtp"]["from_name"] == sender
    # The simulator, a service that only runs when it is asked for.
    simulated = "SELECT count(*) FROM robots WHERE robot_id LIKE 'sim%'"
    eventually(lambda: running.sql(simulated) == "2", running.story, 60)


@pytest.mark.parametrize("killed", [("mosquitto",), ("telegraf", "influxdb", "postgres", "glue")])
def test_killed_containers_come_back_and_nothing_is_lost(
    running: Stack, killed: tuple[str, ...]
) -> None:
    robot = f"kill_{len(killed)}"
    publish(running, robot, 40.0)
    eventually(lambda: charted(running, robot) == [40.0], running.story, 120)
    running.kill(*killed)
    publish(running, robot, 41.0)
    eventually(running.serves, running.story, 300)
    eventually(lambda: charted(running, robot) == [40.0, 41.0], running.story, 120)
    assert running.sql(f"SELECT count(*) FROM robots WHERE robot_id = '{robot}'") == "1"


def test_after_a_restart_of_the_engine_everything_is_as_before(running: Stack) -> None:
    if running.engine.part is None:
        pytest.skip("the engine is somebody else's")
    publish(running, "engine", 40.0)
    running.engine.stop()
    running.engine.start()
    eventually(running.serves, running.story, 300)
    publish(running, "engine", 41.0)
    eventually(lambda: set(charted(running, "engine")) == {40.0, 41.0}, running.story, 120)


def test_a_backup_through_the_pipe_brings_back_what_was_lost(running: Stack) -> None:
    publish(running, "saved", 40.0)
    eventually(lambda: charted(running, "saved"), running.story, 120)
    saved = running.compose("exec", "-T", "glue", "tonypi", "backup", "--to", "-", text=False)
    assert saved.returncode == 0, saved.stderr
    running.sql("DELETE FROM robots WHERE robot_id = 'saved'")
    assert running.compose("stop", "glue", "grafana", "telegraf").returncode == 0
    restored = running.compose(
        "run", "--rm", "-T", "glue", "restore", "-", "--yes", input=saved.stdout, text=False
    )
    assert restored.returncode == 0, restored.stderr
    running.up()
    assert running.sql("SELECT count(*) FROM robots WHERE robot_id = 'saved'") == "1"
    assert charted(running, "saved") == [40.0]


def behind_a_proxy(stack: Stack, folder: Path) -> str:
    """A configuration of Docker's client: the one in use, with a proxy for containers."""
    used = Path(stack.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    if used.exists():
        shutil.copytree(used, folder, dirs_exist_ok=True)
    file = folder / "config.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    proxies = {"default": {"httpProxy": NOWHERE, "httpsProxy": NOWHERE}}
    file.write_text(json.dumps({**known, "proxies": proxies}))
    return str(folder)


def test_down_keeps_the_data_and_purge_leaves_nothing(running: Stack, tmp_path: Path) -> None:
    publish(running, "kept", 40.0)
    eventually(lambda: charted(running, "kept"), running.story, 120)
    assert running.tonypi("down").returncode == 0
    label = f"label=com.docker.compose.project={running.name}"
    assert running.engine.run("ps", "--all", "--quiet", "--filter", label) == ""
    # Docker's client gives containers its own proxy, behind which nobody is here.
    running.up(DOCKER_CONFIG=behind_a_proxy(running, tmp_path))
    assert running.inside("printenv", "HTTP_PROXY") == NOWHERE
    assert charted(running, "kept") == [40.0]
    eventually(lambda: grafana_evaluates(running), running.story, 180)
    assert running.tonypi("down", "--purge", "--yes").returncode == 0
    for kind in ("container", "volume", "network"):
        assert running.engine.run(kind, "ls", "--quiet", "--filter", label) == "", kind
    assert not (running.folder / ".env").exists()

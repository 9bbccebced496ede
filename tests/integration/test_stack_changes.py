"""A stack whose surroundings change: ports taken, secrets lost, opened to the network and closed.

The tests of this file share one stack and run in their order.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest

from glue.stack import lan, ports, probe, recovery, secrets
from glue.stack.home import Home
from tests.native_stack import LISTEN, LOOPBACK, Stack, until
from tests.oidc import PASSWORD, kept_password, signed_in

USUAL = {port for _, port in (*ports.PORTS.values(), *ports.URLS.values())}
EVERYWHERE = {"00000000", "0" * 32}
OUTSIDE = "127.0.0.2"
"""Refuses what listens on 127.0.0.1 alone, like any address of another interface."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="tonypi-changes-"))
    folder.chmod(0o755)
    kept = ("PATH", "HOME", "LANG", "GRAFANA_HOME", "INFLUXDB_VERSION")
    environ = {key: os.environ[key] for key in kept if key in os.environ}
    environ |= {"TONYPI_HOME": str(folder / "home"), "ROBOTS": "1", "NATIVE": "1"}
    made = Stack(Home(folder / "home"), environ)
    with ExitStack() as held:
        # Somebody has every usual port: others on this machine, or we.
        for port in USUAL:
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                listener.bind(("127.0.0.1", port))
                listener.listen()
        yield made
    made.run("down", "--purge", "--yes")
    folder.rmdir()


def chosen(stack: Stack) -> dict[str, str]:
    return {name: secrets.read(stack.home.path)[name] for name in (*ports.PORTS, *ports.URLS)}


def listening(stack: Stack) -> dict[str, set[str]]:
    """Part → addresses (as the kernel writes them) that it listens on."""
    sockets: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN:
                sockets[f"socket:[{fields[9]}]"] = fields[1].split(":")[0]
    found: dict[str, set[str]] = {}
    for name, pid in stack.pids().items():
        held = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
        found[name] = {sockets[inode] for inode in held & set(sockets)}
    return found


def publish(stack: Stack, host: str, topic: str, text: str, login: tuple[str, str] | None) -> str:
    """Send one message at QoS 1; the broker's answer to the connection or to the message."""
    told: list[str] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    if login:
        client.username_pw_set(*login)
    client.on_connect = lambda _c, _u, _f, reason, _p: (
        told.append(str(reason)) if reason.is_failure else client.publish(topic, text, qos=1)
    )
    client.on_publish = lambda _c, _u, _m, reason, _p: told.append(str(reason))
    try:
        client.connect(host, stack.home.site(stack.environ).settings.broker.port)
    except OSError as error:
        return str(error)
    client.loop_start()
    until(lambda: bool(told), 10)
    client.loop_stop()
    client.disconnect()
    return told[0] if told else "no answer"


def reached(stack: Stack, host: str) -> set[str]:
    """Programs of this stack that accept a connection at ``host``."""
    programs = {name: program for name, (program, _) in {**ports.PORTS, **ports.URLS}.items()}
    given = {name: ports.port_in(value, 0) for name, value in chosen(stack).items()}
    return {programs[name] for name, port in given.items() if probe.accepts(host, port)}


def robots(stack: Stack) -> set[str]:
    with psycopg.connect(stack.home.site(stack.environ).settings.postgres.dsn) as conn:
        return {row[0] for row in conn.execute("SELECT robot_id FROM robots")}


def admin_of_grafana(stack: Stack) -> int:
    grafana = stack.home.site(stack.environ).settings.grafana
    login = (grafana.admin_user, grafana.admin_password.get_secret_value())
    return httpx.get(f"{grafana.url}/api/admin/stats", auth=login, trust_env=False).status_code


def signs_in(stack: Stack, grafana: str) -> bool:
    """Whether somebody who opens ``grafana`` and gives name and password at the glue gets in."""
    with psycopg.connect(stack.home.site(stack.environ).settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO users (id, username, email, password_hash, role)"
            " VALUES ('a-looker', 'looker', 'looker@example.org', %s, 'viewer')"
            " ON CONFLICT DO NOTHING",
            [kept_password()],
        )

    def is_there() -> bool:
        # The reconciler makes the account first.
        with suppress(httpx.HTTPError, AssertionError, KeyError):
            return signed_in(grafana, "looker", PASSWORD).json()["login"] == "looker"
        return False

    return until(is_there, 30)


def test_every_taken_port_is_listed_before_anything_is_done(stack: Stack) -> None:
    shown = stack.run("up", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    taken = {f["what"].split()[1] for f in told["findings"] if f["about"] == "port"}
    assert taken == {str(port) for port in USUAL}
    assert not set(told["ports"].values()) & USUAL
    assert not stack.home.path.exists()


def test_a_port_that_was_asked_for_does_not_move(stack: Stack) -> None:
    asked = Stack(stack.home, stack.environ | {"MQTT_BROKER_PORT": "1883"})
    refused = asked.run("up")
    assert refused.returncode == 2
    assert "✗ port 1883 is taken" in refused.stdout
    assert "MQTT_BROKER_PORT" in refused.stdout
    assert not stack.home.path.exists()


def test_up_works_on_the_alternatives_and_they_stay(stack: Stack) -> None:
    done = stack.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    first = chosen(stack)
    assert first["PGPORT"] in done.stdout
    assert stack.run("status").returncode == 0
    again = stack.run("up")
    assert again.returncode == 0
    assert chosen(stack) == first
    assert f":{first['GLUE_PORT']}/docs" in again.stdout
    assert until(lambda: "sim_01" in robots(stack), 30), stack.run("logs", "glue").stdout


def test_a_lost_stack_env_is_made_anew_and_the_data_answer_to_it(stack: Stack) -> None:
    assert stack.run("down").returncode == 0
    before = secrets.read(stack.home.path)
    (stack.home.path / secrets.FILE).unlink()
    done = stack.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    after = secrets.read(stack.home.path)
    assert not {after[name] for name in secrets.GENERATED} & set(before.values())
    assert "stack.env is gone" in done.stdout
    assert after["GLUE_ADMIN_PASSWORD"] not in done.stdout, "its users keep their passwords"
    status = stack.status()
    assert {part["state"] for part in status["parts"].values()} == {"ready"}
    assert status["unknown"] == [], "PostgreSQL and InfluxDB answer to the new passwords"
    assert "sim_01" in robots(stack)
    if "grafana" in status["parts"]:
        assert after["GF_SECURITY_ADMIN_PASSWORD"] in done.stdout
        assert admin_of_grafana(stack) == 200


def test_passwords_that_fit_are_left_alone(stack: Stack) -> None:
    told = (stack.home.path / "logs" / "supervisor.log").read_text()
    assert told.count('"passwords.reset"') == 1
    site = stack.home.site(stack.environ)
    assert recovery.misfits(stack.home.path, site.settings) == []


def test_lan_opens_three_doors_each_with_a_password(stack: Stack) -> None:
    done = stack.run("up", "--lan")
    assert done.returncode == 0, done.stdout + done.stderr
    held = listening(stack)
    opened = {name for name, addresses in held.items() if addresses - LOOPBACK}
    assert opened == {"mosquitto", "glue", "grafana"} & set(held)
    assert all(held[name] <= EVERYWHERE for name in opened)
    password = secrets.read(stack.home.path)["MQTT_ROBOTS_PASSWORD"]
    assert password in done.stdout
    assert password not in stack.run("up").stdout, "shown once"
    config = stack.home.site(stack.environ).settings
    api = f"http://{OUTSIDE}:{config.glue.port}/api/v1/robots"
    assert httpx.get(api, trust_env=False).status_code == 401
    if "grafana" in held:
        url = config.grafana.url.replace(lan.LOOPBACK, OUTSIDE)
        assert httpx.get(f"{url}/api/dashboards/home", trust_env=False).status_code == 401
        # From this network people are led to addresses of this network.
        near = f"http://{lan.addresses(lan.ANY)[0]}:{urlsplit(config.grafana.url).port}"
        assert f"dashboards  {near}\n" in done.stdout
        assert signs_in(stack, f"{near}/")


def test_a_robot_needs_the_password_and_then_its_message_arrives(stack: Stack) -> None:
    at = datetime.now(UTC).isoformat()
    said = json.dumps({"robot_id": "lan_robot", "timestamp": at, "status": "online"})
    topic = "tonypi/status/lan_robot"
    assert "ot authorized" in publish(stack, OUTSIDE, topic, said, None)
    assert "ot authorized" in publish(stack, OUTSIDE, topic, said, (lan.ROBOTS, "wrong"))
    right = (lan.ROBOTS, secrets.read(stack.home.path)["MQTT_ROBOTS_PASSWORD"])
    assert publish(stack, OUTSIDE, topic, said, right) == "Success"
    assert until(lambda: "lan_robot" in robots(stack), 20)
    allowed = {
        # Whoever forged this would make us believe that we listen.
        "pipeline/heartbeat": False,
        "commands/lan_robot": False,
        "commands/broadcast": False,
        "emergency_stop/lan_robot": False,
        "emergency_stop": False,
        # Arrives, to be counted.
        "anything/lan_robot": True,
        "commands/response": True,
        "emergency_stop/response": True,
    }
    answers = {t: publish(stack, OUTSIDE, f"tonypi/{t}", "{}", right) for t in allowed}
    assert {t: "ot authorized" not in answer for t, answer in answers.items()} == allowed


def test_our_own_programs_have_logins_of_their_own(stack: Stack) -> None:
    def users(name: str) -> str:
        environ = Path(f"/proc/{stack.pids()[name]}/environ").read_bytes().split(b"\0")
        return next(e for e in environ if e.startswith(b"MQTT_USERNAME=")).decode()[14:]

    named = {name: users(name) for name in ("glue", "telegraf", "simulator")}
    assert named == {name: name for name in named}
    site = stack.home.site(stack.environ)
    with psycopg.connect(site.settings.postgres.dsn) as conn:
        conn.execute("DELETE FROM robots WHERE robot_id = 'sim_01'")
    assert until(lambda: "sim_01" in robots(stack), 40), "events of the simulator still arrive"
    query = "SELECT count(cpu_percent) FROM performance WHERE time > now() - 20s"
    user, _, password = site.settings.influx.token.get_secret_value().rpartition(":")

    def fresh() -> bool:
        asked = httpx.get(
            f"{site.settings.influx.url}/query",
            params={"db": site.settings.influx.bucket, "q": query},
            auth=(user or "tonypi", password),
            trust_env=False,
        )
        return "series" in asked.text

    assert until(fresh, 40), "metrics still arrive"


def test_a_given_address_is_the_only_other_one(stack: Stack) -> None:
    address = lan.addresses(lan.ANY)[0]
    if not lan.is_open(address):
        pytest.skip("NOT RUN: this machine has no address beyond loopback")
    done = stack.run("up", "--lan", "--address", address)
    assert done.returncode == 0, done.stdout + done.stderr
    settings = stack.home.site(stack.environ).settings
    hosts = {name: reached(stack, name) for name in (OUTSIDE, address, "127.0.0.1")}
    assert hosts[OUTSIDE] == set()
    assert hosts["127.0.0.1"] == {"Mosquitto", "PostgreSQL", "InfluxDB"}
    others = {"Grafana"} if "grafana" in stack.status()["parts"] else set()
    assert hosts[address] == {"Mosquitto", "the glue"} | others
    assert f"http://{address}:{settings.glue.port}/docs" in done.stdout
    assert stack.status()["unknown"] == []


def test_the_mode_is_kept_until_it_is_taken_back(stack: Stack) -> None:
    before = secrets.read(stack.home.path)[lan.BIND]
    assert stack.run("down").returncode == 0
    edited = secrets.read(stack.home.path) | {"POSTGRES_PASSWORD": "another one's"}
    secrets.write(stack.home.path, edited)
    again = stack.run("up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "stack.env has other passwords" in again.stdout
    assert lan.is_open(before) and secrets.read(stack.home.path)[lan.BIND] == before
    assert listening(stack)["mosquitto"] - LOOPBACK
    assert stack.run("up", "--no-lan").returncode == 0
    assert set().union(*listening(stack).values()) <= LOOPBACK
    at = datetime.now(UTC).isoformat()
    said = json.dumps({"robot_id": "near_robot", "timestamp": at, "status": "online"})
    assert "refused" in publish(stack, OUTSIDE, "tonypi/status/near_robot", said, None)
    assert publish(stack, "127.0.0.1", "tonypi/status/near_robot", said, None) == "Success"


def test_on_this_machine_people_sign_in_by_either_name_of_it(stack: Stack) -> None:
    if "grafana" not in stack.status()["parts"]:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    port = urlsplit(stack.home.site(stack.environ).settings.grafana.url).port
    for host in (lan.LOOPBACK, "localhost"):
        assert signs_in(stack, f"http://{host}:{port}/dashboards"), host


def test_an_address_of_another_machine_is_refused(stack: Stack) -> None:
    refused = stack.run("up", "--lan", "--address", "198.51.100.7")
    assert refused.returncode == 2
    assert "hostname -I" in refused.stderr
    assert stack.run("status").returncode == 0

"""Payloads in, points out, through the real broker, the real Telegraf and the shipped program.

Only the output is swapped for a file. All cases go through one Telegraf, each ended by a marker;
``UPDATE_GOLDEN=1`` writes what came as what is expected.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from glue.core import topics
from glue.settings import PROJECT, Broker
from tests import telegraf_golden as golden
from tests import telegraf_wire as wire
from tests.conftest import StartTelegraf

CONFIG = PROJECT / "telegraf" / "telegraf.conf"
SOURCE = PROJECT / "telegraf" / "topics.yml"
MODEL = topics.parse(SOURCE.read_text(), str(SOURCE))


def with_file_output(config: str, target: Path) -> str:
    inputs, marker, _ = config.partition("[[outputs.influxdb_v2]]")
    assert marker
    return f'{inputs}[[outputs.file]]\n  files = ["{target}"]\n  data_format = "influx"\n'


def without(function: str, instead: str) -> str:
    """The shipped configuration, whose program's ``function`` does nothing but ``instead``."""
    config = CONFIG.read_text()
    begin = re.search(rf"^def {function}\(.*\):\n", config, re.MULTILINE)
    assert begin
    return f"{config[: begin.end()]}    {instead}\n    return\n{config[begin.end() :]}"


def publish(broker: Broker, messages: list[tuple[str, bytes]]) -> None:
    """All messages at QoS 1, in order, accepted when this returns."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(100)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        sent = [client.publish(topic, payload, qos=1) for topic, payload in messages]
        for message in sent:
            message.wait_for_publish(30)
            assert message.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def run() -> golden.Run:
    return golden.Run(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(params=["both ways", "the careful way"])
def output(
    request: pytest.FixtureRequest,
    run: golden.Run,
    mosquitto: Broker,
    telegraf: StartTelegraf,
    tmp_path: Path,
) -> dict[str, list[str]]:
    """Points of every case, by its folder's name: of the shipped program, and of its function that
    reads any message, without the one that is quick with usual ones."""
    config, target = tmp_path / "telegraf.conf", tmp_path / "out.lp"
    both = request.param == "both ways"
    program = CONFIG.read_text() if both else without("usual", 'fail("every message is odd")')
    config.write_text(with_file_output(program, target))
    golden.autumn_zone(tmp_path / "zones", run.start - timedelta(minutes=30))
    session = f"golden-{uuid.uuid4().hex[:8]}"
    wire.open_session(mosquitto, session)
    messages = []
    for case in golden.cases():
        messages += [*run.messages(case), run.marker(case)]
    publish(mosquitto, messages)
    zones = {"tokyo": "Asia/Tokyo", "autumn": golden.AUTUMN_ZONE}
    env = {
        "MQTT_TELEGRAF_CLIENT_ID": session,
        "FLEET_TZ": golden.FLEET_ZONE,
        "FLEET_ROBOT_TZ": json.dumps(zones),
        "ZONEINFO": str(tmp_path / "zones"),
    }
    telegraf(config, env)
    last = f"sensor_type={golden.cases()[-1].name} "
    until = time.monotonic() + 60
    while not (target.exists() and last in target.read_text()):
        assert time.monotonic() < until, "Telegraf did not come to the last message"
        time.sleep(0.2)
    return run.parts(target.read_text().splitlines())


def test_every_case_gives_its_points(output: dict[str, list[str]]) -> None:
    wrong = []
    for case in golden.cases():
        expected = case / "out.lp"
        came = "".join(f"{line}\n" for line in output[case.name])
        if os.environ.get("UPDATE_GOLDEN"):
            expected.write_text(came)
        elif came != expected.read_text():
            wrong.append(f"--- {case.name}: expected\n{expected.read_text()}+++ came\n{came}")
    assert not wrong, "\n".join(wrong)


def test_messages_in_which_nothing_is_odd_take_the_usual_way(
    mosquitto: Broker, telegraf: StartTelegraf, tmp_path: Path
) -> None:
    """All but statuses: what each says of the robot's clock is looked at more closely."""
    config, target = tmp_path / "telegraf.conf", tmp_path / "out.lp"
    config.write_text(with_file_output(without("convert", 'refuse(bad, "not_json")'), target))
    session = f"golden-{uuid.uuid4().hex[:8]}"
    wire.open_session(mosquitto, session)
    at = datetime.now(UTC)
    usual = [wire.sensor("u1", at, *wire.SENSORS[0]), wire.servos("u1", at)]
    usual += [wire.battery("u1", at), wire.location("u1", at)]
    publish(mosquitto, [(m.topic, m.payload) for m in (*usual, wire.status("u1", at))])
    telegraf(config, {"MQTT_TELEGRAF_CLIENT_ID": session})
    until = time.monotonic() + 60
    while not (target.exists() and "refused,reason=not_json,topic=status" in target.read_text()):
        assert time.monotonic() < until, "Telegraf did not come to the last message"
        time.sleep(0.2)
    names = [line.split(",")[0] for line in target.read_text().splitlines()]
    stored = [name for name in names if not name.startswith(("internal", "broker"))]
    assert stored == ["sensors", "imu", *["servos"] * 6, "battery", "location", "refused"]


def test_a_mistaken_root_is_counted_under_its_name_and_others_are_not_looked_at(
    mosquitto: Broker, telegraf: StartTelegraf, tmp_path: Path
) -> None:
    config, target = tmp_path / "telegraf.conf", tmp_path / "out.lp"
    config.write_text(with_file_output(CONFIG.read_text(), target))
    telegraf(config, {"MQTT_TELEGRAF_CLIENT_ID": f"golden-{uuid.uuid4().hex[:8]}"})
    assert MODEL.mistaken_roots
    body = b'{"robot_id": "m1", "sensor_type": "light_level", "value": 1, "status": "started"}'
    roots = (*MODEL.mistaken_roots, "zigbee")
    sent = [
        (f"{root}/{rest}", body) for rest in ("sensors/m1", "job/m1", "battery") for root in roots
    ]
    counted: dict[str, set[str]] = {}
    until = time.monotonic() + 60
    # Nobody keeps these messages, so they are sent until Telegraf has subscribed.
    while counted.keys() < set(MODEL.mistaken_roots):
        assert time.monotonic() < until, f"counted are {sorted(counted)}"
        publish(mosquitto, sent)
        time.sleep(0.3)
        for line in target.read_text().splitlines() if target.exists() else []:
            if not line.startswith(("internal", "broker,")):
                name, _, topic = line.split(" ")[0].partition(",topic=")
                counted.setdefault(topic, set()).add(name)
    assert counted.keys() == set(MODEL.mistaken_roots)
    assert set().union(*counted.values()) == {"refused,reason=unknown_topic"}


def test_the_cases_show_every_reason_and_every_field() -> None:
    """A refusal, a clock's fate or a field of the model that no case shows is not tested."""
    text = "".join((case / "out.lp").read_text() for case in golden.cases())
    shown = set(re.findall(r"^refused,reason=(\w+),", text, re.MULTILINE))
    assert shown == set(topics.REASONS)
    clocks = set(re.findall(r"^clock,reason=(\w+),", text, re.MULTILINE))
    assert clocks == set(topics.CLOCK_REASONS)
    for measurement, field, kind in MODEL.stored():
        value = {"float": r"-?[\d.e+]+", "int": r"-?\d+i", "bool": r"(true|false)"}[kind]
        line = rf"^{measurement},\S+ (\S+,)?{field}={value}[, ]"
        assert re.search(line, text, re.MULTILINE), f"no case stores {measurement}.{field}"
    assert "ELSEWHEN" not in text

"""What each of the broker's users may do beyond loopback, as the real broker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from glue.broker import Session
from glue.settings import PROJECT, Broker
from glue.stack import lan, probe
from glue.stack.parts import mosquitto
from tests import programs

MODEL = mosquitto.model(PROJECT)
PASSWORDS = {
    "MQTT_USERNAME": lan.GLUE,
    "MQTT_PASSWORD": "of glue",
    "MQTT_TELEGRAF_PASSWORD": "of telegraf",
    "MQTT_ROBOTS_PASSWORD": "of robots",
    "MQTT_SIMULATOR_PASSWORD": "of simulator",
}
LAST = "tonypi/status/last"
CONTROLS = ("tonypi/commands/r1", "tonypi/commands/broadcast", "tonypi/emergency_stop")


@pytest.fixture
def guarded(ground: programs.Ground) -> Iterator[Broker]:
    """A broker that asks for passwords, with the access rules of ``tonypi up --lan``."""
    settings = ground.settings(
        MQTT_BROKER_PORT=probe.free_port(), MQTT_REQUIRE_PASSWORD="true", **PASSWORDS
    )
    site = replace(ground.site(settings), home=ground.home / "data" / "access")
    ground.start(replace(mosquitto.part(site), name="access"))
    yield settings.broker
    ground.stop("access")


async def session(broker: Broker, user: str, *topics: str) -> Session:
    login = {"username": user, "password": SecretStr(f"of {user}")}
    made = Session(broker.model_copy(update=login), f"access-{user}-{len(topics)}", topics)
    await made.start(wait=30)
    await asyncio.sleep(0.2)  # its subscription
    return made


async def publish(broker: Broker, user: str, topics: tuple[str, ...]) -> None:
    """As ``user``; then, when the broker has answered, the glue's last message."""
    for name, sent in ((user, topics), (lan.GLUE, (LAST, "tonypi/commands/last"))):
        publisher = await session(broker, name)
        for topic in sent:
            publisher.publish(topic, b"{}", 1)
        assert await publisher.flush(30)
        await publisher.stop()


async def received(reader: Session) -> set[str]:
    """Topics of what came before the glue's last message."""
    topics: list[str] = []
    while not (topics and topics[-1].endswith("/last")):
        messages = await reader.batch(100, 0.0, timeout=30)
        assert messages, f"nothing more came after {topics}"
        topics += [message.topic for message in messages]
        reader.ack(messages)
    await reader.stop()
    return {topic for topic in topics if not topic.endswith("/last")}


@pytest.mark.parametrize("user", [lan.ROBOTS, lan.SIMULATOR])
async def test_what_robots_send_wrongly_arrives_and_commands_do_not(
    guarded: Broker, user: str
) -> None:
    """What does not arrive is counted nowhere: nobody could say why a robot does not appear."""
    allowed = {
        "tonypi/sensors/r1",
        "tonypi/battery",
        "tonypi//sensors/r1",
        "tonypi/anything/r1",
        "tonypi/commands/response",
        "tonypi/emergency_stop/response",
        *(f"{root}/sensors/r1" for root in MODEL.mistaken_roots),
    }
    refused = (*CONTROLS, "tonypi/emergency_stop/r1", MODEL.heartbeat.topic, "zigbee/lamp")
    readers = [
        await session(guarded, name, "tonypi/#", *MODEL.mistaken, "zigbee/#")
        for name in (lan.GLUE, lan.TELEGRAF)
    ]
    await publish(guarded, user, (*refused, *sorted(allowed)))
    for reader in readers:
        assert await received(reader) == allowed


async def test_robots_read_commands_and_nothing_else(guarded: Broker) -> None:
    robot = await session(guarded, lan.ROBOTS, "#")
    await publish(guarded, lan.GLUE, (*CONTROLS, "tonypi/sensors/r2", "TonyPi/sensors/r2"))
    assert await received(robot) == set(CONTROLS)

"""Queues of Telegraf and the glue under the names of an earlier release: nothing is lost."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator

import pytest

from glue.broker import BrokerUnavailable, Session, moved
from glue.core import events
from glue.settings import PROJECT, Broker
from glue.stack import queues
from glue.stack.parts import mosquitto
from tests.mqtt_relay import Relay

MODEL = mosquitto.model(PROJECT)


@pytest.fixture
def renamed(mosquitto: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker of an upgraded stack; names that no other test uses stand for the former ones."""
    mark = uuid.uuid4().hex[:8]
    former = {name: f"{old}-{mark}" for name, old in queues.FORMER.items()}
    monkeypatch.setattr(queues, "FORMER", former)
    fresh = {f"{name}_client_id": f"tonypi-{name}-new-{mark}" for name in former}
    return mosquitto.model_copy(update=fresh)


def session(broker: Broker, name: str, topics: tuple[str, ...] = (), keep: bool = True) -> Session:
    return Session(broker, name, topics, persistent=keep)


async def waiting(broker: Broker, name: str, topics: tuple[str, ...]) -> dict[str, list[bytes]]:
    """Takes what waits in a session; by topic, in its order."""
    reader = session(broker, name, topics)
    await reader.start(wait=30)
    found: dict[str, list[bytes]] = {}
    while messages := await reader.batch(1000, 0.3, timeout=1.5):
        for message in messages:
            found.setdefault(message.topic, []).append(message.payload)
        reader.ack(messages)
    await reader.stop()
    return found


async def test_what_waits_in_the_old_sessions_comes_to_the_new_ones(renamed: Broker) -> None:
    mark = uuid.uuid4().hex[:8]
    topics = {"glue": events.SUBSCRIPTIONS, "telegraf": ("tonypi/#",)}
    for name, subscribed in topics.items():
        old = session(renamed, queues.FORMER[name], tuple(subscribed))
        await old.start(wait=30)
        await asyncio.sleep(0.2)  # its subscription
        await old.stop()
    robot = Session(renamed, f"robot-{mark}", volatile=True)
    await robot.start(wait=30)
    sensors = f"tonypi/sensors/{mark}"
    for number in range(2500):
        robot.publish(sensors, f"{mark} {number}", 1)
    sent = [f"tonypi/job/{mark}", "tonypi/commands/response", f"tonypi/commands/{mark}"]
    for topic in (*sent, "tonypi/pipeline/heartbeat"):
        robot.publish(topic, mark, 1)
    assert await robot.flush(30)
    await robot.stop()

    counts = await asyncio.to_thread(queues.move, renamed, MODEL)

    assert counts[queues.FORMER["telegraf"]] >= 2502
    assert counts[queues.FORMER["glue"]] >= 2
    assert await asyncio.to_thread(queues.move, renamed, MODEL) == {}, "the old ones are gone"
    stored = await waiting(renamed, renamed.telegraf_client_id, topics["telegraf"])
    assert stored[sensors] == [f"{mark} {number}".encode() for number in range(2500)]
    heard = await waiting(renamed, renamed.glue_client_id, topics["glue"])
    for found in (stored, heard):
        assert mark.encode() in found[f"tonypi/job/{mark}"]
        assert mark.encode() in found["tonypi/commands/response"]
        # What the glue sends is of its moment.
        assert f"tonypi/commands/{mark}" not in found
        assert mark.encode() not in found.get("tonypi/pipeline/heartbeat", [])


@pytest.fixture
def relay(renamed: Broker) -> Iterator[Relay]:
    made = Relay(renamed)
    yield made
    made.close()


def of_telegraf(broker: Broker, topic: str) -> moved.Renamed:
    former, login = queues.FORMER["telegraf"], (broker.username, broker.password.get_secret_value())
    return moved.Renamed(former, broker.telegraf_client_id, [topic], login)


async def a_waiting_queue(broker: Broker) -> tuple[str, list[bytes]]:
    """A topic and what waits on it in Telegraf's session under its former name: 2,500 messages."""
    topic = f"tonypi/sensors/{uuid.uuid4().hex[:8]}"
    old = session(broker, queues.FORMER["telegraf"], (topic,))
    await old.start(wait=30)
    await asyncio.sleep(0.2)  # its subscription
    await old.stop()
    robot = Session(broker, f"robot-{uuid.uuid4().hex[:8]}", volatile=True)
    await robot.start(wait=30)
    payloads = [str(number).encode() for number in range(2500)]
    for payload in payloads:
        robot.publish(topic, payload, 1)
    assert await robot.flush(30)
    await robot.stop()
    return topic, payloads


async def test_a_broker_that_pauses_loses_nothing(renamed: Broker, relay: Relay) -> None:
    topic, payloads = await a_waiting_queue(renamed)
    paused: list[str] = []

    def again(_: str) -> bool:
        if not paused:
            paused.append(queues.FORMER["telegraf"])
            relay.hold(paused[0], 2)
        return True

    through = renamed.model_copy(update={"host": "127.0.0.1", "port": relay.port})
    counts = await asyncio.to_thread(moved.move, through, [of_telegraf(renamed, topic)], again)
    assert counts[queues.FORMER["telegraf"]] == len(payloads)
    stored = await waiting(renamed, renamed.telegraf_client_id, (topic,))
    assert stored[topic] == payloads


@pytest.mark.parametrize("broken", ["the old session's", "the publisher's"])
async def test_a_connection_that_breaks_leaves_the_rest_for_the_next_try(
    renamed: Broker, relay: Relay, broken: str
) -> None:
    topic, payloads = await a_waiting_queue(renamed)
    name = queues.FORMER["telegraf"] if broken == "the old session's" else "tonypi-moved-"
    cut: list[str] = []

    def again(_: str) -> bool:
        if not cut:
            cut.append(name)
            relay.cut(name)
            time.sleep(0.5)  # until the client has seen it
        return True

    through = renamed.model_copy(update={"host": "127.0.0.1", "port": relay.port})
    with pytest.raises(BrokerUnavailable):
        await asyncio.to_thread(moved.move, through, [of_telegraf(renamed, topic)], again)
    await asyncio.to_thread(moved.move, renamed, [of_telegraf(renamed, topic)], again)
    stored = await waiting(renamed, renamed.telegraf_client_id, (topic,))
    assert set(stored[topic]) == set(payloads)
    assert await asyncio.to_thread(queues.move, renamed, MODEL) == {}


async def test_without_old_sessions_nothing_is_made(renamed: Broker) -> None:
    assert await asyncio.to_thread(queues.move, renamed, MODEL) == {}
    for name in (*queues.FORMER.values(), renamed.glue_client_id, renamed.telegraf_client_id):
        assert await waiting(renamed, name, ()) == {}


@pytest.mark.parametrize(
    ("topic", "again"),
    [
        ("tonypi/status/r1", True),
        ("tonypi/job/r1", True),
        ("/tonypi/status/r1", True),
        ("tonypi/commands/response", True),
        ("tonypi/emergency_stop/response", True),
        ("tonypi/commands/r1", False),
        ("tonypi/emergency_stop", False),
        ("tonypi/pipeline/heartbeat", False),
    ],
)
def test_commands_and_our_own_message_are_of_their_moment(topic: str, again: bool) -> None:
    assert queues.is_sent(topic, MODEL) is again

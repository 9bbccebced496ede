"""Queues of Telegraf and the glue under the names of an earlier release: nothing is lost."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from glue.broker import Session
from glue.core import events
from glue.settings import PROJECT, Broker
from glue.stack import queues
from glue.stack.parts import mosquitto

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

    moved = await asyncio.to_thread(queues.move, renamed, MODEL)

    assert moved[queues.FORMER["telegraf"]] >= 2502
    assert moved[queues.FORMER["glue"]] >= 2
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

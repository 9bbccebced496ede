"""What waiting messages cost the broker: ``python -m tests.bench.broker_queue [--messages N]``.

Fills the queue of an absent session with messages of 150 and of 900 bytes (a sensor's, all six
servos'), and prints the broker's memory and its file on disk beyond the payload, a message.
"""

from __future__ import annotations

import argparse
import time

import paho.mqtt.client as mqtt

from glue.settings import Broker
from glue.stack.parts import mosquitto
from tests import programs
from tests.bench.status_storm import memory

SIZES = (150, 900)
SAVED_WITHIN = 12.0
"""Seconds; the broker saves every 10."""


def connected(broker: Broker, name: str = "", *, clean: bool = True) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, clean_session=clean)
    client.connect(broker.host, broker.port)
    client.loop_start()
    return client


def fill(broker: Broker, messages: int, size: int) -> None:
    client = connected(broker)
    payload = b"x" * size
    for number in range(messages):
        sent = client.publish(f"tonypi/sensors/robot_{number % 2000:04d}", payload)
        if number % 2000 == 0 or number == messages - 1:
            sent.wait_for_publish()
    client.disconnect()


def measure(messages: int, size: int) -> None:
    ground = programs.lay_ground()
    try:
        running = ground.start(mosquitto.part(ground.site()))
        broker = ground.settings().broker
        absent = connected(broker, "absent", clean=False)
        absent.subscribe("tonypi/#", 1)
        time.sleep(0.5)
        absent.disconnect()
        before = memory(running.pid, "VmRSS")
        fill(broker, messages, size)
        time.sleep(SAVED_WITHIN)
        taken = (memory(running.pid, "VmRSS") - before) * 1048576 / messages
        most = (memory(running.pid, "VmHWM") - before) * 1048576 / messages
        saved = (ground.home / "data" / "mosquitto" / "mosquitto.db").stat().st_size / messages
        print(f"{messages} messages of {size} bytes: beyond the payload, a message:", end=" ")
        print(f"memory {taken - size:.0f} bytes (at most {most - size:.0f}),", end=" ")
        print(f"disk {saved - size:.0f} bytes", flush=True)
    finally:
        ground.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    asked = parser.parse_args()
    for size in SIZES:
        measure(asked.messages, size)


if __name__ == "__main__":
    main()

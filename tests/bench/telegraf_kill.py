"""kill -9 of Telegraf in the middle of a minute of 600 messages/s: what became of each message.

    python -m tests.bench.telegraf_kill [--seconds 60] [--rate 600]

Also says how long a single message takes from the robot to a readable point.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tests import influx
from tests import telegraf_wire as wire
from tests.integration import test_telegraf_influx as pipeline


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--rate", type=int, default=600)
    chosen = options.parse_args()
    with pipeline.running_plant(influx.found()[influx.first()]) as plant:
        ledger = pipeline.kill_in_the_middle(plant, chosen.seconds, chosen.rate)
        print(f"sent {ledger.sent}, accepted {ledger.accepted}, points {ledger.points}")
        print(f"lost {ledger.lost}, stored {ledger.stored}")
        part, _ = plant.telegraf("prompt")
        time.sleep(3)
        took = sorted(latency(plant, n) for n in range(20))
        print(
            f"to a readable point: median {statistics.median(took):.2f} s, worst {took[-1]:.2f} s"
        )
        plant.ground.stop(part.name)


def latency(plant: pipeline.Plant, n: int) -> float:
    """Seconds from publishing until InfluxDB answers with the point."""
    robot = f"prompt{n}"
    began = time.monotonic()
    wire.flood(plant.broker, [wire.sensor(robot, wire.now())])
    while not wire.ask(plant.influx, f"SELECT value FROM sensors WHERE robot_id='{robot}'"):
        assert time.monotonic() - began < pipeline.CALM, "the point did not come"
        time.sleep(0.05)
    return time.monotonic() - began


if __name__ == "__main__":
    main()

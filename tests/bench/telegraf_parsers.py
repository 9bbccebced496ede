"""How fast Telegraf takes a fleet's messages from the broker into InfluxDB.

    python -m tests.bench.telegraf_parsers [--messages 200000] [--only program|parsers]

The messages are put into the persistent session while Telegraf is away; what is measured is the
time from the first stored point to the last, so that neither the publisher nor Telegraf's start
counts. Each way runs sensors alone, servos alone and the fleet's mix.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jinja2

from glue.series import admin
from glue.stack.parts import influxdb, mosquitto, telegraf
from tests import programs
from tests import telegraf_wire as wire

HERE = Path(__file__).parent
FAMILIES = (
    (
        '["tonypi/sensors/+"]',
        True,
        "sensors",
        False,
        [
            ("sensor_type", "sensor_type", "tag"),
            ("unit", "unit", "tag"),
            ("value", "value", "float"),
        ],
    ),
    ('["tonypi/servos/+"]', True, "servos", True, []),
    (
        '["tonypi/battery"]',
        True,
        "battery",
        False,
        [("percentage", "percentage", "float"), ("charging", "charging", "bool")],
    ),
    ('["tonypi/location"]', True, "location", False, [(k, k, "float") for k in "xyz"]),
    (
        '["tonypi/status/+"]',
        True,
        "performance",
        False,
        [
            (f"system_info.{k}", k, "float")
            for k in ("cpu_percent", "memory_percent", "cpu_temperature")
        ],
    ),
)
KINDS = ("sensors", "servos", "mix")


def messages(kind: str, count: int) -> Iterator[wire.Sent]:
    start = wire.now() - timedelta(seconds=60)
    if kind == "mix":
        yield from wire.mix(2000, count, start)
        return
    for n in range(count):
        at = start + timedelta(microseconds=n * 100)
        robot = f"r{n % 2000:04d}"
        yield wire.servos(robot, at) if kind == "servos" else wire.sensor(robot, at)


def drain(
    ground: programs.Ground, config: Path, kind: str, count: int
) -> tuple[float, float, float]:
    """(messages/s, points/s, Telegraf's CPU microseconds a message) of one run."""
    influx, broker = ground.settings().influx, ground.settings().broker
    wire.forget(influx)
    part = replace(telegraf.part(ground.site(), config), name=f"telegraf-{next(RUNS)}")
    # A first, empty run makes the sessions.
    running = ground.start(part)
    time.sleep(3)
    ground.stop(part.name)
    sent, points = wire.flood(broker, messages(kind, count))
    running = ground.start(part)
    before = wire.writes(influx)["pointsWrittenOK"]
    began = ended = 0.0
    found = first = 0
    quiet = time.monotonic() + 30
    while time.monotonic() < quiet:
        assert running.poll() is None, "Telegraf ended"
        now = wire.writes(influx)["pointsWrittenOK"] - before
        if now > found:
            found, ended, quiet = now, time.monotonic(), time.monotonic() + 2.5
        if found and not began:
            began, first = ended, found
        # Asking costs InfluxDB time; the span is some seconds.
        time.sleep(0.4)
    cpu = cpu_seconds(running.pid)
    ground.stop(part.name)
    kept = sum(wire.stored(influx).values())
    assert kept == points or config.name == "plain.conf", f"{kept} of {points} points"
    share = (found - first) / found
    span = max(ended - began, 0.001)
    return sent * share / span, found * share / span, cpu / sent * 1e6


def cpu_seconds(pid: int) -> float:
    """Time that a process has used; unlike the rate it does not depend on who else works."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


RUNS = itertools.count(1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=200_000)
    options.add_argument("--only", choices=("program", "parsers"))
    options.add_argument("--kind", choices=KINDS)
    options.add_argument("--config", type=Path, help="in place of telegraf/telegraf.conf")
    chosen = options.parse_args()
    ground = programs.lay_ground()
    try:
        ground.start(mosquitto.part(ground.site()))
        ground.start(influxdb.part(ground.site()))
        tokens = admin.prepare(ground.settings().influx)
        ground.environ["INFLUXDB_TELEGRAF_TOKEN"] = tokens.telegraf
        ground.environ["INFLUXDB_TOKEN"] = tokens.admin
        plain = ground.home / "plain.conf"
        template = jinja2.Template((HERE / "plain_parsers.conf").read_text())
        plain.write_text(template.render(families=FAMILIES))
        ways = {
            "program": chosen.config or Path("telegraf/telegraf.conf").resolve(),
            "parsers": plain,
        }
        print(f"{'way':10} {'messages':10} {'messages/s':>12} {'points/s':>12} {'CPU us':>8}")
        for way, config in ways.items():
            for kind in KINDS:
                if chosen.only in (None, way) and chosen.kind in (None, kind):
                    rate, points, cpu = drain(ground, config, kind, chosen.messages)
                    print(
                        f"{way:10} {kind:10} {rate:12,.0f} {points:12,.0f} {cpu:8.0f}", flush=True
                    )
    finally:
        ground.clear()


if __name__ == "__main__":
    main()

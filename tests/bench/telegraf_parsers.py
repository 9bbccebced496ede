"""What a fleet's messages cost on their way from the broker into InfluxDB, and how fast they go.

    python -m tests.bench.telegraf_parsers [--messages 200000] [--rounds 3] [--json FILE]

Two configurations in turn, in one run: the shipped program, and Telegraf's own parsers written by
hand so that they store the same points (``plain_parsers.conf``). The messages wait in the
persistent session while Telegraf is away; a rate is counted from the first stored point to the
last, so that neither the publisher nor Telegraf's start counts. CPU time (user and system) hardly
depends on what else the machine does, the rate does: the busy cores of others are shown beside it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import jinja2

from glue.series import admin
from glue.stack.parts import influxdb, mosquitto, telegraf
from tests import programs
from tests import telegraf_wire as wire

HERE = Path(__file__).parent
FAMILIES: tuple[tuple[str, str, list[str], list[tuple[str, str, str]]], ...] = (
    (
        "sensors",
        "tonypi/sensors/+",
        ["robot_id", "sensor_type", "unit"],
        [("value", "value", "float")],
    ),
    ("servos", "tonypi/servos/+", ["robot_id"], []),
    (
        "battery",
        "tonypi/battery",
        ["robot_id"],
        [(k, k, "float") for k in ("percentage", "voltage")] + [("charging", "charging", "bool")],
    ),
    ("location", "tonypi/location", ["robot_id"], [(k, k, "float") for k in "xyz"]),
    (
        "performance",
        "tonypi/status/+",
        ["robot_id"],
        [
            (f"system_info.{sent}", stored, "float")
            for sent, stored in (
                ("cpu_percent", "cpu_percent"),
                ("memory_percent", "memory_percent"),
                ("disk_usage", "disk_percent"),
                ("cpu_temperature", "cpu_temperature"),
            )
        ],
    ),
)
"""Measurement, topic, tags and (path, field, type) of the configuration written by hand."""

KINDS = ("mix", "sensors", "servos")
ROBOTS = 2000
PER_SECOND = ROBOTS * 170 // 30
"""Messages that so many robots send a second (tests.telegraf_wire.mix)."""


@dataclass(frozen=True)
class Drained:
    """One run: what was stored of the messages that had waited, and what it took."""

    way: str
    kind: str
    messages_per_s: float
    points_per_s: float
    cpu_us: dict[str, float]
    """CPU microseconds a message of telegraf, mosquitto and influxdb."""
    memory_mb: float
    """Telegraf's largest resident memory."""
    others: float
    """Cores that other programs kept busy meanwhile."""


def messages(kind: str, count: int) -> Iterator[wire.Sent]:
    """As robots send them, from a minute ago, and the glue's heartbeat once a second."""
    start = wire.now() - timedelta(seconds=60)
    sent = wire.mix(ROBOTS, count, start) if kind == "mix" else alike(kind, count)
    for n, message in enumerate(sent):
        if n % PER_SECOND == 0:
            yield wire.heartbeat(start + timedelta(seconds=n // PER_SECOND))
        # Each status tells the robot's clock as well.
        is_status = message.topic.startswith("tonypi/status/")
        yield replace(message, points=message.points + 1) if is_status else message


def alike(kind: str, count: int) -> Iterator[wire.Sent]:
    start = wire.now() - timedelta(seconds=60)
    for n in range(count):
        at = start + timedelta(microseconds=n * 100)
        robot = f"r{n % ROBOTS:04d}"
        yield wire.servos(robot, at) if kind == "servos" else wire.sensor(robot, at)


class Bench:
    """Broker and InfluxDB, and one Telegraf after the other."""

    def __init__(self, ground: programs.Ground) -> None:
        self.ground = ground
        self.pids = {"mosquitto": ground.start(mosquitto.part(ground.site())).pid}
        self.pids["influxdb"] = ground.start(influxdb.part(ground.site())).pid
        tokens = admin.prepare(ground.settings().influx)
        ground.environ["INFLUXDB_TELEGRAF_TOKEN"] = tokens.telegraf
        ground.environ["INFLUXDB_TOKEN"] = tokens.admin
        self.settings = ground.settings()
        self.runs = itertools.count(1)

    def drain(self, way: str, config: Path, kind: str, count: int) -> Drained:
        influx = self.settings.influx
        wire.forget(influx)
        part = replace(telegraf.part(self.ground.site(), config), name=f"bench-{next(self.runs)}")
        # A first, empty run makes the sessions, and shows what a start takes.
        empty = self.ground.start(part)
        time.sleep(3)
        start_cpu = cpu_seconds(empty.pid)
        self.ground.stop(part.name)
        sent, points = wire.flood(self.settings.broker, messages(kind, count))
        before = wire.writes(influx)["pointsWrittenOK"]
        cpu_before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        busy_before, began_all = busy_seconds(), time.monotonic()
        running = self.ground.start(part)
        began = ended = 0.0
        found = first = 0
        while found < points:
            assert running.poll() is None, "Telegraf ended"
            counted = wire.writes(influx)["pointsWrittenOK"] - before
            if counted > found:
                found, ended = counted, time.monotonic()
            if found and not began:
                began, first = ended, found
            assert time.monotonic() - (ended or began_all) < 30, f"{found} of {points} points"
            # Asking costs InfluxDB time; the span is some seconds.
            time.sleep(0.4)
        took = time.monotonic() - began_all
        # The program also stores what each heartbeat shows: others may be on their way yet.
        time.sleep(1.5)
        used = {name: cpu_seconds(pid) - cpu_before[name] for name, pid in self.pids.items()}
        used["telegraf"] = cpu_seconds(running.pid) - start_cpu
        others = (busy_seconds() - busy_before - sum(used.values()) - start_cpu) / took
        memory = peak_memory(running.pid)
        self.ground.stop(part.name)
        # Else they would also keep what is sent for the other way.
        telegraf_session = self.settings.broker.telegraf_client_id
        for session in (telegraf_session, *(f"bench-{family[0]}" for family in FAMILIES)):
            wire.drop_session(self.settings.broker, session)
        stored = sum(wire.stored(influx).values()) + clocks(influx)
        assert stored == points, f"{stored} of {points} points"
        share = (found - first) / found
        span = max(ended - began, 0.001)
        return Drained(
            way=way,
            kind=kind,
            messages_per_s=sent * share / span,
            points_per_s=found * share / span,
            cpu_us={name: seconds / sent * 1e6 for name, seconds in used.items()},
            memory_mb=memory,
            others=others,
        )


def clocks(influx: wire.Influx) -> int:
    rows = wire.ask(influx, "SELECT count(offset_s) FROM clock")
    return int(str(rows[0]["count"])) if rows else 0


def cpu_seconds(pid: int) -> float:
    """Time that a process has used; unlike the rate it does not depend on who else works."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Seconds that all cores together were not idle since the machine started."""
    times = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@dataclass(frozen=True)
class Row:
    """Medians of a way's runs with one kind of messages, and what they make of the aims."""

    kind: str
    way: str
    messages_per_s: int
    best_messages_per_s: int
    points_per_s: int
    cpu_us: dict[str, float]
    ratio: float | None
    """Telegraf's CPU against that of the parsers."""
    messages_per_core_s: int
    """What a core would carry of all three programs, from their CPU time."""
    memory_mb: int
    others: float


def summary(runs: list[Drained]) -> list[Row]:
    rows = []
    for kind, way in itertools.product(KINDS, ("program", "parsers")):
        these = [run for run in runs if (run.kind, run.way) == (kind, way)]
        parsers = [r.cpu_us["telegraf"] for r in runs if (r.kind, r.way) == (kind, "parsers")]
        if not these:
            continue
        cpu = {
            name: round(statistics.median(run.cpu_us[name] for run in these), 1)
            for name in ("telegraf", "mosquitto", "influxdb")
        }
        rows.append(
            Row(
                kind=kind,
                way=way,
                messages_per_s=round(statistics.median(r.messages_per_s for r in these)),
                best_messages_per_s=round(max(r.messages_per_s for r in these)),
                points_per_s=round(statistics.median(r.points_per_s for r in these)),
                cpu_us=cpu,
                ratio=round(cpu["telegraf"] / statistics.median(parsers), 2) if parsers else None,
                messages_per_core_s=round(1e6 / sum(cpu.values())),
                memory_mb=round(max(r.memory_mb for r in these)),
                others=round(statistics.median(r.others for r in these), 2),
            )
        )
    return rows


HEADS = (
    "messages",
    "way",
    "CPU µs a message: Telegraf",
    "× parsers",
    "Mosquitto",
    "InfluxDB",
    "messages/s a core, of all three",
    "messages/s, median",
    "best",
    "points/s",
    "Telegraf MB",
    "others' busy cores",
)


def table(rows: list[Row]) -> str:
    """The same to be read."""
    lines = [HEADS, tuple("---" for _ in HEADS)]
    for row in rows:
        telegraf, *rest = (str(row.cpu_us[name]) for name in ("telegraf", "mosquitto", "influxdb"))
        core, rate = f"{row.messages_per_core_s:,}", f"{row.messages_per_s:,}"
        rates = (core, rate, f"{row.best_messages_per_s:,}", f"{row.points_per_s:,}")
        cpu = (telegraf, str(row.ratio or ""), *rest)
        lines.append((row.kind, row.way, *cpu, *rates, str(row.memory_mb), str(row.others)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--messages", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=("program", "parsers"))
    options.add_argument("--kind", choices=KINDS, action="append")
    options.add_argument("--config", type=Path, help="in place of telegraf/telegraf.conf")
    options.add_argument("--json", type=Path, help="file for each run and the summary")
    chosen = options.parse_args()
    ground = programs.lay_ground()
    runs: list[Drained] = []
    try:
        bench = Bench(ground)
        plain = ground.home / "plain.conf"
        template = jinja2.Template((HERE / "plain_parsers.conf").read_text())
        plain.write_text(template.render(families=FAMILIES))
        ways = {
            "program": chosen.config or Path("telegraf/telegraf.conf").resolve(),
            "parsers": plain,
        }
        for _, kind, way in itertools.product(range(chosen.rounds), KINDS, ways):
            if chosen.only in (None, way) and kind in (chosen.kind or KINDS):
                runs.append(bench.drain(way, ways[way], kind, chosen.messages))
                print(json.dumps(asdict(runs[-1])), flush=True)
    finally:
        ground.clear()
    rows = summary(runs)
    print(table(rows))
    if chosen.json:
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()}
        found = [asdict(row) for row in rows]
        each = [asdict(run) for run in runs]
        chosen.json.write_text(json.dumps(machine | {"summary": found, "runs": each}, indent=1))


if __name__ == "__main__":
    main()

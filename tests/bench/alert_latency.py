"""Limit crossed to notified: ``python -m tests.bench.alert_latency [--robots 20] [--interval 10]``.

Robots send as TonyPis do: servos every 3 s (every second in the fast profile), status every 10 s,
battery every 30 s. After a quiet time ``--crossing`` of them cross their servo limit one after
another, at moments spread over the evaluation interval. The time runs from the write of the first
hot point to the row in PostgreSQL, and to the answer of a real HTTP receiver that was told. Before
that the cost of evaluating is taken: seconds a cycle of all rules, CPU and memory. Real PostgreSQL,
InfluxDB, Mosquitto, glue and Grafana (``--standby``: none), stock at 10 s, the fast profile below.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from glue.core.rules import RULES
from glue.settings import Settings
from glue.stack.parts import mosquitto
from tests import notified, programs
from tests.alert_stack import Record, running_glue
from tests.bench.memory import cpu, pss, tree

COOL, HOT = 45.0, 66.0
TOLD = """
SELECT a.robot_id, a.created_at, o.finished_at
  FROM alerts a JOIN notification_outbox o ON o.alert_id = a.id
 WHERE o.occasion = 'opened' AND o.state = 'delivered' AND a.metric = 'servo_temp'
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", type=int, default=20)
    parser.add_argument("--crossing", type=int, help="All, but no more than 200.")
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--quiet", type=float, default=60.0)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        measure(ground, asked)
    finally:
        ground.clear()


class Fleet:
    """Writes every robot's readings in their rhythm, until stopped."""

    def __init__(self, settings: Settings, robots: list[str], servos_every: int) -> None:
        influx = settings.influx
        self._url = f"/api/v2/write?org={influx.org}&bucket={influx.bucket}"
        self._client = httpx.Client(
            base_url=influx.url,
            headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
            timeout=30,
        )
        self._heat = dict.fromkeys(robots, COOL)
        self._every = servos_every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def cross(self, robot: str) -> datetime:
        """Its third servo is hot from now on; when that was written."""
        now = datetime.now(UTC)
        self._heat[robot] = HOT
        self._client.post(self._url, content=self._servos(robot)).raise_for_status()
        return now

    def _servos(self, robot: str) -> str:
        return "\n".join(
            f"servos,robot_id={robot},servo_id=servo_{n} "
            f"temperature={self._heat[robot] if n == 3 else 40.0},position=1.5,voltage=4.9"
            for n in range(1, 7)
        )

    def _run(self) -> None:
        with httpx.Client(base_url=self._client.base_url, headers=self._client.headers) as client:
            for second in range(1_000_000):
                lines = []
                for number, robot in enumerate(self._heat):
                    turn = second + number
                    if turn % self._every == 0:
                        lines.append(self._servos(robot))
                    if turn % 10 == 0:
                        lines.append(
                            f"performance,robot_id={robot} cpu_percent=30,memory_percent=40,"
                            "disk_percent=50,cpu_temperature=50"
                        )
                    if turn % 30 == 0:
                        lines.append(
                            f"battery,robot_id={robot} percentage=80,voltage=12,charging=false"
                        )
                client.post(self._url, content="\n".join(lines), timeout=30).raise_for_status()
                if self._stop.wait(1):
                    return

    def __enter__(self) -> Fleet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()


def measure(ground: programs.Ground, asked: argparse.Namespace) -> None:
    settings = prepare(ground, asked)
    robots = [f"lat_{n:04}" for n in range(asked.robots)]
    with (
        notified.web() as web,
        running_glue(ground, settings) as record,
        Fleet(settings, robots, 1 if asked.interval < 3 else 3) as fleet,
    ):
        notified.told_to(settings, web.url)
        record.run("DELETE FROM robots")
        record.run("INSERT INTO robots (robot_id) SELECT unnest(%s::text[])", robots)
        record.await_evaluator("standby" if asked.standby else "grafana", within=120)
        # The oldest charge is 30 s old by then, and everybody has been heard.
        time.sleep(30)
        cost(ground, settings, record, asked)
        crossing = random.Random(6).sample(robots, asked.crossing or min(asked.robots, 200))
        crossed = {}
        for robot in crossing:
            crossed[robot] = fleet.cross(robot)
            time.sleep(random.uniform(0, 2 * asked.interval / max(10, len(crossing) / 5)))
        found = await_told(record, crossing)
        told(asked, crossed, found)
        print(f"{len(web.got)} messages at the receiver")


def prepare(ground: programs.Ground, asked: argparse.Namespace) -> Settings:
    cluster = programs.migrated_cluster(ground)
    ground.start(mosquitto.part(ground.site()))
    programs.running_influxdb(ground)
    ground.environ |= {
        "GLUE_EVALUATION_INTERVAL": str(asked.interval),
        "PGDATABASE": cluster.create().database,
    }
    if asked.standby:
        ground.environ["GRAFANA_URL"] = ""
    settings = ground.settings()
    if not asked.standby:
        programs.running_grafana(ground, settings)
    return settings


def cost(
    ground: programs.Ground, settings: Settings, record: Record, asked: argparse.Namespace
) -> None:
    """What evaluating costs while nothing happens."""
    names = [n for n in ("grafana", "glue", "influxdb", "postgres") if n in ground.running]
    pids = {name: ground.running[name][1].pid for name in names}
    before = {name: cpu(tree(pid)) for name, pid in pids.items()}
    spent, count = (0.0, 0.0) if asked.standby else evaluations(settings)
    cycles: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < asked.quiet:
        time.sleep(min(asked.interval, 5))
        if asked.standby:
            [beat] = record.rows("SELECT details FROM heartbeats WHERE name = 'standby'")
            cycles.append(beat["details"]["seconds"])
    lasted = time.monotonic() - began
    if asked.standby:
        cycle = statistics.mean(cycles)
    else:
        now_spent, now_count = evaluations(settings)
        cycle = (now_spent - spent) / max(1.0, now_count - count) * len(RULES)
    print(f"evaluating {len(RULES)} rules: {cycle:.2f} s a cycle, one after the other", flush=True)
    for name, pid in pids.items():
        busy = (cpu(tree(pid)) - before[name]) / lasted * 100
        print(f"  {name:9} {busy:5.0f} % of a core, {pss(tree(pid)):4.0f} MB", flush=True)


def evaluations(settings: Settings) -> tuple[float, float]:
    """Seconds that Grafana has spent on evaluations, and how many they were."""
    text = httpx.get(f"{settings.grafana.url}/metrics").text
    name = "grafana_alerting_rule_evaluation_duration_seconds"
    found: list[Any] = [
        re.findall(rf"^{name}_{part}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        for part in ("sum", "count")
    ]
    return sum(map(float, found[0])), sum(map(float, found[1]))


def await_told(record: Record, robots: list[str]) -> dict[str, tuple[datetime, datetime]]:
    """When the row was made and when the receiver had answered, by robot."""
    until = time.monotonic() + 90
    while True:
        rows = record.rows(TOLD)
        found = {r["robot_id"]: (r["created_at"], r["finished_at"]) for r in rows}
        if found.keys() >= set(robots) or time.monotonic() > until:
            return found
        time.sleep(0.5)


def told(
    asked: argparse.Namespace,
    crossed: dict[str, datetime],
    found: dict[str, tuple[datetime, datetime]],
) -> None:
    who = "standby" if asked.standby else "Grafana"
    lost = sorted(crossed.keys() - found.keys())
    print(
        f"{who}, {asked.interval:g} s, {asked.robots} robots, {len(crossed)} crossed,"
        f" not told of: {lost or 0}"
    )
    for what, place in (("row", 0), ("notified", 1)):
        took = [(found[r][place] - at).total_seconds() for r, at in crossed.items() if r in found]
        parts = statistics.quantiles(took, n=20)
        print(
            f"  crossed to {what}: p50 {statistics.median(took):.1f} s, p95 {parts[18]:.1f} s,"
            f" worst {max(took):.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""What evaluating all rules costs: ``python -m tests.bench.rule_cost [--robots 500 2000]``.

A fleet's readings are written straight into InfluxDB in the robots' rhythm (status every 10 s, six
servos every 3 s, battery every 30 s); one robot in fifty stays beyond its limits and as many cross
over and back every minute. For each size and each ``--variants`` a Grafana of its own evaluates
every 10 s; what is measured after ``--settle`` seconds is CPU (cores, from ``/proc``) of Grafana,
InfluxDB and PostgreSQL, Grafana's memory (PSS), seconds an evaluation takes (Grafana's own metrics)
and how long its rules API takes. ``idle`` is the same load without a Grafana. ``--json`` keeps all.

Variants: ``near`` is what we ship. ``joined``: reading, limit and recovery limit joined by Grafana;
``sharded``: the same in four parts of the fleet; ``margin``: as we ship it, of all robots.
``+periodic`` behind one: Grafana stores its alert state every five minutes
(``alertingSaveStatePeriodic``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import yaml

from glue.core import provisioning
from glue.core.metrics import METRICS
from glue.core.provisioning import rules_file
from glue.core.rule import Rule, TableReading
from glue.core.rules import BY_UID
from glue.limit_writer import write_once
from glue.settings import Settings
from tests import programs
from tests.bench.memory import TICKS, pss, tree

VARIANTS = ("idle", "joined", "joined+periodic", "margin+periodic", "near", "near+periodic")
PARTS = ("grafana", "influxdb", "postgres")


@dataclass
class Measured:
    """Cores by part; MiB; seconds."""

    robots: int
    variant: str
    grafana: float
    influxdb: float
    postgres: float
    memory: float
    evaluation: float
    evaluations: float
    api: float | None
    api_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--settle", type=float, default=40)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    found: list[Measured] = []
    try:
        cluster = programs.migrated_cluster(ground)
        programs.running_influxdb(ground)
        ground.environ["PGDATABASE"] = cluster.create().database
        for robots in asked.robots:
            with Fleet(ground.settings(), robots):
                for variant in asked.variants:
                    with running(ground, cluster, variant):
                        time.sleep(asked.settle)
                        found.append(measure(ground, robots, variant, asked.seconds))
                    print(line(found[-1]), flush=True)
    finally:
        ground.clear()
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=1))


def line(one: Measured) -> str:
    return (
        f"{one.robots:6} {one.variant:16} grafana {one.grafana:5.2f} influxdb {one.influxdb:5.2f}"
        f" postgres {one.postgres:5.2f} cores, {one.memory:4.0f} MB; evaluation"
        f" {one.evaluation:6.3f} s x {one.evaluations:.1f}/s; API"
        f" {'-' if one.api is None else format(one.api, '.2f')} s, {one.api_mib:.1f} MiB"
    )


def measure(ground: programs.Ground, robots: int, variant: str, seconds: float) -> Measured:
    pids = {n: ground.running[n][1].pid for n in PARTS if n in ground.running}
    before = {name: cpu(tree(pid)) for name, pid in pids.items()}
    spent, count = evaluations(ground.settings()) if "grafana" in pids else (0.0, 0.0)
    began = time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - began
    cores = {name: (cpu(tree(pid)) - before[name]) / lasted for name, pid in pids.items()}
    api, size, done, now = None, 0.0, 0.0, 1.0
    if "grafana" in pids:
        done, now = evaluations(ground.settings())
        api, size = rules_api(ground.settings())
    return Measured(
        robots,
        variant,
        cores.get("grafana", 0.0),
        cores["influxdb"],
        cores["postgres"],
        pss(tree(pids["grafana"])) if "grafana" in pids else 0.0,
        (done - spent) / max(1.0, now - count),
        (now - count) / lasted,
        api,
        size,
    )


def cpu(pids: list[int]) -> float:
    """Seconds of user and system time, of children that have ended as well: PostgreSQL's last for
    one query of Grafana's."""
    spent = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent += sum(map(int, fields[11:15]))
    return spent / TICKS


def evaluations(settings: Settings) -> tuple[float, float]:
    """Seconds that Grafana has spent on evaluations, and how many they were."""
    text = httpx.get(f"{settings.grafana.url}/metrics", timeout=60).text
    name = "grafana_alerting_rule_evaluation_duration_seconds"
    total, count = (
        sum(map(float, re.findall(rf"^{name}_{part}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))
        for part in ("sum", "count")
    )
    return total, count


def rules_api(settings: Settings) -> tuple[float | None, float]:
    """Median seconds of three answers, None where one took more than a minute; its size, MiB."""
    auth = settings.grafana.admin_user, settings.grafana.admin_password.get_secret_value()
    took, size = [], 0.0
    for _ in range(3):
        began = time.monotonic()
        try:
            answer = httpx.get(
                f"{settings.grafana.url}/api/prometheus/grafana/api/v1/rules",
                params={"includeInternalLabels": "true"},
                auth=auth,
                timeout=60,
            )
        except httpx.TimeoutException:
            return None, 0.0
        size = len(answer.content) / 2**20
        took.append(time.monotonic() - began)
    return statistics.median(took), size


@contextmanager
def running(ground: programs.Ground, cluster: programs.Cluster, variant: str) -> Iterator[None]:
    """A fresh Grafana with the variant's rules."""
    form, _, periodic = variant.partition("+")
    if form == "idle":
        yield
        return
    settings = ground.settings()
    folder = ground.home / "provisioning"
    shutil.copytree(Path("provisioning"), folder)
    rules = folder / "alerting" / "rules.yml"
    rules.write_text(yaml.safe_dump(variant_file(form), sort_keys=False))
    cluster.execute("DROP DATABASE IF EXISTS grafana WITH (FORCE)")
    cluster.execute("CREATE DATABASE grafana OWNER grafana")
    env = {"GF_FEATURE_TOGGLES_ENABLE": "alertingSaveStatePeriodic"} if periodic else {}
    programs.running_grafana(ground, settings, folder, env)
    try:
        yield
    finally:
        ground.stop("grafana", programs.THROWN_AWAY_WITHIN)
        shutil.rmtree(folder)


# --- the rules of each variant


def variant_file(form: str) -> dict[str, Any]:
    """The rules' file; ``near`` is the product's, the others are what it was chosen from."""
    file: dict[str, Any] = yaml.safe_load(rules_file())
    group = file["groups"][0]
    if form == "margin":
        group = json.loads(json.dumps(group).replace(NEAR, '\\"m\\" >= -1000000'))
    elif form != "near":
        for rule in group["rules"]:
            if (ours := BY_UID[rule["uid"]]).per_robot:
                rule["data"] = [*joined(ours), rule["data"][-1]]
    if form == "sharded":
        group["rules"] = [one for rule in group["rules"] for one in sharded(rule)]
    return {**file, "groups": [group]}


NEAR = '\\"m\\" >= -1'


def joined(rule: Rule) -> list[dict[str, Any]]:
    """Reading, limit and recovery limit by robot, and their margin by Grafana."""
    reading = (
        [provisioning._table("R", rule.reading.sql)]
        if isinstance(rule.reading, TableReading)
        else [
            provisioning._series("Q", rule.reading.influxql),
            provisioning._expression("R", "reduce", expression="Q", reducer="last"),
        ]
    )
    return [
        *reading,
        provisioning._table("W", rule.limit_sql),
        provisioning._table("L", rule.recovery_sql),
        provisioning._expression("M", "math", expression="($R - $W) / ($W - $L)"),
    ]


def sharded(rule: dict[str, Any]) -> list[dict[str, Any]]:
    if rule["labels"]["metric"] not in METRICS:
        return [rule]
    made = []
    for number, ends in enumerate(("[0-2]", "[3-5]", "[6-7]", "[89]")):
        robots = f"robot_id =~ /{ends}$/"
        text = json.dumps(rule).replace("$timeFilter GROUP", f"$timeFilter AND {robots} GROUP")
        one = json.loads(text.replace("AND severity", f"AND robot_id ~ '{ends}$' AND severity"))
        made.append(one | {"uid": f"{one['uid']}-{number}", "title": f"{one['title']} {number}"})
    return made


# --- the fleet


class Fleet:
    """Registered robots with limits, and their readings in their rhythm until left."""

    def __init__(self, settings: Settings, robots: int) -> None:
        influx = settings.influx
        self._settings = settings
        self._dsn = settings.postgres.dsn
        self._robots = [f"cost_{n:05}" for n in range(robots)]
        self._client = httpx.Client(
            base_url=influx.url,
            headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
            timeout=60,
        )
        self._bucket = influx.bucket
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Fleet:
        with psycopg.connect(self._dsn) as conn:
            conn.execute("DELETE FROM robots")
            conn.execute(
                "INSERT INTO robots (robot_id, heard_at) SELECT unnest(%s::text[]), 0",
                [self._robots],
            )
            conn.execute(
                "INSERT INTO heartbeats (name, beat_at, details, listened)"
                " VALUES ('events', now(), '{}', 5) ON CONFLICT (name) DO NOTHING"
            )
        asyncio.run(write_once(self._settings))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._query('DROP SERIES FROM /.*/ WHERE "robot_id" =~ /^cost_/')
        self._client.close()

    def _query(self, statement: str) -> None:
        answer = self._client.post("/query", data={"q": statement, "db": self._bucket})
        answer.raise_for_status()

    def _write(self, lines: list[str]) -> None:
        place = {"db": self._bucket}
        self._client.post("/write", params=place, content="\n".join(lines)).raise_for_status()

    def _run(self) -> None:
        began = time.monotonic()
        for second in range(1_000_000):
            lines = [
                text
                for number, robot in enumerate(self._robots)
                for text in readings(robot, number, second)
            ]
            for n in range(0, len(lines), 5000):
                self._write(lines[n : n + 5000])
            if self._stop.wait(max(0.0, began + second - time.monotonic())):
                return


def readings(robot: str, number: int, second: int) -> Iterator[str]:
    hot = number % 50 == 0 or (number % 50 == 1 and second % 120 < 60)
    turn = second + number
    if turn % 10 == 0:
        load = 95 if hot else 20 + turn % 17
        yield (
            f"performance,robot_id={robot} cpu_percent={load},memory_percent=40,disk_percent=50,"
            "cpu_temperature=50"
        )
    if turn % 3 == 0:
        for servo in range(1, 7):
            yield (
                f"servos,robot_id={robot},servo_id=servo_{servo}"
                f" temperature={66 if hot else 40 + servo},position=1.5,voltage=4.9"
            )
    if turn % 30 == 0:
        yield f"battery,robot_id={robot} percentage=80,voltage=12,charging=false"


if __name__ == "__main__":
    main()

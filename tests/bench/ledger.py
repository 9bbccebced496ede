"""No alert is lost: ``python -m tests.bench.ledger [--standby] [--robots 200] [--crossings 25]``.

Robots cross their servo limit and come back, 10,000 transitions as it stands, and keep a ledger of
value, limit and time. Meanwhile glue, PostgreSQL and Grafana are killed (``kill -9``) at random,
one after the other, and Grafana's posts to the glue are lost at random, for a third of the time all
of them. In the end every crossing must be one episode, begun and ended while it lasted. Grafana's
own history is a witness: what differs is listed. ``--standby``: without a Grafana.

Real PostgreSQL, InfluxDB, Mosquitto, glue and Grafana, evaluating every second (fast profile). A
reading stays on a side for at least ``--dwell`` seconds: what crosses and comes back while nobody
could evaluate has never been an alert.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import psycopg

from glue.alerts.history import pages
from glue.core import alert_history
from glue.core.alert_history import Turn, Window
from glue.grafana import Grafana
from glue.settings import Settings
from glue.stack import probe
from glue.stack.parts import mosquitto
from tests import http_proxy, programs
from tests.alert_stack import Record, running_glue
from tests.ledger import CLOCKS, Crossing, Evaluations, Fleet, Killer, Row, settle, wait_until

# What was committed must outlive a killed PostgreSQL; the disk is not pulled out.
POSTGRES = {**programs.HASTY_POSTGRES, "synchronous_commit": "on"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--robots", type=int, default=200)
    parser.add_argument("--crossings", type=int, default=25)
    parser.add_argument("--dwell", type=float, default=11.0)
    parser.add_argument("--loss", type=float, default=0.3)
    parser.add_argument("--kill-every", type=float, default=25.0)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        clean = run(ground, asked)
    finally:
        ground.clear()
    sys.exit(0 if clean else 1)


def run(ground: programs.Ground, asked: argparse.Namespace) -> bool:
    glue_port = probe.free_port()
    settings, behind = prepare(ground, asked, glue_port)
    with http_proxy.before(f"http://127.0.0.1:{glue_port}", behind) as proxy:
        if not asked.standby:
            programs.running_grafana(ground, settings)
        with running_glue(ground, settings) as record:
            return measure(ground, settings, record, proxy, asked)


def prepare(
    ground: programs.Ground, asked: argparse.Namespace, glue_port: int
) -> tuple[Settings, int]:
    """Start what is never killed, and PostgreSQL; the port at which Grafana finds the glue."""
    cluster = programs.migrated_cluster(ground, POSTGRES)
    ground.start(mosquitto.part(ground.site()))
    programs.running_influxdb(ground)
    behind = probe.free_port()
    ground.environ |= {
        "GLUE_EVALUATION_INTERVAL": str(asked.interval),
        "GLUE_PULL_INTERVAL": "3",
        "GLUE_PORT": str(glue_port),
        "GLUE_WEBHOOK_URL": f"http://127.0.0.1:{behind}/webhooks/grafana",
        "PGDATABASE": cluster.create().database,
    }
    if asked.standby:
        ground.environ["GRAFANA_URL"] = ""
    return ground.settings(), behind


def measure(
    ground: programs.Ground,
    settings: Settings,
    record: Record,
    proxy: http_proxy.Proxy,
    asked: argparse.Namespace,
) -> bool:
    luck = random.Random(asked.seed)
    record.run("DELETE FROM robots")
    robots = [f"led_{n:04}" for n in range(asked.robots)]
    record.run_many("INSERT INTO robots (robot_id) VALUES (%s)", [(robot,) for robot in robots])
    record.await_evaluator("standby" if asked.standby else "grafana", within=120)
    victims = ["glue", "postgres"] if asked.standby else ["glue", "postgres", "grafana"]
    killer = Killer(ground, victims, luck)
    dwell = asked.dwell, asked.dwell * 1.4
    fleet = Fleet(settings, robots, asked.crossings, dwell, luck)
    loss = Loss(proxy, asked.loss, luck)
    began, first = time.monotonic(), datetime.now().astimezone()
    expected = asked.crossings * sum(dwell)
    evaluators: Counter[str] = Counter()
    evaluated = Evaluations()
    watching = threading.Event()
    watcher = threading.Thread(
        target=watch, args=(settings, not asked.standby, evaluated, watching), daemon=True
    )
    watcher.start()
    fleet.start()
    due = began + asked.kill_every / 2
    while fleet.crossing:
        time.sleep(0.5)
        passed = time.monotonic() - began
        loss.all = expected / 3 < passed < expected * 2 / 3
        killer.tend()
        if time.monotonic() >= due:
            evaluators[record.evaluator()] += 1
            killer.strike(away=luck.uniform(0, 2))
            due = time.monotonic() + luck.uniform(0.6, 1.4) * asked.kill_every
    loss.none()
    fleet.end()
    took = time.monotonic() - began
    killer.tend()
    wait_until(lambda: not record.rows("SELECT FROM alerts WHERE NOT resolved"), 60)
    time.sleep(10)
    watching.set()
    watcher.join()
    print(f"seed {asked.seed}; {2 * len(fleet.done)} transitions in {took:.0f} s; killed:", end=" ")
    print(", ".join(f"{name} {count}" for name, count in sorted(killer.killed.items())))
    print(f"ended by itself: {dict(killer.died) or 'none'}; {loss}; evaluator: {dict(evaluators)}")
    rows = [
        Row(r["robot_id"], r["starts_at"], r["resolved_at"], r["origin"])
        for r in record.rows("SELECT * FROM alerts WHERE metric = 'servo_temp'")
    ]
    found = settle(fleet.done, rows, evaluated)
    print(f"{'standby alone' if asked.standby else 'Grafana'}: {found}")
    for kind in ("lost", "duplicate", "unexpected"):
        for one in getattr(found, kind)[:20]:
            print(f"  {kind}: {one}")
    if not asked.standby:
        asyncio.run(witness(settings, first, fleet.done, rows))
    return found.clean


def watch(settings: Settings, grafana: bool, seen: Evaluations, over: threading.Event) -> None:
    """Write down when somebody evaluated without an error, as it stands in PostgreSQL."""
    standby = (
        "SELECT max(beat_at) FROM heartbeats WHERE name = 'standby' AND details->>'trouble' = ''"
    )
    theirs = (
        "SELECT to_timestamp(max(last_eval_time)) FROM alert_instance"
        " WHERE rule_uid = 'tonypi-servo-temp-warning' AND current_reason = ''"
    )
    asked = [(settings.postgres.database, standby)]
    if grafana:
        asked.append(("grafana", theirs))
    while not over.wait(0.25):
        for database, statement in asked:
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(
                    settings.postgres.admin_dsn, dbname=database, connect_timeout=1
                ) as conn,
            ):
                found = conn.execute(statement).fetchone()
                seen.add(found[0] if found else None)


class Loss:
    """Of Grafana's posts to the glue: some never arrive, of some the answer gets lost. ``all``:
    none arrives."""

    def __init__(self, proxy: http_proxy.Proxy, share: float, luck: random.Random) -> None:
        self.all = False
        self.lost = self.passed = 0
        self._proxy = proxy
        self._share = share
        self._luck = luck
        forever = 10**9
        self._faults = [
            proxy.break_next("refuse", self._is_refused, times=forever, status=503),
            proxy.break_next("lose", self._is_halved, times=forever),
        ]

    def none(self) -> None:
        for fault in self._faults:
            fault.times = 0

    def _is_refused(self, method: str, path: str) -> bool:
        lost = self.all or self._luck.random() < self._share / 2
        self.lost += lost
        self.passed += not lost
        return lost

    def _is_halved(self, method: str, path: str) -> bool:
        return self._luck.random() < self._share / 2

    def __str__(self) -> str:
        return f"posts {self.passed + self.lost}, lost {self.lost}"


async def witness(
    settings: Settings, since: datetime, ledger: list[Crossing], rows: list[Row]
) -> None:
    """What Grafana's own history says, where it differs from the record."""
    grafana = Grafana(settings.grafana)
    try:
        start, end = since - timedelta(minutes=1), datetime.now().astimezone()
        window = Window(int(start.timestamp() * 1000), int(end.timestamp() * 1000))
        turns = alert_history.turns(await pages(grafana, window), await grafana.rule_uids())
    finally:
        await grafana.close()
    ours = [t for t in turns if t.rule.metric == "servo_temp" and t.rule.severity == "warning"]
    begun = [turn for turn in ours if turn.firing]
    only_there = [turn for turn in begun if not any(_has(row, turn) for row in rows)]
    crossed = [one for one in ledger if not any(_saw(turn, one) for turn in begun)]
    print(
        f"Grafana's history: {len(begun)} begins, {len(ours) - len(begun)} ends; crossings that it"
        f" did not see: {len(crossed)}; begins that are no part of an episode: {len(only_there)}"
    )
    for turn in only_there[:20]:
        print(f"  not in the record: {turn.robot_id} {turn.at:%H:%M:%S.%f}")


def _has(row: Row, turn: Turn) -> bool:
    end = row.ended_at or turn.at
    return row.robot == turn.robot_id and row.starts_at - CLOCKS <= turn.at <= end + CLOCKS


def _saw(turn: Turn, one: Crossing) -> bool:
    return turn.robot_id == one.robot and one.hot[0] - CLOCKS <= turn.at <= one.cool[1] + CLOCKS


if __name__ == "__main__":
    main()

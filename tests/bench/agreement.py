"""Grafana and the standby evaluator, held against each other: ``python -m tests.bench.agreement``.

``[--instants 1000]``: all ten rules at so many past instants, ten seconds apart, through
``POST /api/v1/eval`` (:mod:`tests.agreement`).

``--live 20m``: both evaluate at the same moments for so long, pending periods and recovery
included; after each evaluation state and begin of every instance are compared. Limits change
meanwhile, robots go into maintenance and charge, and InfluxDB is away for two evaluations. Every
difference is explained, or listed as unexplained.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg

from glue import store
from glue.alerts.standby import Standby
from glue.core.limit_rules import LIMIT_RULES
from glue.core.metrics import METRICS
from glue.grafana import Grafana, GrafanaError
from glue.series import Query
from glue.settings import Settings
from tests import agreement, programs

EVERY = 10
PATIENCE = 8.5
"""Seconds that Grafana has for an evaluation, of ten."""

BY_KEY = {(rule.metric, rule.severity): rule for rule in LIMIT_RULES}
UIDS = {rule.uid for rule in LIMIT_RULES}

Key = tuple[str, str]
"""Rule and robot."""
State = tuple[str, datetime]
"""pending or firing, since when; one that is normal has none."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=int, default=1000)
    parser.add_argument("--live", metavar="20m", help="Minutes or seconds, as 20m or 90s.")
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        programs.running_influxdb(ground)
        ground.environ["PGDATABASE"] = cluster.create().database
        settings = ground.settings()
        with psycopg.connect(settings.postgres.dsn) as conn:
            conn.execute("DELETE FROM robots")
        programs.running_grafana(ground, settings)
        if asked.live:
            asyncio.run(live(ground, settings, seconds(asked.live)))
        else:
            asyncio.run(of_the_past(settings, asked.instants))
    finally:
        ground.clear()


def seconds(text: str) -> int:
    if not (found := re.fullmatch(r"(\d+)([ms])", text)):
        raise SystemExit(f"--live: {text!r} is not like 20m or 90s")
    return int(found[1]) * (60 if found[2] == "m" else 1)


async def of_the_past(settings: Settings, count: int) -> None:
    robots = agreement.fleet("past")
    agreement.register(settings.postgres.dsn, robots)
    instants = agreement.instants(count)
    last = instants[-1] + 6 * agreement.STEP
    agreement.write(settings, agreement.past(robots, last, count * EVERY))
    began = time.monotonic()
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        found = await agreement.compare(settings, pool, series, instants)
    print(
        f"{count} instants, {len(LIMIT_RULES)} rules, {len(robots)} robots:"
        f" {found.verdicts} verdicts ({found.beyond} firing or pending, {found.in_the_band} of them"
        " between the limits),"
        f" {len(found.differences)} differences, {time.monotonic() - began:.0f} s"
    )
    for one in found.differences[:20]:
        print(" ", one)


@dataclass
class Ledger:
    """What was compared, and why what differed did."""

    evaluations: int = 0
    states: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    through_error: set[Key] = field(default_factory=set)
    late: set[str] = field(default_factory=set)

    def compare(
        self, at: datetime, ours: dict[Key, State], theirs: dict[Key, State], late: set[str]
    ) -> None:
        """``late``: rules that Grafana has not evaluated yet."""
        self.evaluations += 1
        differing = {
            key
            for key in ours.keys() | theirs.keys()
            if key[0] not in late and ours.get(key) != theirs.get(key)
        }
        self.states.update(state for state, _ in ours.values())
        for key in sorted(differing):
            if key in self.through_error:
                self.explained["went through an evaluation with an error (decision 0036)"] += 1
            elif key[0] in self.late:
                self.explained["Grafana had not evaluated the rule in time, once before"] += 1
            else:
                one, other = ours.get(key), theirs.get(key)
                self.unexplained.append(f"{at:%H:%M:%S} {key}: we {one}, Grafana {other}")
        # Once they agree again, a reason is used up.
        self.through_error &= differing
        self.late = late | (self.late & {rule for rule, _ in differing})


async def live(ground: Any, settings: Settings, length: int) -> None:
    robots = agreement.fleet("live")
    agreement.register(settings.postgres.dsn, robots)
    ledger, rng = Ledger(), random.Random(6)
    values = {(robot, m): METRICS[m].warning for robot in robots for m in METRICS}
    grafana = Grafana(settings.grafana)
    now = SimpleNamespace(at=datetime.now(UTC))
    quiet = SimpleNamespace(take=_nothing)
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        standby = Standby(settings, pool, series, quiet, None, clock=lambda: now.at)  # type: ignore[arg-type]
        changes = _events(ground, settings.postgres.dsn, robots, length // EVERY)
        await _first_evaluation(grafana)
        for turn in range(length // EVERY):
            tick = _next_tick()
            await _sleep_until(tick + timedelta(seconds=1))
            now.at = tick
            trouble = await standby.evaluate()
            theirs, failing, late = await _grafana(grafana, tick)
            ours = _ours(standby)
            if trouble or failing:
                ledger.through_error |= ours.keys() | theirs.keys()
            else:
                ledger.compare(tick, ours, theirs, late)
            if turn in changes:
                await asyncio.to_thread(changes[turn])
            # Who evaluates late must find what the other one found.
            if "influxdb" in ground.running and not late:
                for key, value in values.items():
                    values[key] = agreement.walked(rng, METRICS[key[1]], value)
                second = int(time.time())
                lines = itertools.chain.from_iterable(
                    agreement.lines(rng, robot, n, second, values) for n, robot in enumerate(robots)
                )
                await asyncio.to_thread(agreement.write, settings, lines)
    await grafana.close()
    print(
        f"{ledger.evaluations} evaluations of {len(LIMIT_RULES)} rules, {len(robots)} robots:"
        f" {ledger.states['pending']} times pending, {ledger.states['firing']} firing;"
        f" explained: {dict(ledger.explained) or 0}; unexplained: {len(ledger.unexplained)}"
    )
    if not ledger.states:
        print("nothing was ever beyond its limit, so this proves nothing: is the machine too busy?")
    for one in ledger.unexplained[:40]:
        print(" ", one)


def _events(ground: Any, dsn: str, robots: list[str], turns: int) -> dict[int, Any]:
    """What happens between evaluations, by their number."""

    def run(statement: str, robot: str) -> Any:
        def work() -> None:
            with psycopg.connect(dsn) as conn:
                conn.execute(statement, [robot])

        return work

    part = ground.running["influxdb"][0]
    lower = (
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold) VALUES (%s, 'cpu', 60, 85)"
    )
    return {
        turns // 6: run(lower, robots[4]),
        turns // 5: run("UPDATE robots SET status = 'maintenance' WHERE robot_id = %s", robots[5]),
        turns // 4: run("UPDATE robots SET status = 'online' WHERE robot_id = %s", robots[5]),
        turns // 3: run("DELETE FROM alert_thresholds WHERE robot_id = %s", robots[4]),
        turns // 2: lambda: ground.stop("influxdb"),
        turns // 2 + 2: lambda: ground.start(part),
    }


def _ours(standby: Standby) -> dict[Key, State]:
    return {
        (uid, robot): (verdict.state, verdict.since)
        for uid, verdicts in standby.verdicts.items()
        if uid in UIDS
        for robot, verdict in verdicts.items()
        if verdict.state != "normal"
    }


async def _first_evaluation(grafana: Grafana) -> None:
    """Wait until each rule was evaluated, while there is nothing to say yet."""
    epoch = datetime.fromtimestamp(0, UTC)
    while _read(await grafana.rule_state(), epoch)[2]:
        await asyncio.sleep(0.5)


async def _grafana(grafana: Grafana, tick: datetime) -> tuple[dict[Key, State], bool, set[str]]:
    """What is not normal once each rule was evaluated at ``tick``, whether an error was met, and
    the rules that were not evaluated in time."""
    until = tick + timedelta(seconds=PATIENCE)
    found: dict[Key, State] = {}
    failing, late = False, set(UIDS)
    while True:
        with contextlib.suppress(GrafanaError):
            found, failing, late = _read(await grafana.rule_state(), tick)
        if not late or datetime.now(UTC) > until:
            return found, failing, late
        await asyncio.sleep(0.2)


def _read(body: dict[str, Any], tick: datetime) -> tuple[dict[Key, State], bool, set[str]]:
    found: dict[Key, State] = {}
    failing, evaluated = False, set()
    for group in body["data"]["groups"]:
        for rule in group["rules"]:
            ours = BY_KEY.get((rule["labels"].get("metric"), rule["labels"].get("severity")))
            if ours is None:
                continue
            if _time(rule["lastEvaluation"]) >= tick:
                evaluated.add(ours.uid)
            for alert in rule.get("alerts") or []:
                name, _, reason = alert["state"].partition(" ")
                failing |= "Error" in reason
                state = {"Pending": "pending", "Alerting": "firing"}.get(name)
                if state:
                    robot = alert["labels"]["robot_id"]
                    found[ours.uid, robot] = (state, _time(alert["activeAt"]))
    return found, failing, UIDS - evaluated


def _time(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).astimezone(UTC)


def _next_tick() -> datetime:
    return datetime.fromtimestamp((int(time.time()) // EVERY + 1) * EVERY, UTC)


async def _sleep_until(at: datetime) -> None:
    await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


async def _nothing(*_: Any) -> None:
    pass


if __name__ == "__main__":
    main()

"""Grafana and the standby evaluator asked the same thing about the same past.

``POST /api/v1/eval`` evaluates a rule at a past instant, as one of which nothing fires: by its
limit. So it is asked for one expression more, the recovery limit's half of the condition, and which
of the two counts follows from the verdict before, as in Grafana's own command (11.0.0,
``pkg/expr/hysteresis.go``; what the scheduler tells that command cannot be given from outside). A
walk through time then compares everything but the pending period, which the live run does.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import yaml

from glue import store
from glue.alerts import rule_inputs
from glue.core.evaluation import Limits, Verdict, evaluate
from glue.core.limit_points import SENTINEL
from glue.core.limit_rules import LIMIT_RULES
from glue.core.metrics import METRICS, Metric
from glue.core.provisioning import rules_file
from glue.core.rule import RECOVERS_BELOW, Rule, margin
from glue.limit_writer import write_once
from glue.series import Query
from glue.settings import Settings

STEP = timedelta(seconds=10)
SILENCE = 15 * 60
"""Seconds, more than which a robot must be silent to be passed over."""

Said = dict[str, tuple[float, bool]]
"""Margin, and whether it fires or is pending, by robot id."""


@dataclass
class Compared:
    """``verdicts`` that were compared, how many said beyond, and each that was not the same."""

    verdicts: int = 0
    beyond: int = 0
    in_the_band: int = 0
    differences: list[str] = field(default_factory=list)


class Witness:
    """Grafana, asked what a rule says at a past instant."""

    def __init__(self, settings: Settings) -> None:
        there = settings.grafana
        auth = there.admin_user, there.admin_password.get_secret_value()
        self._client = httpx.AsyncClient(base_url=there.url, auth=auth, timeout=60)
        groups = yaml.safe_load(rules_file())["groups"]
        self._rules = {rule["uid"]: rule for group in groups for rule in group["rules"]}

    async def close(self) -> None:
        await self._client.aclose()

    async def says(self, rule: Rule, at: datetime, loaded: Sequence[str]) -> Said:
        """Of every robot that the rule's condition has a value of."""
        data = copy.deepcopy(self._rules[rule.uid]["data"])
        for query in data:
            if text := query["model"].get("query"):
                query["model"]["query"] = text.replace("now()", f"'{at:%Y-%m-%dT%H:%M:%SZ}'")
        condition = data[-1]
        below = {**condition["model"], "refId": "U"}
        below["conditions"] = [
            {"evaluator": condition["model"]["conditions"][0]["unloadEvaluator"]}
        ]
        queries = [*data[:-1], {**condition, "refId": "U", "model": below}, condition]
        body = {"condition": "C", "data": queries, "now": at.isoformat()}
        results = await self._results(body)
        margins, over, under = (_by_robot(results[ref]) for ref in "MCU")
        return {
            robot: (margins[robot], not under[robot] if robot in loaded else bool(value))
            for robot, value in over.items()
            if robot != SENTINEL
        }

    async def _results(self, body: dict[str, Any]) -> dict[str, Any]:
        for last in (False, False, True):
            answer = await self._client.post("/api/v1/eval", json=body)
            assert answer.is_success, answer.text
            results: dict[str, Any] = answer.json()["results"]
            errors = [one["error"] for one in results.values() if "error" in one]
            if not errors:
                return results
            # On a busy machine a query may run into its time limit.
            assert not last, errors
        raise AssertionError("not reached")


def _by_robot(result: dict[str, Any]) -> dict[str, float]:
    """The number of each frame by the robot of its labels."""
    found = {}
    for frame in result.get("frames") or []:
        for column, values in zip(frame["schema"]["fields"], frame["data"]["values"], strict=True):
            if values and values[0] is not None and column.get("labels"):
                found[column["labels"]["robot_id"]] = float(values[0])
    return found


async def compare(
    settings: Settings, pool: store.Pool, series: Query, instants: Sequence[datetime]
) -> Compared:
    """All ten rules at each of ``instants``, oldest first, each side on what was before."""
    found = Compared()
    witness = Witness(settings)
    await write_once(settings)
    try:
        limits = {rule.uid: await rule_inputs.limits(pool, rule) for rule in LIMIT_RULES}

        async def walk(rule: Rule) -> None:
            before: dict[str, Verdict] = {}
            for at in instants:
                loaded = [r for r, v in before.items() if v.state != "normal"]
                readings, theirs = await asyncio.gather(
                    rule_inputs.read(pool, series, rule, at), witness.says(rule, at, loaded)
                )
                after = evaluate(rule, readings, limits[rule.uid], before, at)
                _hold_against(found, rule, at, _said(after, limits[rule.uid]), theirs)
                before = {r: v for r, v in after.items() if not v.vanished}

        # As many at a time as there are cores to work on them.
        rules = list(LIMIT_RULES)
        for n in range(0, len(rules), 2):
            await asyncio.gather(*(walk(rule) for rule in rules[n : n + 2]))
    finally:
        await witness.close()
    return found


def _said(after: dict[str, Verdict], limits: Limits) -> Said:
    return {
        robot: (margin(v.value, *limits[robot]), v.state != "normal")
        for robot, v in after.items()
        if v.value is not None and not v.missed
    }


def _hold_against(found: Compared, rule: Rule, at: datetime, ours: Said, theirs: Said) -> None:
    for robot in sorted(ours.keys() | theirs.keys()):
        found.verdicts += 1
        verdict, other = ours.get(robot), theirs.get(robot)
        if verdict is not None and verdict[1]:
            found.beyond += 1
            found.in_the_band += verdict[0] <= 0
        is_left_out = verdict is not None and not verdict[1] and verdict[0] < RECOVERS_BELOW
        if verdict != other and not (other is None and is_left_out):
            found.differences.append(
                f"{at:%H:%M:%S} {rule.uid} {robot}: we {verdict}, Grafana {other}"
            )


# --- robots whose past is known to cross, to linger between the limits, to be silent, to charge

FLEET = 12


def fleet(prefix: str) -> list[str]:
    return [f"{prefix}_{n:02}" for n in range(FLEET)]


def register(dsn: str, robots: Sequence[str]) -> None:
    """The robots; one switched off, one in maintenance, one with limits of its own."""
    off, away, own = robots[0], robots[1], robots[2]
    with psycopg.connect(dsn) as conn:
        for robot in robots[:-1]:  # the last one sends, and nobody knows it
            conn.execute("INSERT INTO robots (robot_id) VALUES (%s)", [robot])
        conn.execute("UPDATE robots SET status = 'maintenance' WHERE robot_id = %s", [away])
        for metric in METRICS.values():
            worse = 1 if metric.direction == "high" else -1
            for robot, enabled, by in ((off, False, 0), (own, True, -5 * worse)):
                conn.execute(
                    "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
                    " critical_threshold, enabled) VALUES (%s, %s, %s, %s, %s)",
                    [robot, metric.name, metric.warning + by, metric.critical + by, enabled],
                )


def past(robots: Sequence[str], until: datetime, seconds: int, seed: int = 6) -> Iterator[str]:
    """Line protocol, second precision, of ``seconds`` before ``until`` and of the rules' window
    before those."""
    rng = random.Random(seed)
    values = {(robot, m): METRICS[m].warning for robot in robots for m in METRICS}
    end = int(until.timestamp())
    for second in range(end - seconds - SILENCE, end + 1, 5):
        for number, robot in enumerate(robots):
            # One in four falls silent for longer than the rules look back, each at its time.
            turn = (second // SILENCE + number) % 8
            if number % 4 == 3 and turn in (3, 4):
                continue
            for name, metric in METRICS.items():
                values[robot, name] = walked(rng, metric, values[robot, name])
            yield from lines(rng, robot, number, second, values)


def walked(rng: random.Random, metric: Metric, value: float) -> float:
    """A step that stays about both limits and the bands below them, now and then right on one."""
    lowest, highest = sorted((metric.recovery(metric.warning), metric.critical))
    reach = (highest - lowest) / 2
    if rng.random() < 0.03:
        return rng.choice([metric.warning, metric.critical, metric.recovery(metric.warning)])
    moved = value + rng.gauss(0, metric.recovery_margin)
    return round(min(max(moved, lowest - reach), highest + reach), 2)


def lines(
    rng: random.Random,
    robot: str,
    number: int,
    second: int,
    values: dict[tuple[str, str], float],
) -> Iterator[str]:
    of = {name: values[robot, name] for name in METRICS}
    yield (
        f"performance,robot_id={robot} cpu_percent={of['cpu']},memory_percent={of['memory']},"
        f"cpu_temperature={of['temperature']} {second}"
    )
    charging = str((second // 300 + number) % 5 == 0).lower()
    yield f"battery,robot_id={robot} percentage={of['battery']},charging={charging} {second}"
    for servo in range(1, 4):
        heat = of["servo_temp"] if servo == 2 else 40 + rng.random()
        yield f"servos,robot_id={robot},servo_id=servo_{servo} temperature={heat} {second}"


def write(settings: Settings, lines: Iterator[str]) -> None:
    influx = settings.influx
    url = f"{influx.url}/api/v2/write?org={influx.org}&bucket={influx.bucket}&precision=s"
    headers = {"Authorization": f"Token {influx.token.get_secret_value()}"}
    with httpx.Client(headers=headers, timeout=60) as client:
        told: list[str] = []
        for line in lines:
            told.append(line)
            if len(told) == 20_000:
                client.post(url, content="\n".join(told)).raise_for_status()
                told.clear()
        client.post(url, content="\n".join(told)).raise_for_status()


def instants(count: int, until: datetime | None = None) -> list[datetime]:
    """So many, ten seconds apart, the last some minutes ago (the rules look a minute ahead)."""
    last = (until or datetime.now(UTC)).replace(microsecond=0) - timedelta(minutes=5)
    return [last - STEP * n for n in reversed(range(count))]

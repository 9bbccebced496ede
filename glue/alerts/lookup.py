"""What an observation does not say itself: value, limit, worst servo, and why it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from glue import store
from glue.alerts import rule_inputs
from glue.core import endings, queue_words
from glue.core.endings import Circumstances, Limit
from glue.core.episodes import Change, Known
from glue.core.metrics import METRICS
from glue.core.occurrences import Observation, Occurrence, Reason
from glue.core.rule import AHEAD, WINDOW, SeriesReading, TableReading, reading, texts
from glue.core.rules import BY_KEY, BY_METRIC
from glue.series import Query, quote
from glue.store import alerts as rows
from glue.store import heartbeats

Pair = tuple[str, str]

MOST_NAMED = 200
"""Above this many robots the whole fleet is asked: the list would be slower than the answer."""


@dataclass(frozen=True)
class Facts:
    """From PostgreSQL: also the readings of rules that read there."""

    circumstances: Mapping[str, Circumstances]
    limits: Mapping[tuple[str, str, str], Limit]
    readings: Mapping[Pair, float] = field(default_factory=dict)
    queue: Mapping[str, Any] | None = None
    """The broker's, as it is now."""


@dataclass(frozen=True)
class Found:
    """From InfluxDB; empty when it could not be asked."""

    newest: Mapping[Pair, float] = field(default_factory=dict)
    source: Mapping[Pair, str] = field(default_factory=dict)
    charging: set[str] = field(default_factory=set)
    asked: bool = False


async def facts(pool: store.Pool, news: Sequence[Observation]) -> Facts:
    """What PostgreSQL knows of ``news``. A rule whose limits are no setting has them in its own
    SQL, and so it is asked for. Raises ``StoreError``."""
    pairs = sorted({one.pair for one in news})
    async with store.transaction(pool) as conn:
        circumstances = await rows.circumstances(conn, {robot for _, robot in pairs})
        limits = await rows.limits(conn, pairs)
        queue = heartbeats.queue(await heartbeats.read(conn), datetime.now(UTC))
    found: dict[Pair, float] = {}
    for metric, severity in sorted({(o.metric, o.severity) for o in news} & BY_KEY.keys()):
        if metric in METRICS:
            continue
        rule = BY_KEY[metric, severity]
        for robot, both in (await rule_inputs.limits(pool, rule)).items():
            limits[metric, robot, severity] = Limit(*both)
        if isinstance(rule.reading, TableReading):
            for robot, value in (await rule_inputs.table(pool, rule.reading)).items():
                found[metric, robot] = value
    return Facts(circumstances, limits, found, queue)


async def reading_now(pool: store.Pool, series: Query, pair: Pair) -> float | None:
    """What the rule of ``pair`` reads now, in the rule's unit; None where there is no rule or no
    reading. Raises ``SeriesError``, ``StoreError``."""
    rule = BY_METRIC.get(pair[0])
    if rule and isinstance(rule.reading, TableReading):
        return (await rule_inputs.table(pool, rule.reading)).get(pair[1])
    return (await ask(series, [pair])).newest.get(pair)


async def ask(series: Query, pairs: Iterable[Pair]) -> Found:
    """The newest value per (metric, robot) and where it was worst."""
    wanted: dict[str, set[str]] = {}
    for metric, robot_id in pairs:
        if robot_id or _reading(metric):
            wanted.setdefault(metric, set()).add(robot_id)
    newest: dict[Pair, float] = {}
    source: dict[Pair, str] = {}
    charging: set[str] = set()
    for metric, robots in wanted.items():
        if metric == "servo_temp":
            await _ask_servos(series, robots, newest, source)
        elif metric == "battery":
            await _ask_battery(series, robots, newest, charging)
        elif reading := _reading(metric):
            for one in await series.query(reading.influxql.replace("$timeFilter", _where(robots))):
                newest[metric, one.tags.get("robot_id", "")] = one.rows[-1][1]
    return Found(newest, source, charging, asked=True)


async def _ask_servos(
    series: Query, robots: set[str], newest: dict[Pair, float], source: dict[Pair, str]
) -> None:
    for one in await series.query(
        'SELECT last("temperature") AS v FROM "servos"'
        f' WHERE {_where(robots)} GROUP BY "robot_id", "servo_id"'
    ):
        pair = "servo_temp", one.tags["robot_id"]
        if pair not in newest or one.last("v") > newest[pair]:
            newest[pair] = one.last("v")
            source[pair] = one.tags["servo_id"]


async def _ask_battery(
    series: Query, robots: set[str], newest: dict[Pair, float], charging: set[str]
) -> None:
    for one in await series.query(
        'SELECT last("percentage") AS v, "charging" FROM "battery"'
        f' WHERE {_where(robots)} GROUP BY "robot_id"'
    ):
        newest["battery", one.tags["robot_id"]] = one.last("v")
        if one.last("charging"):
            charging.add(one.tags["robot_id"])


def complete(seen: Observation, facts: Facts, found: Found, known: Known) -> Observation:
    """``seen`` with everything that could be found out."""
    in_force = facts.limits.get((*seen.pair, seen.severity))
    limit = seen.limit if seen.limit is not None or in_force is None else in_force.limit
    value = seen.value
    if value is None and in_force and seen.margin is not None:
        # Exact under the limit of then; one that was changed since is out by the change.
        value = round(reading(seen.margin, in_force.limit, in_force.recovery), 6)
    if value is None:
        value = found.newest.get(seen.pair, facts.readings.get(seen.pair))
    read = _reading(seen.metric)
    part = f"{read.measurement}.{read.field}" if read else seen.source or seen.metric
    rule = BY_KEY.get((seen.metric, seen.severity))
    words = texts(rule, seen.robot_id, value, limit) if rule else None
    note = queue_words.note(seen.metric, facts.queue) if facts.queue and seen.firing else ""
    return replace(
        seen,
        value=value,
        limit=limit,
        recovery=in_force.recovery if in_force and in_force.limit == limit else None,
        source=found.source.get(seen.pair, part),
        title=words.title if words else seen.title,
        message=f"{words.message}{note}" if words else seen.message,
        reason=seen.reason if seen.firing else _why(seen, facts, found, known, value),
    )


def reworded(change: Change, facts: Facts) -> Change:
    """A lowered alert speaks of the limit that is still crossed, not of the one it fell below."""
    rule = BY_KEY.get((change.episode.metric, change.severity))
    if change.kind != "lowered" or rule is None:
        return change
    seen = change.cause
    in_force = facts.limits.get((*seen.pair, change.severity))
    limit = in_force.limit if in_force else None
    message = texts(rule, seen.robot_id, seen.value, limit).message
    return replace(change, cause=replace(seen, limit=limit, message=message))


def _why(
    seen: Observation, facts: Facts, found: Found, known: Known, value: float | None
) -> Reason:
    now = facts.circumstances.get(seen.robot_id, Circumstances())
    limit_now = facts.limits.get((*seen.pair, seen.severity))
    has_rule = _reading(seen.metric) is not None
    began = next((o for o in known.occurrences if o.firing and o.severity == seen.severity), None)
    now = replace(
        now,
        has_recent_point=seen.pair in found.newest if found.asked and has_rule else None,
        charging=seen.robot_id in found.charging,
        has_limit=limit_now is not None or seen.metric not in METRICS,
        value=value,
        limit_then=_began_under(began),
        limit_now=limit_now,
    )
    return endings.why(seen.vanished, now)


def _began_under(began: Occurrence | None) -> Limit | None:
    if began is None or began.limit is None or began.recovery is None:
        return None
    return Limit(began.limit, began.recovery)


def _reading(metric: str) -> SeriesReading | None:
    rule = BY_METRIC.get(metric)
    return rule.reading if rule and isinstance(rule.reading, SeriesReading) else None


def _where(robots: set[str]) -> str:
    window = f"time > now() - {WINDOW}s AND time < now() + {AHEAD}s"
    if len(robots) > MOST_NAMED or "" in robots:
        return window
    named = " OR ".join(f'"robot_id" = {quote(r)}' for r in sorted(robots))
    return f"{window} AND ({named})"

"""What these limits would have made of the past, beside what happened."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from glue import store
from glue.backtest import history, replay
from glue.backtest.history import Peak, Span
from glue.core.backtest import Pair, Past, objection
from glue.core.metrics import Metric
from glue.core.references import hint
from glue.series import Query
from glue.settings import Settings
from glue.settings.systems import FOR_EVER_DAYS
from glue.store import backtest as record
from glue.store import fleet, references

MOST = 1000
"""Episodes that are listed; all are counted."""

LONGEST = timedelta(days=31)


class BacktestRefused(Exception):
    """What was asked for makes no sense; the text says why. ``where`` is the value's name."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class UnknownRobot(Exception):
    """There is no such robot."""


@dataclass(frozen=True)
class Range:
    """From when to when, evaluated how often; what to say of it."""

    since: datetime
    until: datetime
    span: Span
    notes: list[str]

    @property
    def days(self) -> float:
        return (self.until - self.since) / timedelta(days=1)


@dataclass
class Tally:
    """How many episodes, the highest severity of each, of how many robots, how long in all."""

    episodes: int = 0
    warning: int = 0
    critical: int = 0
    seconds: float = 0.0
    by_robot: dict[str, int] = field(default_factory=dict)
    newest: list[tuple[datetime, int, Past]] = field(default_factory=list)

    def add(self, past: Past, since: datetime, until: datetime) -> None:
        self.episodes += 1
        self.warning += past.severity == "warning"
        self.critical += past.severity == "critical"
        spent = min(past.ended_at or until, until) - max(past.starts_at, since)
        self.seconds += max(0.0, spent.total_seconds())
        self.by_robot[past.robot_id] = self.by_robot.get(past.robot_id, 0) + 1
        entry = (past.starts_at, self.episodes, past)
        push = heapq.heappush if len(self.newest) < MOST else heapq.heappushpop
        push(self.newest, entry)

    @property
    def listed(self) -> list[Past]:
        """The newest ones, newest first."""
        return [past for _, _, past in sorted(self.newest, reverse=True)]


@dataclass(frozen=True)
class Preview:
    """``robots``: whom the limits reach; ``heard``: how many of those sent anything."""

    metric: Metric
    robot_id: str | None
    limits: Pair
    range: Range
    robots: int
    heard: int
    would: Tally
    happened: Tally
    notes: list[str]


@dataclass(frozen=True)
class Reach:
    """Whom limits are for, what to say of the others, and the bounds of limits."""

    robot_ids: list[str]
    notes: list[str]
    bounds: tuple[float, float]


def ranged(
    settings: Settings,
    days: float,
    since: datetime | timedelta | None,
    until: datetime | None = None,
    now: datetime | None = None,
) -> Range:
    """Cut the range to what InfluxDB still has and to whole evaluations; a day unless asked.

    ``days`` are those that InfluxDB keeps (:func:`glue.store.heartbeats.kept_days`). Raises
    :class:`BacktestRefused`.
    """
    now = now or datetime.now(UTC)
    until = min(until or now, now)
    start = since if isinstance(since, datetime) else until - (since or timedelta(days=1))
    if start >= until:
        raise BacktestRefused("since", "not before until, or not in the past")
    if until - start > LONGEST:
        raise BacktestRefused("since", f"more than {LONGEST.days} days before until")
    notes = []
    oldest = now - timedelta(days=min(days, FOR_EVER_DAYS))
    if start < oldest:
        kept = f"InfluxDB keeps {days:g} days (INFLUXDB_RETENTION_DAYS)"
        if until <= oldest:
            raise BacktestRefused("until", f"{kept}: nothing is left from before {oldest:%F %R}Z")
        notes.append(f"{kept}: looked at from {oldest:%F %R}Z, not from {start:%F %R}Z")
        start = oldest
    every = round(settings.glue.evaluation_interval * 1000)
    first = -(-_ms(start) // every) * every
    last = _ms(until) // every * every
    if last <= first:
        raise BacktestRefused("since", f"no two evaluations ({every / 1000:g} s) before until")
    return Range(start, until, Span(first, last, every), notes)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def reach(
    pool: store.Pool, metric: Metric, robot_id: str | None, *, all_robots: bool = False
) -> Reach:
    """One robot, or those that the fleet's limits reach. Raises :class:`UnknownRobot`."""
    async with store.transaction(pool) as conn:
        bounds = await record.bounds(conn, metric.name)
        if robot_id is not None:
            if await fleet.one(conn, robot_id) is None:
                known = await references.known(conn, "robots")
                raise UnknownRobot(f"There is no robot {robot_id}; {hint(robot_id, known)}")
            return Reach([robot_id], [], bounds)
        robots = await record.fleet(conn, metric.name)
    if all_robots:
        return Reach([r.robot_id for r in robots], [], bounds)
    notes = []
    if off := sum(not r.enabled for r in robots):
        notes.append(f"{off} robots left out: {metric.name} is switched off for them")
    if own := sum(r.own and r.enabled for r in robots):
        notes.append(f"{own} robots left out: they have limits of their own for {metric.name}")
    return Reach([r.robot_id for r in robots if r.enabled and not r.own], notes, bounds)


async def preview(
    settings: Settings,
    pool: store.Pool,
    metric: Metric,
    limits: Pair,
    asked: Range,
    robot_id: str | None = None,
) -> Preview:
    """For one robot, or for those whom the fleet's limits reach.

    Raises :class:`BacktestRefused`, :class:`UnknownRobot`, ``SeriesError``, ``StoreError``.
    """
    metric = replace(metric, pending=settings.rules.pending(metric.name))
    whom = await reach(pool, metric, robot_id)
    if why := objection(metric, limits, *whom.bounds):
        raise BacktestRefused("limits", why)
    async with history.asking(settings.influx) as series:
        heard = await heard_of(series, metric, asked.span, whom.robot_ids)
        would = await replayed(series, metric, limits, asked, heard)
    notes = [*asked.notes, *whom.notes]
    if not heard:
        notes.append(nothing_of(metric, robot_id))
    return Preview(
        metric,
        robot_id,
        limits,
        asked,
        len(whom.robot_ids),
        len(heard),
        would,
        await happened(pool, metric, whom.robot_ids, asked),
        notes,
    )


async def heard_of(
    series: Query, metric: Metric, span: Span, robot_ids: Iterable[str]
) -> dict[str, Peak]:
    """Those of ``robot_ids`` that sent readings, with their furthest."""
    found = await history.peaks(series, metric, span)
    return {r: found[r] for r in robot_ids if r in found}


async def replayed(
    series: Query, metric: Metric, limits: Pair, asked: Range, heard: Mapping[str, Peak]
) -> Tally:
    """The episodes that would have been."""
    tally = Tally()
    async for past in replay.episodes(series, metric, limits, asked.span, heard):
        tally.add(past, asked.since, asked.until)
    return tally


async def happened(pool: store.Pool, metric: Metric, robot_ids: list[str], asked: Range) -> Tally:
    """The episodes of the record."""
    tally = Tally()
    async with store.transaction(pool) as conn:
        async for past in record.happened(conn, metric.name, robot_ids, asked.since, asked.until):
            tally.add(past, asked.since, asked.until)
    return tally


def nothing_of(metric: Metric, robot_id: str | None) -> str:
    who = f"robot {robot_id}" if robot_id else "any of these robots"
    return f"no readings of {metric.title.lower()} from {who} in that time"

"""Readings of a report from InfluxDB: one local day a query, so that never much is in memory.

InfluxDB adds up a robot's day; 500 robots over a week are 3,500 rows of a measurement. Only of
batteries more is read (a charge every ten minutes), some robots at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from glue.core.report import wear
from glue.core.report.content import Period
from glue.core.report.facts import Reading, Stats, merged
from glue.core.report.periods import window
from glue.series import Query, Series
from glue.series.query import quote

HEARD_S = 300
"""A robot that said anything in five minutes was heard in them."""
CHARGE_S = 600
LONGEST_GAP_S = 2.5 * CHARGE_S
BATCH = 50
"""Robots whose charge is read in one query: 7,200 rows of a day."""
SERVOS = 50
"""That are told by name."""

FIELDS: dict[str, dict[str, str]] = {
    "performance": {
        "cpu": "cpu_percent",
        "memory": "memory_percent",
        "disk": "disk_percent",
        "temperature": "cpu_temperature",
    },
    "battery": {"battery": "percentage"},
}
DRAWN = {
    "cpu": ("performance", "cpu_percent", "max"),
    "memory": ("performance", "memory_percent", "max"),
    "temperature": ("performance", "cpu_temperature", "max"),
    "servo_temp": ("servos", "temperature", "max"),
    "battery": ("battery", "percentage", "min"),
}
"""Measurement, field, and the side that matters."""
NEEDED: dict[str, tuple[str, ...]] = {
    "availability": ("heard",),
    "load": ("performance", "cpu", "memory"),
    "temperature": ("performance", "temperature"),
    "servos": ("servos", "servo_temp"),
    "battery": ("battery", "wear"),
}
"""By section: what is read by day, and what is drawn."""

Told = Callable[[str], Awaitable[None]]


@dataclass
class Found:
    """As :class:`~glue.core.report.facts.Facts` has them."""

    readings: dict[str, Reading] = field(default_factory=dict)
    heard: dict[str, list[float]] = field(default_factory=dict)
    worst_servos: list[tuple[str, str, Stats]] = field(default_factory=list)
    wear: dict[str, list[wear.Wear]] = field(default_factory=dict)


class Readings:
    """Reads ``days`` of ``robots``; ``everyone``: they are the fleet, no query needs their names.

    ``told`` is awaited before each query, with what is read.
    """

    def __init__(
        self,
        query: Query,
        robots: Sequence[str],
        everyone: bool,
        days: Sequence[Period],
        told: Told,
    ) -> None:
        self._query = query
        self._robots = list(robots)
        self._known = set(robots)
        self._everyone = everyone
        self._days = days
        self._told = told
        self._found = Found()
        self._stats: dict[str, dict[str, list[Stats | None]]] = {}
        self._servos: dict[tuple[str, str], list[Stats | None]] = {}

    async def read(self, sections: Sequence[str], drawn: bool) -> Found:
        """What ``sections`` need; their lines too when ``drawn``. Raises ``SeriesError``."""
        wanted = {what for section in sections for what in NEEDED.get(section, ())}
        if not self._robots or not self._days:
            return self._found
        for n, day in enumerate(self._days):
            for measurement in ("performance", "battery"):
                if measurement in wanted:
                    await self._told(f"{measurement} of {_date(day)}")
                    await self._add_stats(n, day, measurement)
            if "servos" in wanted:
                await self._told(f"servos of {_date(day)}")
                await self._add_servos(n, day)
            if "heard" in wanted:
                await self._told(f"who was heard on {_date(day)}")
                await self._add_heard(n, day)
            if "wear" in wanted:
                await self._add_wear(n, day)
        self._finish()
        for name in DRAWN if drawn else ():
            if name in wanted or (name == "battery" and "wear" in wanted):
                await self._told(f"the line of {name}")
                await self._draw(name)
        return self._found

    def steps(self, sections: Sequence[str], drawn: bool) -> int:
        """How often ``told`` will be awaited."""
        wanted = {what for section in sections for what in NEEDED.get(section, ())}
        a_day = len(wanted & {"performance", "battery", "servos", "heard"})
        a_day += -(-len(self._robots) // BATCH) if "wear" in wanted else 0
        lines = sum(1 for name in DRAWN if name in wanted) if drawn else 0
        return a_day * len(self._days) + lines

    async def _add_stats(self, n: int, day: Period, measurement: str) -> None:
        fields = FIELDS[measurement]
        asked = ", ".join(
            f'count("{f}") AS {k}_n, mean("{f}") AS {k}_m, min("{f}") AS {k}_l, max("{f}") AS {k}_h'
            for k, f in fields.items()
        )
        where = f"{_within(day)}{self._of()}"
        for one in await self._query.query(
            f"SELECT {asked} FROM {measurement} WHERE {where} GROUP BY robot_id"
        ):
            robot = one.tags.get("robot_id", "")
            if robot not in self._known:
                continue
            for name in fields:
                values = [one.last(f"{name}_{part}") for part in "nmlh"]
                if values[0] and None not in values:
                    by_robot = self._stats.setdefault(name, {})
                    by_robot.setdefault(robot, self._empty())[n] = Stats(*values)

    async def _add_servos(self, n: int, day: Period) -> None:
        for one in await self._query.query(
            'SELECT count("temperature") AS n, mean("temperature") AS m, min("temperature") AS l,'
            f' max("temperature") AS h FROM servos WHERE {_within(day)}{self._of()}'
            " GROUP BY robot_id, servo_id"
        ):
            robot, servo = one.tags.get("robot_id", ""), one.tags.get("servo_id", "")
            values = [one.last(part) for part in "nmlh"]
            if robot in self._known and values[0] and None not in values:
                self._servos.setdefault((robot, servo), self._empty())[n] = Stats(*values)

    async def _add_heard(self, n: int, day: Period) -> None:
        # The first window may begin before the day. Without a time out there every shard is opened.
        around = Period(since=day.since - timedelta(seconds=HEARD_S), until=day.until)
        for one in await self._query.query(
            "SELECT count(n) AS windows FROM (SELECT count(cpu_percent) AS n FROM performance"
            f" WHERE {_within(day)}{self._of()} GROUP BY time({HEARD_S}s), robot_id fill(none))"
            f" WHERE n > 0 AND {_within(around)} GROUP BY robot_id"
        ):
            robot = one.tags.get("robot_id", "")
            if robot in self._known:
                heard = self._found.heard.setdefault(robot, [0.0] * len(self._days))
                heard[n] = float(one.last("windows") or 0) * HEARD_S

    async def _add_wear(self, n: int, day: Period) -> None:
        for robots in _batches(self._robots):
            await self._told(f"charge on {_date(day)}")
            for one in await self._query.query(
                "SELECT last(percentage) AS percent, last(charging) AS charging,"
                f" mean(current) AS current FROM battery WHERE {_within(day)}{_named(robots)}"
                f" GROUP BY time({CHARGE_S}s), robot_id fill(none)"
            ):
                days = self._found.wear.setdefault(
                    one.tags.get("robot_id", ""), [wear.Wear()] * len(self._days)
                )
                days[n] = wear.wear(_samples(one), LONGEST_GAP_S)

    def _finish(self) -> None:
        for name, by_robot in self._stats.items():
            self._found.readings[name] = Reading(by_robot)
        if self._servos:
            by_robot = {}
            ranked = []
            for (robot, servo), days in self._servos.items():
                total = merged(days)
                assert total is not None
                ranked.append((robot, servo, total))
                known = by_robot.setdefault(robot, self._empty())
                by_robot[robot] = [merged(pair) for pair in zip(known, days, strict=True)]
            ranked.sort(key=lambda one: (-one[2].high, one[0], one[1]))
            self._found.worst_servos = ranked[:SERVOS]
            self._found.readings["servo_temp"] = Reading(by_robot)

    async def _draw(self, name: str) -> None:
        measurement, of, extreme = DRAWN[name]
        whole = Period(since=self._days[0].since, until=self._days[-1].until)
        every = window(whole)
        title = {"max": "highest", "min": "lowest"}[extreme]
        lines: dict[str, list[tuple[float, float | None]]] = {"mean": [], title: []}
        for one in await self._query.query(
            f'SELECT mean("{of}") AS m, {extreme}("{of}") AS x FROM {measurement}'
            f" WHERE {_within(whole)}{self._of()} GROUP BY time({every}s) fill(none)"
        ):
            for at, mean, extremum in one.rows:
                middle = at / 1000 + every / 2
                lines["mean"].append((middle, _short(mean)))
                lines[title].append((middle, _short(extremum)))
        known = self._found.readings.get(name)
        self._found.readings[name] = Reading(known.by_robot if known else {}, lines)

    def _of(self) -> str:
        return "" if self._everyone else _named(self._robots)

    def _empty(self) -> list[Stats | None]:
        return [None] * len(self._days)


def _named(robots: Sequence[str]) -> str:
    return " AND (" + " OR ".join(f"robot_id = {quote(one)}" for one in robots) + ")"


def _within(period: Period) -> str:
    return f"time >= {_ms(period.since)}ms AND time < {_ms(period.until)}ms"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _date(day: Period) -> str:
    return f"{day.until:%Y-%m-%d}"


def _samples(one: Series) -> list[wear.Sample]:
    return [
        wear.Sample(at / 1000, percent, charging, current)
        for at, percent, charging, current in one.rows
        if percent is not None
    ]


def _batches(robots: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(robots), BATCH):
        yield robots[begin : begin + BATCH]


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

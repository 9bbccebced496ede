"""The limits as points in InfluxDB, and the margin that InfluxDB works out from them.

A rule that joins readings and limits in Grafana costs the square of the fleet, because Grafana
compares every label with every other. InfluxDB joins by the series' tags, so the limits are written
there as well: one point per robot and measurement, always at the same moment of the far future. So
a changed limit replaces the one before, and no limit grows old, whoever stops writing. They have a
database of their own: what asks for readings never meets a limit.

InfluxDB joins series of one measurement name only, hence the limits' measurements have the names of
the readings'. A robot without limits has none in reach: :data:`OUT_OF_REACH`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from glue.core.limit_rules import LIMIT_RULES
from glue.core.line_protocol import lines
from glue.core.metrics import Direction
from glue.core.pipeline_rules import CLOCK_OFF, ROBOT_CLOCK_OFF
from glue.core.robot_id import is_robot_id
from glue.core.rule import AHEAD, NEWEST, RECENT, RECOVERS_BELOW, WINDOW, Rule, SeriesReading

DATABASE = "tonypi_limits"
"""Database (1.x) or bucket (2.x). A constant, because the text of a rule names it."""

AT = "2100-01-01T00:00:00Z"
AT_NS = 4_102_444_800 * 10**9
"""When every point of a limit is."""

FLEET = "fleet"
"""Field of the sentinel: whose limits they are. The name of the database stands in the rules' text,
so that one InfluxDB has the limits of one fleet."""

OUT_OF_REACH: Mapping[Direction, tuple[float, float]] = {
    "high": (1e18, 0.999e18),
    "low": (-1e18, -0.999e18),
}
"""Limit and recovery limit where there is none: any reading is 1,000 bands on the safe side."""

SENTINEL = "~none"
SENTINEL_READING = "reading"
"""A robot that is always given to Grafana, and never beyond; no robot id has a ``~``. Where a
rule's query finds nothing at all, Grafana 11 ends what fired without writing it into its history;
and a rule without it has no limits."""

RULES: tuple[Rule, ...] = (*LIMIT_RULES, ROBOT_CLOCK_OFF)
"""The rules whose margin InfluxDB works out."""

UIDS = frozenset(rule.uid for rule in RULES)

Key = tuple[str, str]
"""Robot and measurement."""
Fields = Mapping[str, float | str]


class Configured(Protocol):
    """What is known of one robot and metric (:class:`glue.store.limits.Limit`)."""

    @property
    def robot_id(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def warning(self) -> float: ...
    @property
    def warning_recovery(self) -> float: ...
    @property
    def critical(self) -> float: ...
    @property
    def critical_recovery(self) -> float: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def watched(self) -> bool: ...


@dataclass(frozen=True)
class Pair:
    """Names of the two fields of one rule's limit."""

    limit: str
    recovery: str


def pair(rule: Rule) -> Pair:
    return Pair(f"{rule.metric}_{rule.severity}", f"{rule.metric}_{rule.severity}_recovery")


def wanted(rows: Iterable[Configured], fleet: str) -> dict[Key, Fields]:
    """The points of the robots in ``rows``, which must hold all metrics of a robot, and the
    sentinel's."""
    points: dict[Key, dict[str, float | str]] = {}
    for row in rows:
        # Of an adopted robot with another id no message is accepted, and its point would be none.
        if not row.watched or not is_robot_id(row.robot_id):
            continue
        if (row.robot_id, ROBOT_CLOCK_OFF.metric) not in points:
            for measurement, fields in nothing().items():
                points[row.robot_id, measurement] = {**fields}
            clock = points[row.robot_id, _measurement(ROBOT_CLOCK_OFF)]
            clock |= _pair(ROBOT_CLOCK_OFF, CLOCK_OFF, CLOCK_OFF / 2)
        for rule in LIMIT_RULES:
            if row.enabled and rule.metric == row.metric:
                in_force = {
                    "warning": (row.warning, row.warning_recovery),
                    "critical": (row.critical, row.critical_recovery),
                }
                points[row.robot_id, _measurement(rule)] |= _pair(rule, *in_force[rule.severity])
    return {**points, **sentinel(fleet)}


def sentinel(fleet: str) -> dict[Key, Fields]:
    """Its points: limits of 1, recovery limits and a reading of 0, so a margin of -1."""
    points: dict[Key, dict[str, float | str]] = {}
    for rule in RULES:
        own: dict[str, float | str] = {SENTINEL_READING: 0.0, FLEET: fleet}
        fields = points.setdefault((SENTINEL, _measurement(rule)), own)
        fields |= _pair(rule, 1, 0)
    return dict(points)


def owner(stored: Mapping[Key, Fields]) -> str:
    """The fleet whose limits are ``stored``; '' while nobody wrote any."""
    names = (stored.get((SENTINEL, measurement), {}).get(FLEET) for measurement in MEASUREMENTS)
    return next((str(name) for name in names if name), "")


def nothing() -> dict[str, Fields]:
    """The points of a robot that no rule applies to, by measurement."""
    points: dict[str, dict[str, float | str]] = {}
    for rule in RULES:
        fields = points.setdefault(_measurement(rule), {})
        fields |= _pair(rule, *OUT_OF_REACH[rule.direction])
    return dict(points)


def differing(wanted: Mapping[Key, Fields], stored: Mapping[Key, Fields]) -> dict[Key, Fields]:
    """The points to write, so that ``stored`` says what is ``wanted``. A robot that nothing is
    wanted of keeps its points, out of reach."""
    off = nothing()
    gone = {
        (robot_id, measurement): off[measurement]
        for (robot_id, measurement) in stored.keys() - wanted.keys()
        if measurement in off
    }
    every = {**wanted, **gone}
    return {key: fields for key, fields in every.items() if stored.get(key) != fields}


def line(key: Key, fields: Fields) -> str:
    """One point as line protocol, in nanoseconds."""
    robot_id, measurement = key
    kinds = [(n, "string" if isinstance(v, str) else "float") for n, v in fields.items()]
    series = f"{measurement},robot_id={robot_id}"
    ((text, _),) = lines(series, kinds, [(AT_NS, *fields.values())])
    return text


def margin_influxql(rule: Rule) -> str:
    """The margin of each robot that has not recovered, or had not within the last minute.

    The others are left out, so that Grafana handles some robots and not the fleet.
    """
    reading = rule.reading
    assert isinstance(reading, SeriesReading)
    names = pair(rule)
    worst = "max" if rule.direction == "high" else "min"
    sources = (
        reading.influxql.replace("$timeFilter", NEWEST),
        f'SELECT "{names.limit}" AS "w", "{names.recovery}" AS "l", "{SENTINEL_READING}" AS "v"'
        f' FROM "{DATABASE}".."{reading.measurement}" WHERE time = \'{AT}\' GROUP BY "robot_id"',
        f'SELECT {worst}("{reading.field}") AS "x" FROM "{reading.measurement}"'
        f' WHERE time >= now() - {RECENT}s AND time < now() + {AHEAD}s GROUP BY "robot_id"',
    )
    joined = ", ".join(f"({source})" for source in sources)
    margins = f"{_margin('v', 'm')}, {_margin('x', 'n')}"
    within = f"time >= now() - {WINDOW}s AND time <= '{AT}'"
    inner = f'SELECT {margins} FROM {joined} WHERE {within} GROUP BY "robot_id"'
    # A margin below 0 is one that is there: a battery that is charged now has none.
    listed = f'("m" >= {RECOVERS_BELOW:g} OR ("n" >= {RECOVERS_BELOW:g} AND "m" < 0))'
    sentinel = f"\"robot_id\" = '{SENTINEL}'"
    return (
        f'SELECT "m" FROM ({inner}) WHERE ({listed} OR {sentinel}) AND {within} GROUP BY "robot_id"'
    )


def _margin(reading: str, name: str) -> str:
    return f'(max("{reading}") - max("w")) / (max("w") - max("l")) AS "{name}"'


def _measurement(rule: Rule) -> str:
    assert isinstance(rule.reading, SeriesReading)
    return rule.reading.measurement


def _pair(rule: Rule, limit: float, recovery: float) -> dict[str, float | str]:
    names = pair(rule)
    return {names.limit: float(limit), names.recovery: float(recovery)}


MEASUREMENTS = tuple(sorted({_measurement(rule) for rule in RULES}))

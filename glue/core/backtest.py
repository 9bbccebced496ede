"""What limits would have made of readings that are history: the same verdicts, the same episodes.

A :class:`Sweep` is one robot under one pair of limits. It is fed with windows of the rules'
interval, oldest first, each with the newest reading in it, which is what a rule evaluated at the
window's end reads. It asks :func:`glue.core.evaluation.evaluate` and
:func:`glue.core.episodes.decide` only at the instants at which they could say something new, so a
quiet day costs one comparison a window; a test holds it to asking at every instant.

Times are Unix milliseconds, on whole intervals.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from glue.core.episodes import (
    RANK,
    Change,
    Circumstances,
    Known,
    Observation,
    decide,
    why,
)
from glue.core.evaluation import Verdict, evaluate
from glue.core.metrics import SEVERITIES, Metric
from glue.core.rule import WINDOW, Rule
from glue.core.rules import BY_KEY

Row = tuple[int, float | None]
"""Begin of a window and the newest reading in it; None: one that the rule passes over (charging)"""


@dataclass(frozen=True)
class Pair:
    """Both limits and their recovery limits, in the metric's unit."""

    warning: float
    critical: float
    warning_recovery: float
    critical_recovery: float

    def of(self, severity: str) -> tuple[float, float]:
        """Limit and recovery limit."""
        if severity == "warning":
            return self.warning, self.warning_recovery
        return self.critical, self.critical_recovery


@dataclass(frozen=True)
class Past:
    """An episode, of a backtest or of the record: ``severity`` is the highest it reached.

    ``ended_at`` None: open at the end. ``value`` is the reading it opened with, ``worst`` the
    furthest on the bad side; None where the record does not know.
    """

    robot_id: str
    severity: str
    starts_at: datetime
    ended_at: datetime | None
    reason: str | None
    value: float | None
    worst: float | None


def pair(
    metric: Metric,
    warning: float,
    critical: float,
    warning_recovery: float | None = None,
    critical_recovery: float | None = None,
) -> Pair:
    """The limits, with the metric's margin where no recovery limit is given."""
    return Pair(
        warning,
        critical,
        metric.recovery(warning) if warning_recovery is None else warning_recovery,
        metric.recovery(critical) if critical_recovery is None else critical_recovery,
    )


def objection(metric: Metric, limits: Pair, lowest: float, highest: float) -> str | None:
    """Why nobody could set these limits; None when one could. ``lowest`` and ``highest`` are the
    metric's in the database, which has the same rules."""
    bad = 1 if metric.direction == "high" else -1
    side, safe = ("above", "below") if bad > 0 else ("below", "above")
    if not limits.critical * bad > limits.warning * bad:
        return f"critical {limits.critical:g} is not {side} warning {limits.warning:g}"
    for severity in SEVERITIES:
        limit, recovery = limits.of(severity)
        if not (lowest < limit < highest and lowest < recovery < highest):
            return (
                f"{severity} {limit:g} and its recovery limit {recovery:g} must lie strictly"
                f" between {lowest:g} and {highest:g} {metric.unit}"
            )
        if not recovery * bad < limit * bad:
            return f"{severity} recovery {recovery:g} is not {safe} its limit {limit:g}"
    return None


class Sweep:
    """One robot's history under one pair of limits. :meth:`feed` and :meth:`finish` give the
    episodes that ended; :meth:`finish` also the one that is open, if any."""

    def __init__(self, metric: Metric, robot_id: str, limits: Pair, every: int, first: int) -> None:
        """``every``: the rules' interval; ``first``: the first evaluation. What was fed from before
        it is only read. The pending period is the metric's."""
        self._robot_id = robot_id
        self._limits = limits
        self._every = every
        self._at = first
        rules = (BY_KEY[metric.name, severity] for severity in SEVERITIES)
        self._rules = tuple(replace(rule, pending=metric.pending) for rule in rules)
        self._charges = metric.name == "battery"
        self._sign = 1 if metric.direction == "high" else -1
        self._crossings = (self._sign * limits.warning, self._sign * limits.critical)
        self._begin = -(10**15)  # of the newest window that had a reading
        self._value: float | None = None
        self._verdicts: dict[str, dict[str, Verdict]] = {rule.uid: {} for rule in self._rules}
        self._level = -1  # limits crossed while nothing else can happen; -1: something can
        self._known = Known()
        self._ids = itertools.count(1)
        self._opened: Past | None = None
        self._worst: float | None = None

    def feed(self, rows: Iterable[Row]) -> list[Past]:
        """Windows after those that were fed before."""
        ended: list[Past] = []
        every, window = self._every, WINDOW * 1000
        warning, critical = self._crossings
        for begin, value in rows:
            due = begin + every
            if value is not None:
                bad = self._sign * value
                level = (bad > warning) + (bad > critical)
                # The windows between showed the reading before this one, of the same level.
                if level == self._level and due - self._begin <= window:
                    if level and (self._worst is None or bad > self._sign * self._worst):
                        self._worst = value
                    self._begin, self._value, self._at = begin, value, due + every
                    continue
            self._until(due, ended)
            self._begin, self._value = begin, value
            if due == self._at:
                self._evaluate(ended)
        return ended

    def finish(self, until: int) -> list[Past]:
        """The last evaluation is the last one not after ``until``."""
        ended: list[Past] = []
        self._until(until + 1, ended)
        return [*ended, replace(self._opened, worst=self._worst)] if self._opened else ended

    def _until(self, due: int, ended: list[Past]) -> None:
        """All evaluations before ``due``, with what was the newest reading then."""
        while self._at < due:
            gone = self._begin + WINDOW * 1000 + 1
            if self._reading() is None:
                # Of whom nothing is held nothing can be said until there is a reading.
                if not any(self._verdicts.values()):
                    self._at = self._grid(due)
                    return
            elif self._level >= 0 and self._at < min(due, gone):
                self._at = self._grid(min(due, gone))
                continue
            self._evaluate(ended)

    def _grid(self, at: int) -> int:
        """The first evaluation at or after ``at``."""
        return self._at + -(-max(0, at - self._at) // self._every) * self._every

    def _reading(self) -> float | None:
        return self._value if self._at - self._begin <= WINDOW * 1000 else None

    def _evaluate(self, ended: list[Past]) -> None:
        """What the rules say at this instant, and on to the next."""
        now = datetime.fromtimestamp(self._at / 1000, UTC)
        reading = self._reading()
        readings = {} if reading is None else {self._robot_id: reading}
        for rule in self._rules:
            before = self._verdicts[rule.uid]
            limits = {self._robot_id: self._limits.of(rule.severity)}
            after = evaluate(rule, readings, limits, before, now, others=True)
            was, verdict = before.get(self._robot_id), after.get(self._robot_id)
            if verdict is not None and verdict.firing != (was is not None and was.firing):
                self._record(rule, verdict, now, ended)
            self._verdicts[rule.uid] = {r: v for r, v in after.items() if not v.vanished}
        self._note(reading)
        self._at += self._every

    def _record(self, rule: Rule, verdict: Verdict, now: datetime, ended: list[Past]) -> None:
        limit, _ = self._limits.of(rule.severity)
        seen = Observation(
            metric=rule.metric,
            robot_id=self._robot_id,
            severity=rule.severity,
            firing=verdict.firing,
            starts_at=verdict.since,
            seen_at=now,
            ended_at=None if verdict.firing else now,
            origin="standby",
            value=verdict.value,
            limit=limit,
            reason=why(verdict.vanished, self._circumstances()),
        )
        for change in decide(self._known, seen, self._ids):
            self._fold(change, ended)
        if self._known.episode is None:
            self._known = Known()  # told in order, what is over has no bearing on what comes

    def _circumstances(self) -> Circumstances:
        seen = self._charges and self._at - self._begin <= WINDOW * 1000
        return Circumstances(has_recent_point=seen, charging=seen and self._value is None)

    def _fold(self, change: Change, ended: list[Past]) -> None:
        episode = change.episode
        if change.kind == "opened":
            self._worst = value = change.cause.value
            self._opened = Past(
                self._robot_id, episode.severity, episode.starts_at, None, None, value, value
            )
        elif change.kind == "raised" and self._opened:
            highest = max(self._opened.severity, change.severity, key=lambda s: RANK.get(s, 1))
            self._opened = replace(self._opened, severity=highest)
        elif change.kind == "resolved" and self._opened:
            over = replace(self._opened, ended_at=episode.resolved_at, reason=episode.reason)
            ended.append(replace(over, worst=self._worst))
            self._opened = None

    def _note(self, reading: float | None) -> None:
        """The worst reading, and whether the same again would change nothing."""
        if reading is None:
            self._level = -1
            return
        bad = self._sign * reading
        if self._opened and (self._worst is None or bad > self._sign * self._worst):
            self._worst = reading
        level = sum(bad > crossing for crossing in self._crossings)
        states = [self._verdicts[rule.uid][self._robot_id].state for rule in self._rules]
        steady = ["firing" if level > place else "normal" for place in range(len(states))]
        self._level = level if states == steady else -1


class Worst:
    """The worst of a robot's parts (servos), each at its newest reading, as windows of one robot.

    For robots whose parts do not all speak in each window: a part counts until it has been silent
    for the rules' window. :meth:`feed` takes windows of all parts, oldest first.
    """

    def __init__(self, metric: Metric, every: int) -> None:
        self._high = metric.direction == "high"
        self._every = every
        self._parts: dict[str, tuple[int, float]] = {}

    def feed(self, rows: Sequence[tuple[int, str, float]]) -> list[Row]:
        """From (begin, part, reading) to the robot's windows. One that only says that the last
        part has fallen silent has no reading."""
        found: list[Row] = []
        for begin, group in itertools.groupby(rows, key=lambda row: row[0]):
            found += self.until(begin)
            for _, part, value in group:
                self._parts[part] = begin, value
            self._drop(begin)
            found.append((begin, self._of_all()))
        return found

    def until(self, begin: int) -> list[Row]:
        """Windows before ``begin`` in which a part fell silent."""
        found: list[Row] = []
        while self._parts:
            silent = min(b for b, _ in self._parts.values()) + self._silence()
            if silent >= begin:
                break
            self._drop(silent)
            found.append((silent, self._of_all()))
        return found

    def _silence(self) -> int:
        """From a part's window to the first one at whose end it is not read any more."""
        return WINDOW * 1000 // self._every * self._every

    def _drop(self, begin: int) -> None:
        gone = [p for p, (b, _) in self._parts.items() if begin - b >= self._silence()]
        for part in gone:
            del self._parts[part]

    def _of_all(self) -> float | None:
        values = [value for _, value in self._parts.values()]
        return (max(values) if self._high else min(values)) if values else None

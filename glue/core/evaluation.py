"""Evaluating a rule without Grafana: the same formula, pending period, recovery and staleness.

Compare Grafana 11.0.0: ``pkg/services/ngalert/state`` (``state.go``, ``manager.go``), and for what
the recovery limit applies to ``schedule/loaded_metrics_reader.go``: to instances that fire, and to
pending ones as well. An instance whose series or limit vanished is resolved when it has been
missing for two evaluations; where nothing at all is left to evaluate, at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from glue.core.rule import FIRES_ABOVE, RECOVERS_BELOW, Rule, margin

STALE_AFTER = 2
"""Evaluations without a reading or a limit."""


@dataclass(frozen=True)
class Verdict:
    """What a rule says of one robot. ``since`` is when it began to fire, or to be pending."""

    state: str  # normal, pending, firing
    since: datetime
    value: float | None = None
    limit: float | None = None
    missed: int = 0
    vanished: bool = False

    @property
    def firing(self) -> bool:
        return self.state == "firing"


Limits = Mapping[str, tuple[float, float]]
"""Limit and recovery limit by robot id."""


def evaluate(
    rule: Rule,
    readings: Mapping[str, float],
    limits: Limits,
    before: Mapping[str, Verdict],
    now: datetime,
    *,
    others: bool = False,
) -> dict[str, Verdict]:
    """The verdict on every robot that has a reading and a limit, or had one shortly before.

    ``others``: there are readings of more robots than these (a backtest looks at one alone).
    """
    after = {}
    for robot_id in readings.keys() & limits.keys():
        was = before.get(robot_id, Verdict("normal", now))
        limit, recovery = limits[robot_id]
        after[robot_id] = _judge(rule, was, readings[robot_id], limit, recovery, now)
    for robot_id in before.keys() - after.keys():
        was = before[robot_id]
        missed = was.missed + 1
        if missed < STALE_AFTER and (after or others):
            after[robot_id] = replace(was, missed=missed)
        elif was.firing:
            after[robot_id] = Verdict("normal", now, missed=missed, vanished=True)
    return after


def _judge(
    rule: Rule, was: Verdict, reading: float, limit: float, recovery: float, now: datetime
) -> Verdict:
    m = margin(reading, limit, recovery)
    active = m > FIRES_ABOVE if was.state == "normal" else m >= RECOVERS_BELOW
    if not active:
        return Verdict("normal", now if was.state != "normal" else was.since, reading, limit)
    if was.firing:
        return Verdict("firing", was.since, reading, limit)
    since = was.since if was.state == "pending" else now
    if now - since >= timedelta(seconds=rule.pending):
        return Verdict("firing", now, reading, limit)
    return Verdict("pending", since, reading, limit)

"""An emergency stop as an alert: critical from the stop until the robot moves again.

What robots say of it, in order, becomes one observation each (:class:`Moment`), so that a stop
that was over before we heard of it has its alert as well. What PostgreSQL holds is compared from
time to time (:func:`differences`): a robot that goes into maintenance or is removed has no alert.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from glue.core.occurrences import Observation, Occurrence

METRIC = "emergency_stop"
SEVERITY = "critical"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a robot said of its emergency stop at ``at``."""

    robot_id: str
    stopped: bool
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A robot that is stopped, as PostgreSQL holds it. ``watched``: it may have alerts."""

    robot_id: str
    at: datetime | None
    reason: str | None
    watched: bool


def observation(moment: Moment) -> Observation:
    """``moment`` for the intake of alerts."""
    text = f"{moment.robot_id} is in emergency stop" + (
        f": {moment.reason}." if moment.reason else "."
    )
    return Observation(
        metric=METRIC,
        robot_id=moment.robot_id,
        severity=SEVERITY,
        firing=moment.stopped,
        starts_at=moment.at,
        ended_at=None if moment.stopped else moment.at,
        seen_at=moment.at,
        origin="events",
        alert_type="system",
        title=f"Emergency stop: {moment.robot_id}",
        message=f"{text} It moves again after `resume`.",
        details={"reason": moment.reason} if moment.reason else {},
    )


def rounds(moments: Iterable[Moment]) -> list[list[Observation]]:
    """The moments in their order, each robot once a round: the intake compares a round with what
    was known before it."""
    last: dict[str, tuple[int, bool]] = {}
    told: list[list[Observation]] = []
    for moment in moments:
        number, stopped = last.get(moment.robot_id, (-1, None))
        if stopped is moment.stopped:
            continue
        last[moment.robot_id] = number + 1, moment.stopped
        if number + 1 == len(told):
            told.append([])
        told[number + 1].append(observation(moment))
    return told


def differences(
    stopped: Iterable[Stopped], held: Iterable[Occurrence], now: datetime
) -> tuple[list[Observation], set[tuple[str, str, str]]]:
    """What to tell the intake, and for whom of these the end is no recovery; ``held`` are what
    fires."""
    by_robot = {one.robot_id: one for one in stopped}
    firing = {o.robot_id: o for o in held if o.metric == METRIC}
    seen = [
        replace(observation(Moment(one.robot_id, True, one.at or now, one.reason)), seen_at=now)
        for one in by_robot.values()
        if one.watched and one.robot_id not in firing
    ]
    gone = set()
    for robot_id, occurrence in firing.items():
        if robot_id in by_robot and by_robot[robot_id].watched:
            continue
        ended = observation(Moment(robot_id, False, max(now, occurrence.starts_at)))
        seen.append(replace(ended, starts_at=occurrence.starts_at))
        if robot_id in by_robot:
            gone.add((METRIC, robot_id, SEVERITY))
    return seen, gone

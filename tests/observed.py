"""Observations of a robot's servo temperature, at seconds after ``T0``, played to the episodes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from glue.core import episodes
from glue.core.episodes import Known, decide
from glue.core.occurrences import Observation

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def seen(
    severity="warning",
    starts=0.0,
    ends=None,
    *,
    when=None,
    origin="push",
    reason="recovered",
    by_look=False,
):
    firing = ends is None
    when = when if when is not None else (starts if firing else ends)
    return Observation(
        metric="servo_temp",
        robot_id="r1",
        severity=severity,
        firing=firing,
        starts_at=at(starts),
        seen_at=at(when),
        ended_at=None if firing else at(ends),
        origin=origin,
        reason=reason,
        by_look=by_look,
    )


def play(*observations):
    known, ids = Known(), itertools.count(1)
    changes = [c for o in observations for c in decide(known, o, ids)]
    return known, changes


def kinds(changes):
    return [(c.kind, c.severity) for c in changes]


def close_by_hand(known, when, who="olga"):
    closed = episodes.close_by_hand(known.episode, who, at(when))
    known.episodes[closed.id] = closed


def spans(known):
    """(begin, end) of every episode, in seconds; None while it is open."""

    def seconds(moment):
        return None if moment is None else (moment - T0).total_seconds()

    return sorted((seconds(e.starts_at), seconds(e.resolved_at)) for e in known.episodes.values())

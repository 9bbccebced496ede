"""Flapping: an alert that opens and ends again and again, each time for a good reason.

So many openings of one (metric, robot) within a time are a flap. People are told of the opening
that makes it one, of nothing that is no worse while it goes on, and of its end: half that time
without another opening. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from glue.core.episodes import RANK


@dataclass(frozen=True)
class FlapRule:
    """``openings`` 0: nothing is called flapping."""

    openings: int
    within: timedelta


@dataclass(frozen=True)
class Opening:
    """Of one alert."""

    alert_id: int
    at: datetime
    severity: str = "warning"


@dataclass(frozen=True)
class Flap:
    """One that goes on. ``alert_id`` is the alert of which people were told last, ``severity`` how
    bad that was."""

    id: int
    metric: str
    robot_id: str
    severity: str
    alert_id: int
    last_opening: datetime

    @property
    def pair(self) -> tuple[str, str]:
        return self.metric, self.robot_id


def began(openings: Sequence[Opening], new: set[int], rule: FlapRule) -> int | None:
    """The position in ``openings``, all of one pair by time, of the first among the alerts ``new``
    that makes it a flap."""
    if rule.openings < 1:
        return None
    for last, opening in enumerate(openings):
        first = last - rule.openings + 1
        if (
            opening.alert_id in new
            and first >= 0
            and opening.at - openings[first].at <= rule.within
        ):
            return last
    return None


def within(openings: Sequence[Opening], told: Opening, rule: FlapRule) -> list[Opening]:
    """Those of ``openings`` that make ``told`` a flap, and those after it."""
    return [one for one in openings if told.at - one.at <= rule.within]


def has_settled(flap: Flap, rule: FlapRule, now: datetime) -> bool:
    """Whether it is over, also because the rule no longer calls it one."""
    return rule.openings < 1 or now - flap.last_opening >= rule.within / 2


def is_worse(flap: Flap, severity: str) -> bool:
    """Whether people must hear of this although it flaps."""
    return RANK.get(severity, 1) > RANK.get(flap.severity, 1)

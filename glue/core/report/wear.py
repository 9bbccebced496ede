"""How a battery was used, and how much is left of it, from its charge over time.

A *cycle* is 100 % taken out, in whatever portions. *Hours a charge* is how long 100 % would have
lasted at the use there was; *capacity* is what 100 % held, where the robot measures its current.
Both fall as a battery ages; the first also with more use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

DEEP = 10.0
"""Percent; below, a battery suffers."""
ENOUGH = 10.0
"""Percent taken out, below which nothing is said of what a charge holds."""
ENOUGH_DAYS = 4
NOISE = 0.5
"""Percent; a gauge that wavers by less does not discharge."""


class Sample(NamedTuple):
    """Unix seconds; percent; whether it charges, None where the robot does not say; amperes."""

    at: float
    percent: float
    charging: bool | None = None
    current: float | None = None


@dataclass(frozen=True)
class Wear:
    """Percent taken out and put in, the hours of taking out, times charged, times below
    :data:`DEEP`, ampere hours taken out (None where no current is known)."""

    taken: float = 0.0
    put: float = 0.0
    hours: float = 0.0
    charges: int = 0
    deep: int = 0
    ampere_hours: float | None = None

    @property
    def cycles(self) -> float:
        return self.taken / 100

    @property
    def hours_a_charge(self) -> float | None:
        return self.hours / self.taken * 100 if self.taken >= ENOUGH else None

    @property
    def capacity(self) -> float | None:
        """Ampere hours."""
        if self.ampere_hours is None or self.taken < ENOUGH:
            return None
        return self.ampere_hours / self.taken * 100


def added(found: Iterable[Wear]) -> Wear:
    known = list(found)
    measured = [one.ampere_hours for one in known if one.ampere_hours is not None]
    return Wear(
        sum(one.taken for one in known),
        sum(one.put for one in known),
        sum(one.hours for one in known),
        sum(one.charges for one in known),
        sum(one.deep for one in known),
        sum(measured) if measured else None,
    )


def wear(samples: Sequence[Sample], longest: float) -> Wear:
    """Of samples in the order of time. Between two that are more than ``longest`` seconds apart
    nothing is known, and nothing is counted."""
    taken = put = hours = amperes = 0.0
    charges = deep = 0
    measured = False
    was_charging = bool(samples and samples[0].charging)
    for one, two in pairwise(samples):
        drop, gap = one.percent - two.percent, two.at - one.at
        charging = two.charging if two.charging is not None else drop < -NOISE
        charges += charging and not was_charging
        was_charging = charging
        deep += one.percent >= DEEP > two.percent
        if gap > longest:
            continue
        if drop < 0:
            put -= drop
        elif not charging:
            # Idle hours belong to how long a charge lasts.
            taken, hours = taken + drop, hours + gap / 3600
            if two.current is not None:
                measured, amperes = True, amperes + abs(two.current) * gap / 3600
    return Wear(taken, put, hours, charges, deep, amperes if measured else None)


def fade(by_day: Sequence[float | None]) -> float | None:
    """By how many percent ``by_day`` (capacity, or hours a charge) falls in 30 days; negative: it
    rises. The line through all days that are known, None when those are few."""
    known = [(float(day), value) for day, value in enumerate(by_day) if value is not None]
    if len(known) < ENOUGH_DAYS:
        return None
    middle, mean = fmean(x for x, _ in known), fmean(y for _, y in known)
    across = sum((x - middle) ** 2 for x, _ in known)
    if not across or mean <= 0:
        return None
    slope = sum((x - middle) * (y - mean) for x, y in known) / across
    return -slope * 30 / mean * 100

"""Who evaluates the rules: Grafana, or the glue's standby evaluator.

Grafana is in charge as long as it evaluates all of our rules. After three missed evaluations the
standby takes over; after three good ones it hands back. At start nobody is known to be in charge,
and Grafana gets the same three evaluations to show itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

MISSED = 3
GOOD = 3

Evaluator = Literal["grafana", "standby", "nobody yet"]


@dataclass(frozen=True)
class Charge:
    """Who is in charge, since when and why; ``last_good`` is Grafana's newest complete
    evaluation, ``good_since`` the first of an unbroken run of them."""

    evaluator: Evaluator
    since: datetime
    reason: str
    last_good: datetime | None = None
    good_since: datetime | None = None


@dataclass(frozen=True)
class Look:
    """One look at Grafana: when its oldest rule was last evaluated, or what is wrong."""

    at: datetime
    evaluated: datetime | None
    trouble: str = ""


def at_start(now: datetime, has_grafana: bool) -> Charge:
    if not has_grafana:
        return Charge("standby", now, "no Grafana is configured (GRAFANA_URL is empty)")
    return Charge("nobody yet", now, "waiting for Grafana's first evaluation")


def judge(charge: Charge, look: Look, interval: timedelta) -> Charge:
    """The charge after one more look. ``interval`` is the rules' evaluation interval."""
    fresh = look.evaluated is not None and look.at - look.evaluated <= interval * MISSED
    if fresh and not look.trouble:
        charge = replace(
            charge, last_good=look.evaluated, good_since=charge.good_since or look.evaluated
        )
        return _when_good(charge, look, interval)
    charge = replace(charge, good_since=None)
    quiet_since = charge.last_good or charge.since
    if charge.evaluator == "standby" or look.at - quiet_since <= interval * MISSED:
        return charge
    why = look.trouble or "Grafana's rules are not being evaluated"
    return replace(charge, evaluator="standby", since=look.at, reason=why)


def _when_good(charge: Charge, look: Look, interval: timedelta) -> Charge:
    if charge.evaluator == "grafana":
        return charge
    assert look.evaluated is not None and charge.good_since is not None
    if charge.evaluator == "nobody yet":
        return replace(charge, evaluator="grafana", since=look.at, reason="Grafana evaluates")
    if look.evaluated - charge.good_since >= interval * (GOOD - 1):
        return replace(charge, evaluator="grafana", since=look.at, reason="Grafana evaluates again")
    return charge

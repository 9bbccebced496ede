"""Occurrences: when one rule fired for one robot, pieced together from what we happened to hear.

An observation is evidence of a moment, and moments come late, twice, out of order or never. Each is
one of four: it *began* then, it *ended* then, it *fires* at this look, it is *normal* at this look.
:func:`fold` puts one into the occurrences of a rule and a robot, which never overlap. What is not
known yet is bounded: a begin that nobody told us of is at ``starts_at`` or earlier, such an end at
``ended_at`` or earlier, and the moment itself takes its place whenever it is heard. So whatever the
order, the same moments give the same occurrences.

Grafana's moments are exact against each other: a begin inside of an occurrence means that its end
was lost. Grafana's and the standby evaluator's are not, for each has its own clock and its own
pending period: neither cuts what the other saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Origin = Literal["push", "pull", "standby", "person", "events"]
Reason = Literal[
    "recovered",
    "no data",
    "charging",
    "limit changed",
    "maintenance",
    "robot removed",
    "by hand",
    "not repeated",
]

RANK: Mapping[str, int] = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True)
class Observation:
    """What was seen of one rule for one robot (``robot_id`` '' when it concerns the whole stack).

    ``starts_at`` is when this occurrence began to fire (as ``ended_at`` where nobody knows);
    ``ended_at`` when it stopped, for one that does not fire; ``seen_at`` the evaluation that said
    so. ``margin`` is what Grafana evaluates of one robot, which has neither value nor limit of it.
    ``by_look``: a look found it over, which may have been so for a while. ``reason`` is why it
    stopped; ``vanished``: its series or limit is gone, rather than back on the safe side.
    """

    metric: str
    robot_id: str
    severity: str
    firing: bool
    starts_at: datetime
    seen_at: datetime
    origin: Origin
    ended_at: datetime | None = None
    by_look: bool = False
    value: float | None = None
    limit: float | None = None
    recovery: float | None = None
    margin: float | None = None
    source: str = ""
    reason: Reason = "recovered"
    vanished: bool = False
    alert_type: str = "system"
    title: str = ""
    message: str = ""
    rule_uid: str = ""
    fingerprint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> tuple[str, str]:
        return self.metric, self.robot_id

    @property
    def stopped_at(self) -> datetime:
        return self.ended_at or self.seen_at


@dataclass(frozen=True)
class Occurrence:
    """One stretch of firing. ``start_known`` and ``end_known``: the moment itself was told, else it
    is a bound. ``limit`` and ``recovery`` are those it began under. ``id`` is its row's, None
    before it has one; ``alert_id`` the episode's that it belongs to."""

    metric: str
    robot_id: str
    severity: str
    starts_at: datetime
    ended_at: datetime | None = None
    start_known: bool = True
    end_known: bool = False
    origin: Origin = "push"
    ended_by: Origin | None = None
    reason: Reason | None = None
    limit: float | None = None
    recovery: float | None = None
    fingerprint: str = ""
    alert_id: int | None = None
    id: int | None = None

    @property
    def firing(self) -> bool:
        return self.ended_at is None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.metric, self.robot_id, self.severity

    def reaches(self, moment: datetime) -> bool:
        return self.ended_at is None or moment <= self.ended_at


Held = tuple[Occurrence, ...]
"""Occurrences of one rule and robot, oldest first."""


def fold(held: Held, seen: Observation) -> Held:
    """``held`` with the evidence of ``seen``; the same when it says nothing new."""
    if seen.firing:
        held = _begin(held, seen.starts_at, seen)
        # A post does not say when it was evaluated, only when the occurrence began.
        return _repeated(held, seen) if seen.origin == "push" else _fires(held, seen)
    if seen.by_look:
        return _normal(held, seen)
    if seen.starts_at < seen.stopped_at and _by_grafana(seen.origin):
        about = _around(held, seen.starts_at)
        if about is None or about.reaches(seen.stopped_at):
            held = _begin(held, seen.starts_at, seen)
        elif _around(held, seen.stopped_at) is None:
            return held  # it is over already, by somebody who knew it first
    return _end(held, seen.stopped_at, seen)


def _begin(held: Held, at: datetime, seen: Observation) -> Held:
    for known in held:
        if known.starts_at == at:
            return (
                held if known.start_known else _with(held, replace(known, start_known=True), known)
            )
    inside = _around(held, at)
    if inside is not None and inside.ended_at != at:
        if not (_by_grafana(seen.origin) and _by_grafana(inside.origin)):
            return held
        first = replace(inside, ended_at=at, end_known=False, ended_by=seen.origin, reason=None)
        again = replace(
            inside, starts_at=at, start_known=True, origin=seen.origin, id=None, **_facts(seen)
        )
        return _with(held, first, inside, again)
    following = _next(held, at)
    if following is not None and not following.start_known:
        return _with(held, replace(following, starts_at=at, start_known=True), following)
    return _with(held, _new(seen, at, following))


def _fires(held: Held, seen: Observation) -> Held:
    at = seen.seen_at
    if _around(held, at) is not None:
        return held
    following = _next(held, at)
    if following is not None and not following.start_known:
        return _with(held, replace(following, starts_at=at), following)
    return _with(held, replace(_new(seen, at, following), start_known=False))


def _repeated(held: Held, seen: Observation) -> Held:
    """A person took it for over, because it was not repeated for long; its sender says that it is
    not."""
    for known in held:
        ended = known.ended_at if known.reason == "not repeated" else None
        if known.starts_at == seen.starts_at and ended and ended < seen.seen_at:
            return _with(held, replace(known, ended_at=None, ended_by=None, reason=None), known)
    return held


def _normal(held: Held, seen: Observation) -> Held:
    last = held[-1] if held else None
    if last is None or not last.firing or last.starts_at >= seen.stopped_at:
        return held
    return _with(held, _over(last, seen, told=False), last)


def _end(held: Held, at: datetime, seen: Observation) -> Held:
    inside = _around(held, at)
    if inside is None:
        return _end_alone(held, at, seen)
    if inside.ended_at is None or (at <= inside.ended_at and not inside.end_known):
        return _with(held, _over(inside, seen, told=True), inside)
    both = (inside.origin, inside.ended_by or inside.origin, seen.origin)
    if at == inside.ended_at or not all(map(_by_grafana, both)):
        return held
    # It ended, began again at a moment that is still to be told, and ended again.
    again = replace(inside, starts_at=inside.ended_at, start_known=False, id=None)
    return _with(held, _over(replace(inside, reason=None), seen, told=True), inside, again)


def _end_alone(held: Held, at: datetime, seen: Observation) -> Held:
    """The end of an occurrence that we never heard of; not one that somebody else ended first.

    A Grafana that was killed comes back with a state of before, and ends once more what it had
    ended. Its posts say since when that fired, its history does not.
    """
    before = [known for known in held if known.starts_at < at]
    again = bool(before) and (
        seen.origin == "pull" or not _by_grafana(before[-1].ended_by or "push")
    )
    if again or not _by_grafana(seen.origin):
        return held
    return _with(held, replace(_over(_new(seen, at, None), seen, told=True), start_known=False))


def _over(known: Occurrence, seen: Observation, *, told: bool) -> Occurrence:
    # Why it ended is known best by who looked first.
    reason = known.reason or seen.reason
    return replace(
        known,
        ended_at=seen.stopped_at,
        end_known=told,
        ended_by=seen.origin,
        reason=reason,
    )


def _new(seen: Observation, at: datetime, following: Occurrence | None) -> Occurrence:
    """It lasts until it is told to be over, at the longest until the next one begins."""
    return Occurrence(
        *(*seen.pair, seen.severity, at),
        ended_at=following.starts_at if following else None,
        ended_by=seen.origin if following else None,
        origin=seen.origin,
        **_facts(seen),
    )


def _facts(seen: Observation) -> dict[str, Any]:
    return {"limit": seen.limit, "recovery": seen.recovery, "fingerprint": seen.fingerprint}


def _around(held: Held, at: datetime) -> Occurrence | None:
    """The occurrence that ``at`` is in; of two that meet there, the one that ends."""
    found = [known for known in held if known.starts_at <= at and known.reaches(at)]
    return found[0] if found else None


def _next(held: Held, at: datetime) -> Occurrence | None:
    return next((known for known in held if known.starts_at > at), None)


def _with(
    held: Held, one: Occurrence, instead_of: Occurrence | None = None, *more: Occurrence
) -> Held:
    kept = [known for known in held if known is not instead_of]
    return tuple(sorted([*kept, one, *more], key=_order))


def _order(one: Occurrence) -> tuple[datetime, bool, datetime]:
    return one.starts_at, one.firing, one.ended_at or one.starts_at


def _by_grafana(origin: Origin) -> bool:
    return origin in ("push", "pull")

"""Notification routes: who is told of a transition, when, and through which targets.

A route names conditions (an empty one lets everything through), its targets and its timing. Routes
are tried by position; the first that fits decides, and the next ones too where it says ``go_on``.
People are told when an episode opens, when it becomes worse, when nobody acknowledged it in time,
again and again while it is critical, and at its end, never at every post. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Literal
from zoneinfo import ZoneInfo

from glue.core.episodes import RANK
from glue.core.foreign_alerts import names

Occasion = Literal["opened", "raised", "resolved", "escalated", "repeated"]

EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True)
class Window:
    """Hours of the day in ``zone``, on ISO weekdays (1 is Monday). It may pass midnight and then
    belongs to the day on which it starts; ``start`` = ``end`` is the whole day."""

    start: time
    end: time
    zone: str = "UTC"
    weekdays: frozenset[int] = EVERY_DAY

    def end_of(self, at: datetime) -> datetime | None:
        """When the window around ``at`` ends; None where ``at`` is in none."""
        local = at.astimezone(ZoneInfo(self.zone))
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            if day.isoweekday() not in self.weekdays:
                continue
            last = day if self.start < self.end else day + timedelta(days=1)
            # Times of a day that the clocks skip or repeat are zoneinfo's to tell.
            starts = datetime.combine(day, self.start, local.tzinfo)
            ends = datetime.combine(last, self.end, local.tzinfo)
            if starts.timestamp() <= at.timestamp() < ends.timestamp():
                return ends.astimezone(at.tzinfo)
        return None


@dataclass(frozen=True)
class Route:
    """Times in seconds. ``hours``: the route counts only then. ``quiet_hours`` hold back what is
    not critical until their end."""

    id: int
    name: str
    targets: tuple[int, ...]
    enabled: bool = True
    severities: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    robots: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    hours: Window | None = None
    quiet_hours: Window | None = None
    escalate_after: float | None = None
    escalate_to: tuple[int, ...] = ()
    repeat_every: float | None = None
    send_resolved: bool = True
    group_wait: float = 1.0
    group_interval: float = 60.0
    go_on: bool = False


@dataclass(frozen=True)
class Transition:
    """One entry of an episode's timeline. ``groups`` are those of the robot. ``quiet`` is why
    nobody is told: muted, say. ``late``: the alert was quiet, or flapped, and does no longer;
    ``heard`` are the targets that know of it nevertheless."""

    id: int
    alert_id: int
    occasion: Occasion
    severity: str
    alert_type: str = "system"
    metric: str = ""
    robot_id: str = ""
    groups: frozenset[str] = frozenset()
    quiet: str | None = None
    late: bool = False
    heard: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Due:
    """A target to be told at ``at``; ``suppressed`` says why it is not told after all."""

    route: Route
    target: int
    at: datetime
    held: bool = False
    suppressed: str | None = None


@dataclass(frozen=True)
class Told:
    """An earlier row of the same episode: ``held`` while quiet hours keep it back. A route that was
    removed since has no ``route_id``."""

    route_id: int | None
    target: int
    held: bool
    route_name: str = ""


def fits(route: Route, transition: Transition, now: datetime) -> bool:
    """Whether ``route`` concerns ``transition``. What concerns the whole stack has no robot, and
    fits no route that names robots or groups."""
    return (
        route.enabled
        and (not route.severities or transition.severity in route.severities)
        and (not route.types or transition.alert_type in route.types)
        and (not route.metrics or names(route.metrics, transition.metric))
        and (not route.robots or any(fnmatchcase(transition.robot_id, one) for one in route.robots))
        and (not route.groups or not route.groups.isdisjoint(transition.groups))
        and (route.hours is None or route.hours.end_of(now) is not None)
    )


def chosen(routes: Iterable[Route], transition: Transition, now: datetime) -> list[Route]:
    """The routes that decide, in their order."""
    found = []
    for route in routes:
        if fits(route, transition, now):
            found.append(route)
            if not route.go_on:
                break
    return found


def due(transition: Transition, routes: Sequence[Route], now: datetime) -> list[Due]:
    """Who is told of an opening or a raise, each target once, through the first route that names
    it."""
    found: dict[int, Due] = {}
    for route in chosen(routes, transition, now):
        for target in route.targets:
            if target not in transition.heard:
                found.setdefault(target, _due(route, target, transition, now))
    return list(found.values())


NOBODY = "no route fits"
"""Why nobody is told of a transition that every route lets pass."""


def is_said_by_others(late: Transition, waiting: Iterable[Transition]) -> bool:
    """Whether the opening or raise itself still waits, or the quiet ended once more since."""
    return any(
        one.alert_id == late.alert_id
        and one.occasion != "resolved"
        and RANK.get(one.severity, 1) >= RANK.get(late.severity, 1)
        and (one.id > late.id or not one.late)
        for one in waiting
    )


def due_at_end(
    transition: Transition, told: Iterable[Told], routes: Sequence[Route], now: datetime
) -> list[Due]:
    """Who is told of the end: whoever was told that it began, also through a route that is gone by
    now. A target whose message is still held back hears neither."""
    by_id = {route.id: route for route in routes}
    found: dict[int, Due] = {}
    for one in told:
        removed = Route(0, one.route_name, (one.target,), group_wait=0)
        route = by_id.get(one.route_id or 0, removed)
        if route.send_resolved and not one.held:
            found.setdefault(one.target, _due(route, one.target, transition, now))
    return list(found.values())


def _due(route: Route, target: int, transition: Transition, now: datetime) -> Due:
    if transition.quiet:
        return Due(route, target, now, suppressed=transition.quiet)
    ends = None
    if route.quiet_hours is not None and transition.severity != "critical":
        ends = route.quiet_hours.end_of(now)
    if ends is not None:
        return Due(route, target, ends, held=True)
    return Due(route, target, now + timedelta(seconds=route.group_wait))


def gathered(at: datetime, now: datetime, wait: float) -> datetime:
    """When a message of a shared cause is due that nothing was told of yet: after ``wait`` s, in
    which the others of its cause come."""
    return max(at, now + timedelta(seconds=wait))


def spaced(at: datetime, last: datetime | None, now: datetime, interval: float) -> datetime:
    """When a message of a shared cause is due that would be due at ``at``: together with the one
    that still waits, or ``interval`` s after the last one."""
    if last is None:
        return at
    if last > now:
        return last
    return max(at, last + timedelta(seconds=interval))


@dataclass(frozen=True)
class Unanswered:
    """An open episode that nobody acknowledged, as one target of a route heard of it.

    ``since`` is when its opening or last raise was due, ``last`` when it was last told. ``off``:
    the target is switched off, and was told nothing."""

    severity: str
    since: datetime
    last: datetime
    escalated: bool
    rounds: int
    unsent: bool
    off: bool = False


def escalates(route: Route, episode: Unanswered, now: datetime) -> bool:
    """Whether the next targets are told now. Quiet hours put it off, as they do any message."""
    quiet = route.quiet_hours is not None and route.quiet_hours.end_of(now) is not None
    return (
        route.enabled
        and (episode.severity == "critical" or not quiet)
        and route.escalate_after is not None
        and bool(route.escalate_to)
        and not episode.escalated
        and now >= episode.since + timedelta(seconds=route.escalate_after)
    )


def repeats(route: Route, episode: Unanswered, now: datetime) -> bool:
    """Whether the same target is told again now. While it cannot be reached nothing piles up."""
    return (
        route.enabled
        and route.repeat_every is not None
        and episode.severity == "critical"
        and not episode.unsent
        and not episode.off
        and now >= episode.last + timedelta(seconds=route.repeat_every)
    )


def back_off(attempts: int, first: float, longest: float) -> float:
    """Seconds until the next try after ``attempts`` that failed."""
    return float(min(longest, first * 2.0 ** min(attempts - 1, 30)))

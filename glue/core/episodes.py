"""Episodes: one alert per (metric, robot), however often and in whatever order we hear of it.

Observations come from Grafana's posts (push), from its state and its history (pull), from the
standby evaluator, from the robot itself (events). :mod:`glue.core.occurrences` turns them into when
each rule fired; an :class:`Episode` is what those of one (metric, robot) make together without a
gap, whatever their severity. :func:`decide` folds one observation into what is known and says what
changed. A person who closes an episode cuts it there: what fires already stays closed, what begins
later is another one.

Nothing here reads a clock, a database or a series; ids come in. So any interleaving, repetition or
loss can be tried in a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from glue.core.endings import Circumstances, why
from glue.core.occurrences import RANK, Held, Observation, Occurrence, Origin, Reason, fold

__all__ = [
    "RANK",
    "Change",
    "Circumstances",
    "Episode",
    "Known",
    "Observation",
    "Occurrence",
    "Origin",
    "Reason",
    "decide",
    "news",
    "why",
]

Kind = Literal[
    "opened",
    "raised",
    "lowered",
    "acknowledged",
    "commented",
    "muted",
    "unmuted",
    "flapping",
    "settled",
    "resolved",
    "reopened",
    "corrected",
    "joined",
]
"""``reopened``: it was told to be over and fires. ``corrected``: its begin or end was another one.
``joined``: it turned out to be part of another episode."""


@dataclass(frozen=True)
class Episode:
    """One row of ``alerts``: ``reason`` and ``resolved_at`` stand once it is over. ``severity`` is
    the current one, once it is over the last; ``worst`` the highest ever. ``acknowledged_as``: the
    severity it had then."""

    id: int
    metric: str
    robot_id: str
    severity: str
    starts_at: datetime
    resolved_at: datetime | None = None
    reason: Reason | None = None
    resolved_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_as: str | None = None
    worst: str = ""

    @property
    def shown(self) -> str:
        """The severity that people see: of what is over the highest."""
        return self.worst or self.severity if self.resolved_at else self.severity

    @property
    def cut(self) -> datetime | None:
        """When a person closed it."""
        return self.resolved_at if self.reason == "by hand" else None


@dataclass(frozen=True)
class Change:
    """One entry of an episode's timeline, with the observation that caused it. ``into``: the
    episode that it joined."""

    kind: Kind
    episode: Episode
    at: datetime
    severity: str
    cause: Observation
    into: int | None = None


@dataclass
class Known:
    """What is known of one (metric, robot) around the time in question; :func:`decide` changes it.

    ``episodes`` are those of the occurrences, and the open one.
    """

    occurrences: Held = ()
    episodes: dict[int, Episode] = field(default_factory=dict)

    @property
    def episode(self) -> Episode | None:
        """The open one."""
        return next((e for e in self.episodes.values() if e.resolved_at is None), None)


class AlreadyOver(Exception):
    """The episode is over; it can still be acknowledged, not resolved again."""


def acknowledge(episode: Episode, who: str, at: datetime) -> Episode:
    """``episode`` as seen by ``who``; the first name and time stay."""
    if episode.acknowledged_at is not None:
        return episode
    return replace(
        episode, acknowledged_at=at, acknowledged_by=who, acknowledged_as=episode.severity
    )


def close_by_hand(episode: Episode, who: str, at: datetime) -> Episode:
    """``episode`` closed by ``who``. While its rules go on firing it stays closed. Raises
    :class:`AlreadyOver`."""
    if episode.resolved_at is not None:
        raise AlreadyOver(f"it is resolved since {episode.resolved_at}")
    return replace(episode, resolved_at=at, reason="by hand", resolved_by=who)


def news(known: Known, seen: Iterable[Observation]) -> list[Observation]:
    """Those of ``seen``, all of one (metric, robot), that say something new, one after another."""
    occurrences, found = _healed(known), []
    for one in seen:
        after = _folded(occurrences, one)
        if after != occurrences:
            found.append(one)
            occurrences = after
    return found


def decide(known: Known, seen: Observation, ids: Iterator[int]) -> list[Change]:
    """Fold ``seen`` into ``known``; the changes to record, none when it says nothing new."""
    before = _healed(known)
    after = _folded(before, seen)
    if after == before:
        return []
    episodes: dict[int, Episode] = {}
    went: dict[int, int] = {}
    placed: list[Occurrence] = []
    changes: list[Change] = []
    late = not seen.firing and not seen.by_look and len(after) > len(before)
    for group in _groups(after, known.episodes.values()):
        heard_as = [o.alert_id for o in group if o.alert_id is not None]
        was = next((known.episodes[i] for i in heard_as if i not in episodes), None)
        if was is not None and group == [o for o in before if o.alert_id == was.id]:
            now = was
        else:
            now = _episode(was.id if was else next(ids), group, was, known.episodes)
            inside = late and any(_is_of(o, seen) for o in group)
            changes += _changes(was, now, seen, late=inside)
        episodes[now.id] = now
        for alert_id in heard_as:
            went.setdefault(alert_id, now.id)
        placed += [o if o.alert_id == now.id else replace(o, alert_id=now.id) for o in group]
    for alert_id, lost in known.episodes.items():
        if alert_id not in went:
            episodes.setdefault(alert_id, lost)
        elif alert_id not in episodes:
            joined = Change("joined", lost, lost.starts_at, lost.severity, seen, went[alert_id])
            changes.append(joined)
    known.occurrences, known.episodes = tuple(placed), episodes
    return changes


def _folded(occurrences: Held, seen: Observation) -> Held:
    held = tuple(o for o in occurrences if o.severity == seen.severity)
    after = fold(held, seen)
    if after is held:
        return occurrences
    others = [o for o in occurrences if o.severity != seen.severity]
    return tuple(sorted([*others, *after], key=lambda o: (o.starts_at, -RANK.get(o.severity, 1))))


def _healed(known: Known) -> Held:
    """An open episode of which nobody wrote when it fired, by an older glue say, fires."""
    episode = known.episode
    if episode is None or any(o.alert_id == episode.id for o in known.occurrences):
        return known.occurrences
    fires = Occurrence(
        *(episode.metric, episode.robot_id, episode.severity, episode.starts_at),
        alert_id=episode.id,
    )
    return tuple(sorted([*known.occurrences, fires], key=lambda o: o.starts_at))


def _groups(occurrences: Held, episodes: Iterable[Episode]) -> Iterator[list[Occurrence]]:
    """What fires together without a gap, oldest first; a person's cut is one."""
    cuts = [e.cut for e in episodes if e.cut]
    group: list[Occurrence] = []
    for one in occurrences:
        goes_on = any(o.reaches(one.starts_at) for o in group)
        if goes_on and not any(group[0].starts_at <= cut <= one.starts_at for cut in cuts):
            group.append(one)
            continue
        if group:
            yield group
        group = [one]
    if group:
        yield group


def _episode(
    alert_id: int, group: list[Occurrence], was: Episode | None, known: dict[int, Episode]
) -> Episode:
    """What ``group`` makes together. What people did to the episodes that it is made of stays: a
    cut at its time, and who looked after what fired then."""
    first, firing = group[0], [o for o in group if o.firing]
    heard_as = [known[i] for i in dict.fromkeys(o.alert_id for o in group) if i in known]
    seen_by = [
        e
        for e in heard_as
        if e.acknowledged_at and (e is was or e.acknowledged_at >= first.starts_at)
    ]
    by = min(seen_by, key=lambda e: (e.acknowledged_at, e.id), default=None)
    last = max(group, key=lambda o: (o.ended_at or o.starts_at, RANK.get(o.severity, 1)))
    current, worst = _highest(firing or [last]), _highest(group)
    now = Episode(
        *(alert_id, first.metric, first.robot_id, current, first.starts_at),
        resolved_at=None if firing else last.ended_at,
        reason=None if firing else last.reason or "recovered",
        acknowledged_at=by.acknowledged_at if by else None,
        acknowledged_by=by.acknowledged_by if by else None,
        acknowledged_as=by.acknowledged_as if by else None,
        worst=worst,
    )
    if was and firing and _is_unseen(was, now):
        now = replace(now, acknowledged_at=None, acknowledged_by=None, acknowledged_as=None)
    cut = was if was and was.cut else _cut_of(group, known.values())
    if cut is None:
        return now
    severity = was.severity if was else now.severity
    at, who = cut.resolved_at, cut.resolved_by
    return replace(now, severity=severity, resolved_at=at, reason="by hand", resolved_by=who)


def _highest(some: Iterable[Occurrence]) -> str:
    return max((o.severity for o in some), key=lambda severity: RANK.get(severity, 1))


def _is_unseen(was: Episode, now: Episode) -> bool:
    """Who acknowledged a warning has not seen that it became critical."""
    became = now.severity == "critical" and was.severity != "critical"
    return became and was.resolved_at is None and now.acknowledged_as != "critical"


def _cut_of(group: list[Occurrence], episodes: Iterable[Episode]) -> Episode | None:
    for episode in episodes:
        at = episode.cut
        if at and any(o.starts_at <= at and o.reaches(at) for o in group):
            return episode
    return None


def _is_of(one: Occurrence, seen: Observation) -> bool:
    return one.severity == seen.severity and one.ended_at == seen.stopped_at


def _changes(was: Episode | None, now: Episode, seen: Observation, *, late: bool) -> list[Change]:
    """What to record of an episode that was ``was``. ``late``: ``seen`` tells of an occurrence
    inside of it, begin and end, of which nobody had heard."""

    def change(kind: Kind, at: datetime, severity: str = now.shown) -> Change:
        return Change(kind, now, at, severity, seen)

    over = [change("resolved", now.resolved_at)] if now.resolved_at else []
    if was is None:
        return [change("opened", now.starts_at), *over]
    found = []
    higher = RANK.get(seen.severity, 1) > RANK.get(was.shown, 1)
    if late and higher:
        found.append(change("raised", seen.starts_at, seen.severity))
        if now.severity != seen.severity:
            found.append(change("lowered", seen.stopped_at, now.severity))
    elif was.resolved_at is not None and now.resolved_at is None:
        found.append(change("reopened", max(seen.starts_at, was.resolved_at)))
    elif now.severity != was.severity and not now.resolved_at:
        raised = RANK.get(now.severity, 1) > RANK.get(was.severity, 1)
        found.append(
            change("raised", seen.starts_at) if raised else change("lowered", seen.stopped_at)
        )
    if was.resolved_at is None:
        found += over
    elif now.resolved_at not in (None, was.resolved_at):
        found.append(change("corrected", now.resolved_at))
    if now.starts_at != was.starts_at:
        found.append(change("corrected", now.starts_at))
    return found

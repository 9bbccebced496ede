"""Episodes: one alert per (metric, robot), however often and in whatever order we hear of it.

Observations say what one rule says of one robot: firing or not. They come from Grafana's posts
(push), from its state (pull), from the standby evaluator, from the robot itself (events).
:func:`decide` folds one observation into what is known: an :class:`Instance` per (metric, robot,
severity) and, while any severity fires, one open :class:`Episode` per (metric, robot), of the
highest severity that fires.

Nothing here reads a clock, a database or a series; ids come in. So any interleaving, repetition or
loss can be tried in a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Origin = Literal["push", "pull", "standby", "person", "events"]
Reason = Literal[
    "recovered", "no data", "charging", "limit changed", "maintenance", "robot removed", "by hand"
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
]

RANK: Mapping[str, int] = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True)
class Observation:
    """What was seen of one rule for one robot (``robot_id`` '' when it concerns the whole stack).

    ``starts_at`` is when this occurrence began to fire; ``ended_at`` when it stopped, for one that
    does not fire; ``seen_at`` the evaluation that said so. ``reason`` is why it stopped.
    """

    metric: str
    robot_id: str
    severity: str
    firing: bool
    starts_at: datetime
    seen_at: datetime
    origin: Origin
    ended_at: datetime | None = None
    value: float | None = None
    limit: float | None = None
    source: str = ""
    reason: Reason = "recovered"
    alert_type: str = "system"
    title: str = ""
    message: str = ""
    rule_uid: str = ""
    fingerprint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> tuple[str, str]:
        return self.metric, self.robot_id


@dataclass(frozen=True)
class Instance:
    """What one rule last said of one robot."""

    metric: str
    robot_id: str
    severity: str
    firing: bool
    starts_at: datetime
    ended_at: datetime | None
    seen_at: datetime
    fingerprint: str
    origin: Origin
    alert_id: int | None


@dataclass(frozen=True)
class Episode:
    """One row of ``alerts``: ``reason`` and ``resolved_at`` stand once it is over."""

    id: int
    metric: str
    robot_id: str
    severity: str
    starts_at: datetime
    resolved_at: datetime | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Change:
    """One entry of an episode's timeline, with the observation that caused it."""

    kind: Kind
    episode: Episode
    at: datetime
    severity: str
    cause: Observation


@dataclass
class Known:
    """All that is known of one (metric, robot); :func:`decide` changes it."""

    instances: dict[str, Instance] = field(default_factory=dict)
    episode: Episode | None = None

    def firing(self) -> list[Instance]:
        """Instances that fire and belong to the open episode."""
        if self.episode is None:
            return []
        return [i for i in self.instances.values() if i.firing and i.alert_id == self.episode.id]


def decide(known: Known, seen: Observation, ids: Iterator[int]) -> list[Change]:
    """Fold ``seen`` into ``known``; the changes to record, none when it says nothing new."""
    return _fires(known, seen, ids) if seen.firing else _ends(known, seen, ids)


def is_news(known: Known, seen: Observation) -> bool:
    """Whether :func:`decide` would change anything."""
    instance = known.instances.get(seen.severity)
    if seen.firing:
        return instance is None or (not instance.firing and not _is_over(instance, seen))
    if instance is None or not instance.firing:
        return seen.origin == "push" and (instance is None or not _is_over(instance, seen))
    # The end of an earlier occurrence, come late.
    return (seen.ended_at or seen.seen_at) >= instance.starts_at


def _is_over(instance: Instance, seen: Observation) -> bool:
    """Whether ``seen`` speaks of an occurrence that is known to have ended.

    A post does not say when it was evaluated, only when the occurrence began; the other origins
    look at the present.
    """
    if instance.ended_at is None:
        return False
    told_of = seen.starts_at if seen.origin == "push" else seen.seen_at
    return told_of <= instance.ended_at


def _fires(known: Known, seen: Observation, ids: Iterator[int]) -> list[Change]:
    if not is_news(known, seen):
        return []
    changes = []
    episode = known.episode
    if episode is None:
        episode = Episode(next(ids), *seen.pair, seen.severity, seen.starts_at)
        changes.append(Change("opened", episode, seen.starts_at, seen.severity, seen))
    elif RANK.get(seen.severity, 1) > RANK.get(episode.severity, 1):
        episode = replace(episode, severity=seen.severity)
        changes.append(Change("raised", episode, seen.starts_at, seen.severity, seen))
    known.episode = episode
    known.instances[seen.severity] = _instance(seen, episode.id)
    return changes


def _ends(known: Known, seen: Observation, ids: Iterator[int]) -> list[Change]:
    if not is_news(known, seen):
        return []
    changes = []
    instance = known.instances.get(seen.severity)
    if instance is None or not instance.firing:
        # It fired and ended, and we hear of both only now.
        changes += _fires(known, replace(seen, firing=True, ended_at=None), ids)
        instance = known.instances[seen.severity]
    ended_at = seen.ended_at or seen.seen_at
    known.instances[seen.severity] = replace(
        instance, firing=False, ended_at=ended_at, seen_at=seen.seen_at, origin=seen.origin
    )
    episode = known.episode
    if episode is None or instance.alert_id != episode.id:
        return changes
    remaining = known.firing()
    if not remaining:
        over = replace(episode, resolved_at=ended_at, reason=seen.reason)
        known.episode = None
        return [*changes, Change("resolved", over, ended_at, episode.severity, seen)]
    highest = max((i.severity for i in remaining), key=lambda s: RANK.get(s, 1))
    if highest != episode.severity:
        known.episode = replace(episode, severity=highest)
        changes.append(Change("lowered", known.episode, ended_at, highest, seen))
    return changes


def _instance(seen: Observation, alert_id: int) -> Instance:
    return Instance(
        *seen.pair,
        severity=seen.severity,
        firing=True,
        starts_at=seen.starts_at,
        ended_at=None,
        seen_at=seen.seen_at,
        fingerprint=seen.fingerprint,
        origin=seen.origin,
        alert_id=alert_id,
    )


def missing(
    firing: list[Instance], seen: set[tuple[str, str, str]], evaluated: Mapping[str, datetime]
) -> list[Instance]:
    """Instances we hold as firing that Grafana's state no longer lists.

    ``seen`` are the (metric, robot, severity) that fire in Grafana; ``evaluated`` the last
    evaluation per ``metric/severity``. One that began after that evaluation is left alone: the
    state is older than what we know.
    """
    gone = []
    for instance in firing:
        key = (instance.metric, instance.robot_id, instance.severity)
        last = evaluated.get(f"{instance.metric}/{instance.severity}")
        if key not in seen and last is not None and instance.starts_at < last:
            gone.append(instance)
    return gone


@dataclass(frozen=True)
class Circumstances:
    """What else is true of the robot when an alert of it ends."""

    has_recent_point: bool | None = None
    charging: bool = False
    in_maintenance: bool = False
    removed: bool = False
    has_limit: bool = True


def why(vanished: bool, now: Circumstances) -> Reason:
    """Why an instance stopped firing; ``vanished``: its series or its row is gone, rather than
    back on the safe side."""
    if not vanished:
        return "recovered"
    if now.removed:
        return "robot removed"
    if now.in_maintenance:
        return "maintenance"
    if not now.has_limit:
        return "limit changed"
    if now.charging and now.has_recent_point:
        return "charging"
    if now.has_recent_point is False:
        return "no data"
    # The series is back, or InfluxDB could not be asked: what we know is that nothing was seen.
    return "recovered" if now.has_recent_point else "no data"

"""Why nobody is told of an alert: it is muted, or whatever a standing mute names is, or a silence
of Grafana covers it, or it flaps.

A mute of one alert holds until a time or until the alert is over. A standing mute names robots,
groups, metrics and types by patterns like ``lab-*``; an empty list lets everything through. What
opened or rose meanwhile is told when the quiet ends and the alert is still there, to whoever did
not hear of it before. The end is told to whoever heard of the beginning, muted or not: a phone that
says «critical» must not go on saying so. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from glue.core import foreign_alerts
from glue.core.flapping import Flap
from glue.core.silences import Silence
from glue.core.silences import covers as silences_it

Kind = Literal["muted", "unmuted", "flapping"]


@dataclass(frozen=True)
class Subject:
    """An alert as mutes see it. ``robot_id`` is '' for the stack as a whole; ``muted_until`` None
    with a ``muted_by``: until it ends. ``quiet_reason`` is what was written down last."""

    id: int
    metric: str
    robot_id: str
    severity: str
    alert_type: str
    groups: frozenset[str] = frozenset()
    muted_by: str | None = None
    muted_until: datetime | None = None
    quiet_reason: str | None = None
    flap_id: int | None = None
    is_open: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    """In Grafana."""


@dataclass(frozen=True)
class Mute:
    """A standing one; ``until`` None: until somebody removes it."""

    id: int
    robots: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    until: datetime | None = None
    by: str = ""
    comment: str | None = None


@dataclass(frozen=True)
class Quiet:
    """``reason`` is what is written down, with ``by`` who wanted it so."""

    reason: str
    by: str | None = None
    origin: str | None = "person"


FLAPPING = Quiet("flapping", origin=None)


@dataclass(frozen=True)
class Change:
    """An entry for the alert's timeline; ``quiet`` None: people are told again."""

    alert: Subject
    kind: Kind
    quiet: Quiet | None


def covers(mute: Mute, alert: Subject, now: datetime) -> bool:
    """Whether ``mute`` holds for ``alert`` now. What concerns the whole stack has no robot, and is
    covered by no mute that names robots or groups."""
    return (
        (mute.until is None or now < mute.until)
        and _any(mute.robots, (alert.robot_id,))
        and _any(mute.groups, alert.groups)
        and (not mute.metrics or foreign_alerts.names(mute.metrics, alert.metric))
        and _any(mute.types, (alert.alert_type,))
    )


def _any(patterns: Sequence[str], names: Iterable[str]) -> bool:
    return not patterns or any(
        fnmatchcase(name, pattern) for name in names if name for pattern in patterns
    )


def of_its_own(alert: Subject, now: datetime) -> Quiet | None:
    """The mute of this one alert."""
    if alert.muted_by is None or (alert.muted_until is not None and alert.muted_until <= now):
        return None
    return by_hand(alert.muted_by)


def by_hand(who: str) -> Quiet:
    """What ``who`` muted."""
    return Quiet(f"muted by {who}", who)


def quiet(
    alert: Subject,
    mutes: Iterable[Mute],
    now: datetime,
    flaps: Mapping[int, Flap] | None = None,
    silences: Iterable[Silence] = (),
) -> Quiet | None:
    """Why nobody is told of ``alert`` now, None when people are. What was meant for this alert
    comes before what covers many. ``flaps`` are those that go on, by id; the alert of which people
    were told that it flaps is not quiet: who should acknowledge it is reminded."""
    own = of_its_own(alert, now)
    if own is not None:
        return own
    for mute in mutes:
        if covers(mute, alert, now):
            said = f": {mute.comment}" if mute.comment else ""
            return Quiet(f"mute {mute.id} by {mute.by}{said}", mute.by)
    for silence in silences:
        # What we silence there, somebody acknowledged or muted here.
        if silence.alert_id is None and silences_it(silence, alert.labels, now):
            said = f": {silence.comment}" if silence.comment else ""
            by = silence.created_by
            return Quiet(f"silenced in Grafana by {by}{said}"[:500], by[:100], "pull")
    flap = (flaps or {}).get(alert.flap_id or 0)
    return FLAPPING if flap is not None and flap.alert_id != alert.id else None


def change(alert: Subject, now_quiet: Quiet | None) -> Change | None:
    """What to write down of an open alert, None when that stands there already."""
    if not alert.is_open or (now_quiet.reason if now_quiet else None) == alert.quiet_reason:
        return None
    if now_quiet == FLAPPING:
        return Change(alert, "flapping", now_quiet)
    return Change(alert, "muted" if now_quiet else "unmuted", now_quiet)

"""Silences of Grafana: which alerts they cover, and which of them mirror our acknowledgements.

A silence is a list of matchers on labels, all of which must be true; a label that an alert does not
have is an empty one. Ours bear a marker in their comments, cover one alert as bad as it was when
somebody said that he looks after it, and are renewed for as long as he does. No clock is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from glue.core.provisioning import RULE_FOLDER
from glue.core.rules import BY_KEY

MARKER = re.compile(r"tonypi:alert:(\d{1,10})\b")
CREATED_BY = "TonyPi"

LASTS = timedelta(days=1)
"""A silence of ours, unless it is renewed: one of a glue that is gone for ever ends."""
RENEWED = timedelta(hours=12)
"""Before its end."""

LONGEST_PATTERN = 300


@dataclass(frozen=True)
class Matcher:
    """On one label. ``is_equal`` False turns it round."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


@dataclass(frozen=True)
class Silence:
    """``id`` '' is one that Grafana does not have yet."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str

    @property
    def alert_id(self) -> int | None:
        """The alert for which we made it; None for one that somebody made."""
        found = MARKER.search(self.comment)
        return int(found[1]) if found and self.created_by == CREATED_BY else None


@dataclass(frozen=True)
class LookedAfter:
    """An open alert that somebody acknowledged or muted, with its labels in Grafana."""

    alert_id: int
    labels: Mapping[str, str]
    by: str


@dataclass(frozen=True)
class Plan:
    """What to write to Grafana: silences to make (without an id) or to renew, ids to expire."""

    write: list[Silence]
    expire: list[str]


def labels(
    metric: str, severity: str, robot_id: str, posted: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Those of an alert in Grafana. ``posted`` are what a rule that is not ours came with."""
    rule = BY_KEY.get((metric, severity))
    if rule is None:
        return {name: str(value) for name, value in (posted or {}).items()}
    own = {"alertname": rule.title, "grafana_folder": RULE_FOLDER}
    own |= {"metric": metric, "severity": severity}
    return {**own, "robot_id": robot_id} if robot_id else own


def covers(silence: Silence, found: Mapping[str, str], now: datetime) -> bool:
    """Whether ``silence`` holds now for an alert with these labels."""
    return (
        bool(silence.matchers)
        and silence.starts_at <= now < silence.ends_at
        and all(_is_true(one, found.get(one.name, "")) for one in silence.matchers)
    )


def _is_true(matcher: Matcher, value: str) -> bool:
    if not matcher.is_regex:
        return (matcher.value == value) == matcher.is_equal
    # One that cannot be told silences nothing: rather a message too many.
    found = is_like(matcher.value, value)
    return found is not None and found == matcher.is_equal


def is_understood(matcher: Matcher) -> bool:
    """Whether we can tell what its expression means."""
    return not matcher.is_regex or is_like(matcher.value, "") is not None


@lru_cache(maxsize=20_000)
def is_like(pattern: str, value: str) -> bool | None:
    """Whether ``pattern`` matches all of ``value``; None for one that is not tried: Grafana's
    expressions take linear time whatever they are, Python's may take for ever."""
    if (
        len(pattern) > LONGEST_PATTERN
        or re.search(r"\)[*+{]", pattern)
        or len(re.findall(r"[*+{]", pattern)) > 3
    ):
        return None
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return None


def plan(wanted: Iterable[LookedAfter], ours: Sequence[Silence], now: datetime) -> Plan:
    """What makes our silences those that are ``wanted``: one each, none beside."""
    left = {one.alert_id: one for one in wanted}
    found = Plan([], [])
    for silence in ours:
        alert = left.get(silence.alert_id or 0)
        if alert is None or silence.matchers != _matchers(alert):
            found.expire.append(silence.id)
            continue
        del left[alert.alert_id]
        if silence.ends_at <= now + RENEWED:
            found.write.append(replace(silence, ends_at=now + LASTS))
    found.write.extend(_new(alert, now) for alert in left.values())
    return found


def _new(alert: LookedAfter, now: datetime) -> Silence:
    comment = f"{alert.by} looks after it (tonypi:alert:{alert.alert_id})"
    return Silence("", _matchers(alert), now, now + LASTS, CREATED_BY, comment)


def _matchers(alert: LookedAfter) -> tuple[Matcher, ...]:
    # Without the folder, which somebody may rename.
    named = ((name, alert.labels[name]) for name in sorted(alert.labels))
    return tuple(Matcher(*one) for one in named if one[0] != "grafana_folder")

"""What people changed in the fleet, told as marks on Grafana's charts.

A change is a row of ``fleet_changes``. Changes of one transaction are one mark: five hundred robots
that got a new limit together are one line on a chart, not five hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from glue.core.grafana_state import Mark
from glue.core.metrics import METRICS

Kind = Literal["limits", "maintenance", "activation"]

TAG = "tonypi"
"""Of all our marks."""

FLEET = "robot:all"
"""Tag of a mark that concerns every robot, or more than have room."""

NAMED = 20
"""Robots that a mark names; of more it says how many."""

TAGS_LENGTH = 400
"""Characters of tags; Grafana takes 500 in all, as JSON (``tags_length``)."""

LIMITS = {
    "warning_threshold": "warning",
    "critical_threshold": "critical",
    "warning_recovery": "warning recovers at",
    "critical_recovery": "critical recovers at",
}


@dataclass(frozen=True, slots=True)
class FleetChange:
    """A row of ``fleet_changes``; ``robot_id`` None: the whole fleet."""

    id: int
    txid: int
    at: datetime
    until: datetime | None
    actor: str | None
    kind: Kind
    robot_id: str | None
    metric: str | None
    before: Any
    after: Any


def key(change: FleetChange) -> str:
    """The tag by which a mark is known again."""
    return f"change:{change.id}"


def robot_tag(robot_id: str) -> str:
    """Grafana keeps of a tag what stands before its second colon, here and in a query: robots whose
    ids are the same up to a colon share their marks."""
    return f"robot:{robot_id.partition(':')[0]}"


def marks(changes: Iterable[FleetChange]) -> dict[str, Mark]:
    """Marks by key: of each transaction one a kind, what was changed, and an end.

    The end belongs to it because robots that went into maintenance together may leave it one by
    one: then each stretch is drawn.
    """
    found = {}
    for _, same in groupby(sorted(changes, key=_order), key=_together):
        group = list(same)
        found[key(group[0])] = _mark(group)
    return found


def _together(change: FleetChange) -> tuple[Any, ...]:
    end = change.until.timestamp() if change.until else 0.0
    return (change.txid, change.kind, change.metric or "", str(change.after), end)


def _order(change: FleetChange) -> tuple[Any, ...]:
    return (*_together(change), change.id)


def _mark(group: Sequence[FleetChange]) -> Mark:
    first = group[0]
    robots = sorted({one.robot_id for one in group if one.robot_id})
    by = f" by {first.actor}" if first.actor else ""
    tags = {robot_tag(robot) for robot in robots}
    if (
        any(one.robot_id is None for one in group)
        or sum(len(tag) + 3 for tag in tags) > TAGS_LENGTH
    ):
        tags = {FLEET}
    return Mark(
        key=key(first),
        at=_ms(first.at),
        until=_ms(first.until) if first.until else None,
        text=f"{_said(first)} {_whom(robots, group)}{by}",
        tags=frozenset({TAG, key(first), first.kind, *tags}),
    )


def _whom(robots: Sequence[str], group: Sequence[FleetChange]) -> str:
    if any(one.robot_id is None for one in group):
        return "for the whole fleet"
    if len(robots) > NAMED:
        return f"for {len(robots)} robots"
    return f"for {', '.join(robots)}"


def _said(change: FleetChange) -> str:
    match change.kind:
        case "maintenance":
            return f"Maintenance ({change.after})" if change.after else "Maintenance"
        case "activation":
            if change.before is None:
                return "Newly watched:"
            return "Watched again:" if change.after else "No longer watched:"
        case "limits":
            return f"Limits of {_metric(change.metric)}: {_limits(change.before, change.after)},"


def _metric(name: str | None) -> str:
    return METRICS[name].title if name in METRICS else str(name)


def _limits(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """What is new, and what it was: ``warning 70 → 65``."""
    if after is None:
        return "reset to the level above"
    if before is None:
        given = [(word, after.get(column)) for column, word in LIMITS.items()]
        return ", ".join(f"{word} {value:g}" for word, value in given if value is not None) or "set"
    said = [
        f"{word} {_number(before.get(column))} → {_number(after.get(column))}"
        for column, word in LIMITS.items()
        if before.get(column) != after.get(column)
    ]
    if before.get("enabled", True) != (now := after.get("enabled", True)):
        said.append({True: "switched on", False: "switched off"}.get(now, "on or off as the fleet"))
    return ", ".join(said)


def _number(value: Any) -> str:
    return "—" if value is None else f"{value:g}"


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)

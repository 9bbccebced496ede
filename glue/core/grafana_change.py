"""One change of Grafana, a plan of several, and how people are told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from glue.core.grafana_state import Level, Subject

Kind = Literal[
    "organisation",
    "files",
    "user",
    "role",
    "team",
    "member",
    "folder",
    "permissions",
    "mark",
    "sessions",
]
Verb = Literal["add", "adopt", "change", "remove", "reload"]

Owned = Mapping[tuple[str, str], int]
"""Grafana's id by (``user`` or ``team``, name) of what we made; a folder stands there by its uid,
with 0."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. ``name`` is whom people know it by; ``key`` what Grafana does, where that differs
    (an id, a uid). ``before`` and ``after`` are JSON values, None: it was, it will not be there."""

    kind: Kind
    verb: Verb
    name: str
    before: Any = None
    after: Any = None
    key: int | str = 0
    digest: str = ""
    """Of a reload: which differences ask for it, all of them."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something of others stands where ours should be."""

    kind: Kind
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``changes`` are done by an apply, ``leftovers`` (ours, wanted no more) only by a prune.
    ``others`` may act in Grafana and are nobody's of ours: people look at them."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    leftovers: tuple[Change, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether an apply would write anything."""
        return bool(self.changes)


def subjects(told: Mapping[str, Level]) -> dict[Subject, Level]:
    """The permissions that a change tells, as Grafana's adapter takes them."""
    parts = {name.partition(" "): level for name, level in told.items()}
    return {(kind, name): level for (kind, _, name), level in parts.items()}  # type: ignore[misc]


SIGNS: Mapping[Verb, str] = {"add": "+", "adopt": "=", "change": "~", "remove": "-", "reload": "↻"}


def said(change: Change) -> str:
    """One line for people: ``~ role ada: Viewer → Editor``."""
    start = f"{SIGNS[change.verb]} {change.kind} {change.name}"
    if change.kind == "mark" and None in (change.before, change.after):
        return f"{start}: {(change.after or change.before)['text']}"
    match change.before, change.after:
        case None, None:
            return start
        case None, after:
            return f"{start}: {_value(after)}"
        case before, None:
            return f"{start}: was {_value(before)}"
        case dict(before), dict(after):
            told = [
                f"{key}: {_value(before.get(key))} → {_value(after.get(key))}"
                for key in {**before, **after}
                if before.get(key) != after.get(key)
            ]
            return f"{start}: {', '.join(told)}"
        case before, after:
            return f"{start}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "—"
        case dict():
            return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
        case list():
            return ", ".join(map(str, value)) or "nobody"
        case _:
            return str(value)

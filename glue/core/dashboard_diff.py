"""What tells somebody's dashboard from ours, said by panel and option, ready to become code.

A copy that was saved in Grafana's browser differs from our file in more than was meant: Grafana
writes out defaults, renumbers versions, keeps what a variable last held. All of that is left out of
both sides first (:func:`normalised`). Lists whose members have names are compared by name, so that
one new query is one difference and not all that follow it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glue.core.dashboard_defaults import DEFAULTS

Model = Mapping[str, Any]
"""A dashboard's or panel's JSON."""

ABSENT = None
"""An option that one side does not have is said as null."""


@dataclass(frozen=True)
class Difference:
    """``path`` is the option's, from its panel (None: the dashboard itself) on."""

    panel: str | None
    path: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class Comparison:
    """``added`` and ``removed`` are whole panels: theirs that we have not, ours that they have
    not."""

    changed: tuple[Difference, ...]
    added: tuple[Model, ...]
    removed: tuple[Model, ...]

    @property
    def same(self) -> bool:
        return not (self.changed or self.added or self.removed)


class NoOriginal(Exception):
    """Nothing of ours resembles the dashboard."""


def original(theirs: Model, candidates: Mapping[str, Model]) -> str:
    """The key of the candidate that ``theirs`` was copied from: with most panels in common, by
    number and title, then by the title.

    Raises :class:`NoOriginal`.
    """
    marks = {(p.get("id"), p.get("title")) for p in panels(theirs)}

    def likeness(key: str) -> tuple[int, bool]:
        ours = candidates[key]
        common = sum((p.get("id"), p.get("title")) in marks for p in panels(ours))
        return common, str(theirs.get("title", "")).startswith(str(ours["title"]))

    best = max(candidates, key=likeness, default="")
    if not best or likeness(best)[0] == 0:
        raise NoOriginal
    return best


def compare(ours: Model, theirs: Model) -> Comparison:
    """What ``theirs`` has otherwise than ``ours``; both as Grafana or a file gives them."""
    mine, other = normalised(ours), normalised(theirs)
    pairs, added, removed = _paired(panels(ours), panels(theirs))
    changed = [Difference(None, *one) for one in _differences(mine, other)]
    for here, there in pairs:
        name = str(here.get("title") or f"row {here.get('id')}")
        for path, here_said, there_said in _differences(_panel(here), _panel(there)):
            if not _by_default(path, here_said, there_said):
                changed.append(Difference(name, path, here_said, there_said))
    return Comparison(tuple(changed), tuple(map(_panel, added)), tuple(map(_panel, removed)))


def _by_default(path: str, ours: Any, theirs: Any) -> bool:
    """Whether the one that says anything says what Grafana does unsaid."""
    said = theirs if ours is ABSENT else ours if theirs is ABSENT else ABSENT
    return said is not ABSENT and said in DEFAULTS.get(path, ())


def panels(model: Model) -> list[Model]:
    """All panels, those inside of collapsed rows too."""
    found: list[Model] = []
    for panel in model.get("panels") or []:
        found.append(panel)
        found += panel.get("panels") or []
    return found


# What Grafana adds or keeps for itself, and what makes a copy a copy.
OF_GRAFANA = {"id", "uid", "title", "version", "iteration", "editable", "schemaVersion", "panels"}
OF_GRAFANA |= {"tags", "gnetId", "weekStart", "fiscalYearStartMonth", "liveNow", "preload", "style"}
OF_PANEL = {"pluginVersion", "panels", "collapsed", "libraryPanel", "repeatDirection"}
OF_VARIABLE = {"current", "options", "definition", "skipUrlSync", "sort", "regex", "hide"}
"""Of these a variable's ``current`` and ``options`` are what was chosen last; the others Grafana
writes out when they hold nothing."""

NOTHING: tuple[Any, ...] = (None, "", False, [], {})
"""Values that say no more than that the option is not there."""


def normalised(model: Model) -> dict[str, Any]:
    """The dashboard without its panels, as a tree in which named members have their names."""
    kept = {key: value for key, value in model.items() if key not in OF_GRAFANA}
    variables = (model.get("templating") or {}).get("list") or []
    kept["templating"] = {
        one.get("name", "?"): {
            key: value
            for key, value in one.items()
            if key not in OF_VARIABLE or (key not in {"current", "options"} and value)
        }
        for one in variables
    }
    marks = (model.get("annotations") or {}).get("list") or []
    # Its own marks Grafana adds unasked, under its own name.
    kept["annotations"] = {
        one.get("name", "?"): one for one in marks if one.get("name") != "Annotations & Alerts"
    }
    kept["links"] = {one.get("title", "?"): one for one in model.get("links") or []}
    return dict(_tree(kept))


def _panel(panel: Model) -> dict[str, Any]:
    return dict(_tree({k: v for k, v in panel.items() if k not in OF_PANEL}))


def _tree(value: Any) -> Any:
    """``value`` with lists of named members as mappings, and without what says nothing."""
    if isinstance(value, Mapping):
        built = {key: _tree(one) for key, one in value.items()}
        return {key: one for key, one in built.items() if not _nothing(one)}
    if isinstance(value, list):
        names = [_name(one, i) for i, one in enumerate(value)]
        if value and all(names) and len(set(names)) == len(names):
            return {name: _tree(one) for name, one in zip(names, value, strict=True)}
        return [_tree(one) for one in value]
    # 1 and 1.0 are one number, however it was written.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _nothing(value: Any) -> bool:
    return any(value == none and type(value) is type(none) for none in NOTHING)


def _name(member: Any, position: int) -> str:
    """What a member of a list is called: a query, an override, one of its options, a step."""
    if not isinstance(member, Mapping):
        return ""
    if "refId" in member:
        return str(member["refId"])
    matcher = member.get("matcher")
    if isinstance(matcher, Mapping):
        return str(matcher.get("options") or matcher.get("id"))
    if "id" in member and "options" in member:  # transformations have an order
        return f"{position + 1} {member['id']}"
    if "id" in member and set(member) <= {"id", "value"}:
        return str(member["id"])
    return ""


def _paired(
    ours: list[Model], theirs: list[Model]
) -> tuple[list[tuple[Model, Model]], list[Model], list[Model]]:
    """(pairs, theirs alone, ours alone). A pair has one number and kind, else one title: who adds
    a panel by duplicating keeps the title, who renames keeps the number."""
    left = list(theirs)
    pairs, alone = [], []
    for panel in ours:
        partner = _partner(panel, left)
        if partner is None:
            alone.append(panel)
        else:
            left.remove(partner)
            pairs.append((panel, partner))
    return pairs, left, alone


def _partner(panel: Model, among: list[Model]) -> Model | None:
    same_id = [one for one in among if one.get("id") == panel.get("id")]
    same_title = [one for one in among if panel.get("title") and _titled(one, panel)]
    for one in same_id:
        if _titled(one, panel) or (one.get("type") == panel.get("type") and not same_title):
            return one
    return same_title[0] if same_title else None


def _titled(one: Model, other: Model) -> bool:
    return bool(one.get("title") == other.get("title"))


def _differences(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            step = _step(path, str(key))
            yield from _differences(ours.get(key, ABSENT), theirs.get(key, ABSENT), step)
    elif ours != theirs and not (_nothing(ours) and _nothing(theirs)):
        yield path, ours, theirs


def _step(path: str, key: str) -> str:
    if key.replace("_", "a").isalnum():
        return f"{path}.{key}" if path else key
    return f"{path}[{key}]"

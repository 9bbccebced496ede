"""How a comparison of dashboards reads, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glue.core.dashboard_diff import Comparison
    from glue.grafana.dashboards import Found


def lines(found: Found, against: str, result: Comparison) -> Iterator[str]:
    """Ours on the left, theirs on the right."""
    where = f" in {found.folder}" if found.folder else ""
    yield f"{against} (ours) → {found.title}{where} ({found.uid})"
    if result.same:
        yield "  no difference"
    for panel, changes in groupby(result.changed, key=lambda one: one.panel):
        yield "dashboard" if panel is None else f'panel "{panel}"'
        for one in changes:
            if _long(one.ours) or _long(one.theirs):
                yield f"  {one.path}:"
                yield from (f"  - {line}" for line in _text(one.ours))
                yield from (f"  + {line}" for line in _text(one.theirs))
            else:
                yield f"  {one.path}: {_said(one.ours)} → {_said(one.theirs)}"
    for panel in result.removed:
        yield f'- panel "{panel.get("title", "")}" ({panel.get("type")}, number {panel.get("id")})'
    for panel in result.added:
        yield f'+ panel "{panel.get("title", "")}" ({panel.get("type")}, number {panel.get("id")})'
        yield from (f"  {line}" for line in json.dumps(panel, **READABLE).splitlines())


def as_json(found: Found, against: str, result: Comparison) -> dict[str, Any]:
    """The same as one object."""
    return {
        "uid": found.uid,
        "title": found.title,
        "folder": found.folder,
        "against": against,
        "same": result.same,
        "changed": [asdict(one) for one in result.changed],
        "added": list(result.added),
        "removed": list(result.removed),
    }


READABLE: dict[str, Any] = {"indent": 2, "ensure_ascii": False}


def _long(value: Any) -> bool:
    return len(_said(value)) > 60 or (isinstance(value, str) and "\n" in value)


def _said(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> list[str]:
    """A query as it is written, anything else as JSON."""
    if value is None:
        return []
    return (value if isinstance(value, str) else json.dumps(value, **READABLE)).splitlines()

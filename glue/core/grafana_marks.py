"""What has to change of our annotations in Grafana."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glue.core.grafana_change import Change
from glue.core.grafana_state import Mark


def changes(wanted: Mapping[str, Mark], running: Mapping[str, Mark]) -> Iterator[Change]:
    """What is missing, not as it should be, or there twice."""
    for name, there in running.items():
        if name != there.key and there.key in wanted:
            # The same one twice: an answer was lost, and the look after it came too early.
            yield Change("mark", "remove", name, before=_told(there), key=there.id)
    for key, want in wanted.items():
        found = running.get(key)
        if found is None:
            yield Change("mark", "add", key, after=_told(want), key=key)
        elif found.tags - want.tags:
            # Grafana goes on finding a mark by a tag that an edit took away (11.0:
            # annotationsimpl/xorm_store.go deletes where the tag is also 0).
            yield Change("mark", "remove", key, before=_told(found), key=found.id)
            yield Change("mark", "add", key, after=_told(want), key=key)
        elif _told(found) != _told(want):
            yield Change("mark", "change", key, _told(found), _told(want), found.id)


def gone(wanted: Mapping[str, Mark], running: Mapping[str, Mark]) -> Iterator[Change]:
    """Ours of changes that nobody knows any more."""
    for key, there in running.items():
        if there.key not in wanted:
            yield Change("mark", "remove", key, before=_told(there), key=there.id)


def _told(mark: Mark) -> dict[str, Any]:
    # Grafana gives a moment its own time as its end.
    until = mark.until if mark.until != mark.at else None
    return {"at": mark.at, "until": until, "text": mark.text, "tags": sorted(mark.tags)}

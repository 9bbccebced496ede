"""Annotations of ours, the marks on charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glue.core.grafana_state import Mark
from glue.grafana.client import Client

KEY = "change:"
"""What the tag that names a mark starts with."""

AT_ONCE = 5000


class Marks(Client):
    """Calls about annotations. Ids are numbers; what survives a lost answer is the key."""

    async def marks(self, tag: str, since_ms: int, until_ms: int) -> dict[str, Mark]:
        """What bears ``tag`` and a key, by key. Milliseconds since 1970.

        Also stretches that began before ``since_ms`` and reach into the range. Of two with one key
        the older one counts; each other is there as ``<key> again <id>``, which nobody wants.
        """
        found: dict[str, Mark] = {}
        for row in sorted(await self._rows(tag, since_ms, until_ms), key=lambda row: row["id"]):
            mark = _mark(row)
            if mark is not None:
                key = mark.key if mark.key not in found else f"{mark.key} again {mark.id}"
                found[key] = mark
        return found

    async def _rows(self, tag: str, since_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """All of them. Grafana gives the newest 100 unless asked for more, has no pages, and takes
        no range unless both ends are there and above 0: so ask for more until there are fewer."""
        limit = AT_ONCE
        while True:
            asked: dict[str, str | int] = {
                "tags": tag,
                "from": max(since_ms, 1),
                "to": until_ms,
                "limit": limit,
                "type": "annotation",
            }
            rows: list[dict[str, Any]] = await self.get("/annotations", list, asked)
            if len(rows) < limit:
                return rows
            limit *= 4

    async def add_mark(self, mark: Mark) -> int:
        """Of the organisation, on no dashboard. Returns its id.

        Grafana keeps of each tag what stands before its second colon, and takes at most 500
        characters of tags (``tags_length``), else :class:`~glue.grafana.GrafanaError` (400).
        """
        return int((await self.write("POST", "/annotations", _body(mark)))["id"])

    async def edit_mark(self, mark_id: int, mark: Mark) -> None:
        """Time, end, text and tags. Raises :class:`~glue.grafana.GrafanaMissing`.

        11.0 goes on finding it by a tag that is taken away: then remove it and add another.
        """
        await self.write("PUT", f"/annotations/{mark_id}", _body(mark))

    async def remove_mark(self, mark_id: int) -> None:
        """What is gone already is no error."""
        await self.write("DELETE", f"/annotations/{mark_id}")


def _body(mark: Mark) -> Mapping[str, Any]:
    # A change keeps the end that was, unless another one is said: a moment ends when it begins.
    return {
        "time": mark.at,
        "timeEnd": mark.at if mark.until is None else mark.until,
        "text": mark.text,
        "tags": sorted(mark.tags),
    }


def _mark(row: Mapping[str, Any]) -> Mark | None:
    tags = frozenset(str(tag) for tag in row.get("tags") or [])
    key = next((tag for tag in sorted(tags) if tag.startswith(KEY)), None)
    if key is None:
        return None
    at, end = int(row["time"]), int(row.get("timeEnd") or 0)
    return Mark(
        key=key,
        at=at,
        until=end if end > at else None,
        text=str(row.get("text") or ""),
        tags=tags,
        id=int(row["id"]),
    )

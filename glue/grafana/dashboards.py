"""Dashboards that people have made or copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from glue.grafana.client import PAGE, Client


@dataclass(frozen=True)
class Found:
    """A dashboard as Grafana holds it: its ``model`` is JSON in the shape of a file."""

    uid: str
    title: str
    folder: str
    provisioned: bool
    model: Mapping[str, Any]


class Dashboards(Client):
    """Calls about single dashboards; they are known by uid."""

    async def dashboard(self, uid: str) -> Found | None:
        """None where there is none. One read."""
        told = await self.found(f"/dashboards/uid/{quote(uid, safe='')}", dict)
        if told is None:
            return None
        model, meta = told["dashboard"], told["meta"]
        return Found(
            uid=str(model["uid"]),
            title=str(model["title"]),
            folder=str(meta.get("folderTitle") or ""),
            provisioned=bool(meta.get("provisioned")),
            model=model,
        )

    async def dashboards_in(self, folder_uid: str) -> dict[str, str]:
        """Titles by uid of the dashboards in a folder, the first thousand."""
        rows = await self.get(
            "/search", list, {"type": "dash-db", "folderUIDs": folder_uid, "limit": PAGE}
        )
        return {str(row["uid"]): str(row["title"]) for row in rows}

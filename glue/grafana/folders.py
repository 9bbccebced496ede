"""Folders and who may do what in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from glue.core.grafana_state import Folder, Level, Subject
from glue.grafana.client import PAGE, Client

LEVELS: Mapping[Level, int] = {"View": 1, "Edit": 2, "Admin": 4}


class Folders(Client):
    """Calls about folders; they are known by uid."""

    async def folders(self, uids: Iterable[str]) -> dict[str, Folder]:
        """Those of ``uids`` that exist, with the permissions that are set on them. Two reads
        each."""
        found = {}
        for uid in uids:
            there = await self.found(_path(uid), dict)
            if there is None:
                continue
            rows = await self.get(f"{_path(uid)}/permissions", list)
            permissions = dict(_permission(row) for row in rows if not row.get("inherited"))
            found[uid] = Folder(uid, str(there["title"]), permissions)
        return found

    async def folder_uid(self, title: str) -> str | None:
        """Of the first folder at the top that is called ``title``."""
        page = 1
        while rows := await self.get("/folders", list, {"limit": PAGE, "page": page}):
            for row in rows:
                if row["title"] == title:
                    return str(row["uid"])
            page += 1
        return None

    async def create_folder(self, folder: Folder) -> None:
        """With uid and title at the top. Its permissions are Grafana's first ones: we Admin,
        Editor Edit, Viewer View.

        Raises :class:`~glue.grafana.GrafanaConflict` when uid or title is taken.
        """
        await self.write("POST", "/folders", {"uid": folder.uid, "title": folder.title})

    async def rename_folder(self, uid: str, title: str) -> None:
        """Whatever its version: the title is ours."""
        await self.write("PUT", _path(uid), {"title": title, "overwrite": True})

    async def set_permissions(
        self, uid: str, permissions: Mapping[Subject, Level], team_ids: Mapping[str, int]
    ) -> None:
        """Exactly these; others that were set are taken away. One write.

        ``team_ids`` has the id of each team that ``permissions`` names.
        """
        items = []
        for (kind, name), level in permissions.items():
            match kind:
                case "role":
                    whom: dict[str, Any] = {"role": name}
                case "team":
                    whom = {"teamId": team_ids[name]}
                case "user":
                    found = await self.get("/users/lookup", dict, {"loginOrEmail": name})
                    whom = {"userId": int(found["id"])}
            items.append({**whom, "permission": LEVELS[level]})
        await self.write("POST", f"{_path(uid)}/permissions", {"items": items})


def _path(uid: str) -> str:
    return f"/folders/{quote(uid, safe='')}"


def _permission(row: Mapping[str, Any]) -> tuple[Subject, Level]:
    level: Level = row["permissionName"]
    if row.get("teamId"):
        return ("team", str(row["team"])), level
    if row.get("userId"):
        return ("user", str(row["userLogin"]).lower()), level
    return ("role", str(row["role"])), level

"""What Grafana has read from files: data sources, dashboards, alert rules, contact points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from glue.core.grafana_desired import DASHBOARDS
from glue.core.grafana_state import Definitions, Files
from glue.core.provisioning import PREFIX, RULE_FOLDER
from glue.grafana.client import PAGE, Client
from glue.grafana.errors import GrafanaError, GrafanaUnavailable

RULE = "rule "
CONTACT_POINT = "contact point "
REDACTED = "[REDACTED]"
ALIASES = {"grafana-postgresql-datasource": "postgres"}
"""Plugins that Grafana has renamed; files go on with the old name, and so do we."""

OF_ITS_OWN = ("id", "version", "iteration")
"""Members of a dashboard that Grafana adds."""


class ProvisionedFiles(Client):
    """Calls about what provisioning/ and grafana/dashboards define."""

    async def defined(self, kind: Files, names: Iterable[str]) -> Definitions:
        """Those of ``names`` that run, in the shape of the files, by the same name: data source
        uid, dashboard uid, ``rule <uid>``, ``contact point <name>``. Secrets are left out or not
        told. One read; dashboards one and one each, alerting two.

        Besides, rules and dashboards that once came from our files: in our folders, with a uid as
        ours are; of dashboards the title alone.
        """
        wanted = list(names)
        match kind:
            case "datasources":
                found = await self._data_sources()
            case "dashboards":
                found = {uid: shown for uid in wanted if (shown := await self._dashboard(uid))}
                found = {**await self._our_dashboards(), **found}
            case "alerting":
                found = {**await self._rules(), **await self._contact_points()}
        return {
            name: told for name, told in found.items() if name in wanted or _is_ours(name, told)
        }

    async def reload(self, kind: Files) -> None:
        """Grafana reads all files of ``kind`` again, and answers when it has.

        Raises :class:`~glue.grafana.GrafanaError` for files that it cannot read; a dashboard that
        is no JSON it only logs. What is no longer in a file stays in Grafana, dashboards and rules
        alike (``disableDeletion``; rules go by ``deleteRules`` in a file alone).
        """
        try:
            await self.write("POST", f"/admin/provisioning/{kind}/reload")
        except GrafanaUnavailable as error:
            if error.status != 500:
                raise
            raise GrafanaError(
                f"Grafana cannot read its files of {kind} (provisioning/{kind}); its log says why",
                error.status,
            ) from error

    async def delete_dashboard(self, uid: str) -> None:
        """One that is in no file any more: Grafana keeps those of files. Two writes: until it has
        read them again it takes this for one of them."""
        await self.reload("dashboards")
        await self.write("DELETE", f"/dashboards/uid/{quote(uid, safe='')}")

    async def rule_folder(self, rule_uid: str) -> str | None:
        """The uid of the folder that an alert rule is in; None: there is no such rule."""
        path = f"/v1/provisioning/alert-rules/{quote(rule_uid, safe='')}"
        rule = await self.found(path, dict)
        return str(rule["folderUID"]) if rule else None

    async def _data_sources(self) -> dict[str, Any]:
        return {row["uid"]: _data_source(row) for row in await self.get("/datasources", list)}

    async def _dashboard(self, uid: str) -> dict[str, Any] | None:
        found = await self.found(f"/dashboards/uid/{quote(uid, safe='')}", dict)
        if found is None:
            return None
        return {key: told for key, told in found["dashboard"].items() if key not in OF_ITS_OWN}

    async def _our_dashboards(self) -> dict[str, Any]:
        asked: dict[str, str | int] = {
            "type": "dash-db",
            "folderUIDs": DASHBOARDS.uid,
            "limit": PAGE,
        }
        rows = await self.get("/search", list, asked)
        return {row["uid"]: {"title": row["title"], "folderUid": DASHBOARDS.uid} for row in rows}

    async def _rules(self) -> dict[str, Any]:
        # 404 when there is not one rule.
        found = await self.found(
            "/v1/provisioning/alert-rules/export", dict, {"format": "json", "download": "false"}
        )
        return {
            f"{RULE}{rule['uid']}": {
                **rule,
                "group": group["name"],
                "folder": group["folder"],
                "interval": group["interval"],
            }
            for group in (found or {}).get("groups") or []
            for rule in group["rules"]
        }

    async def _contact_points(self) -> dict[str, Any]:
        # Their export, which has the shape of the files, fails in 11.0 (500, EOF) as soon as one
        # has a secret that it may not show.
        points: dict[str, Any] = {}
        for row in await self.get("/v1/provisioning/contact-points", list):
            name = f"{CONTACT_POINT}{row['name']}"
            settings = {key: told for key, told in row["settings"].items() if told != REDACTED}
            point = points.setdefault(name, {"name": row["name"], "receivers": []})
            point["receivers"].append(
                {
                    "uid": row["uid"],
                    "type": row["type"],
                    "disableResolveMessage": row.get("disableResolveMessage", False),
                    "settings": settings,
                }
            )
        return points


def _is_ours(name: str, told: Mapping[str, Any]) -> bool:
    """Of a rule or a dashboard: whether it can only have come from a file of ours."""
    uid = name.removeprefix(RULE)
    there = told.get("folder") == RULE_FOLDER or told.get("folderUid") == DASHBOARDS.uid
    return uid.startswith(PREFIX) and there


def _data_source(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "type": ALIASES.get(row["type"], row["type"])}

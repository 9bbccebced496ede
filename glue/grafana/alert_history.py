"""Grafana's history of alerts: one page of it. What to read is :mod:`glue.core.alert_history`'s."""

from __future__ import annotations

from typing import Any

from glue.grafana.client import Client


class AlertHistory(Client):
    """Reading what alerts did; nothing is written."""

    async def alert_history(self, since_ms: int, until_ms: int, limit: int) -> list[dict[str, Any]]:
        """The newest ``limit`` changes of state between the two, both inside; milliseconds since
        1970. As many rows as asked for: there may be more, and there is no cursor.

        Not ``/api/v1/rules/history``, which gives 100 at most.
        """
        asked: dict[str, str | int] = {
            "type": "alert",
            "from": max(since_ms, 1),
            "to": until_ms,
            "limit": limit,
        }
        rows: list[dict[str, Any]] = await self.get("/annotations", list, asked)
        return rows

    async def rule_uids(self) -> dict[int, str]:
        """The uid of every rule by the id that stands in its history."""
        rules: list[dict[str, Any]] = await self.get("/v1/provisioning/alert-rules", list)
        return {int(rule["id"]): str(rule["uid"]) for rule in rules}

"""What Grafana's alert rules say now, and how its posts to us went."""

from __future__ import annotations

from typing import Any

from glue.grafana.client import Client
from glue.grafana.errors import GrafanaError


class AlertState(Client):
    """Reading alerts; nothing is written."""

    async def rule_state(self) -> dict[str, Any]:
        """State of every rule and instance, from Grafana's state manager.

        Not from its Alertmanager: that one misses what is not posted (an instance that fires again
        within 30 s of its last send). The internal labels have the uid of each instance's rule.
        """
        state: dict[str, Any] = await self.get(
            "/prometheus/grafana/api/v1/rules", dict, {"includeInternalLabels": "true"}
        )
        if not isinstance(state.get("data"), dict):
            raise GrafanaError(f"{self.url} does not answer as Grafana does; is GRAFANA_URL right?")
        return state

    async def receiver_errors(self, name: str) -> list[str]:
        """What the last attempts to post to the contact point ``name`` failed of; empty when they
        did not fail, or none was made."""
        found = await self.get("/alertmanager/grafana/config/api/v1/receivers", list)
        return [
            str(integration["lastNotifyAttemptError"])
            for receiver in found
            if receiver.get("name") == name
            for integration in receiver.get("integrations") or []
            if integration.get("lastNotifyAttemptError")
        ]

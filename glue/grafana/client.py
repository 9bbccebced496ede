"""The calls we make to Grafana, 11.0 and later."""

from __future__ import annotations

from typing import Any

from grafana_client import AsyncGrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from glue.settings import Grafana as Settings


class GrafanaError(Exception):
    """Grafana refused a call; the text is Grafana's own."""


class GrafanaUnavailable(GrafanaError):
    """Grafana cannot be reached, or answers 5xx; worth trying again."""


class Grafana:
    """One Grafana, as its server admin (service accounts may not manage users)."""

    def __init__(self, settings: Settings, *, timeout: float = 10.0) -> None:
        self.url = settings.url
        self._api = AsyncGrafanaApi.from_url(
            settings.url,
            credential=(settings.admin_user, settings.admin_password.get_secret_value()),
            timeout=timeout,
        )

    async def close(self) -> None:
        await self._api.client.s.close()

    async def version(self) -> str:
        return str((await self._get("/health"))["version"])

    async def rule_state(self) -> dict[str, Any]:
        """State of every rule and instance, from Grafana's state manager.

        Not from its Alertmanager: that one misses what is not posted (an instance that fires again
        within 30 s of its last send).
        """
        state = await self._get("/prometheus/grafana/api/v1/rules")
        if not isinstance(state, dict) or not isinstance(state.get("data"), dict):
            raise GrafanaError(f"{self.url} does not answer as Grafana does; is GRAFANA_URL right?")
        return state

    async def receiver_errors(self, name: str) -> list[str]:
        """What the last attempts to post to the contact point ``name`` failed of; empty when they
        did not fail, or none was made."""
        found = await self._get("/alertmanager/grafana/config/api/v1/receivers")
        if not isinstance(found, list):
            raise GrafanaError(f"{self.url} does not answer as Grafana does; is GRAFANA_URL right?")
        return [
            str(integration["lastNotifyAttemptError"])
            for receiver in found
            if receiver.get("name") == name
            for integration in receiver.get("integrations") or []
            if integration.get("lastNotifyAttemptError")
        ]

    async def _get(self, path: str) -> Any:
        try:
            return await self._api.client.GET(path)
        except GrafanaClientError as error:
            raise GrafanaError(f"Grafana refuses {path}: {error}") from error
        # The client's HTTP library (niquests) derives its errors from OSError, and some escape.
        except (GrafanaException, OSError) as error:
            raise GrafanaUnavailable(f"Grafana at {self.url}: {error!r}") from error

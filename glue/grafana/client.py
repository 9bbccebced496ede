"""Calls to Grafana: who we are, how long we wait, what each refusal means, how many were made.

The third-party client is imported here alone. Every noun of Grafana's API is a class of its own
(accounts.py, teams.py, …) above this one; :class:`glue.grafana.Grafana` is all of them.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from grafana_client.client import AsyncGrafanaClient, GrafanaClientError, GrafanaException

from glue.grafana import versions
from glue.grafana.errors import (
    GrafanaConflict,
    GrafanaDenied,
    GrafanaError,
    GrafanaMissing,
    GrafanaUnavailable,
)
from glue.settings import Grafana as Settings

log = structlog.get_logger()

ORGANISATION = 1
"""Everything of ours is in Grafana's first organisation. Said with each call, for the server admin
may have switched to another one in the browser."""

PAGE = 1000
"""Rows asked for at once."""


@dataclass
class Calls:
    """Requests that were made, whatever came of them."""

    reads: int = 0
    writes: int = 0

    @property
    def requests(self) -> int:
        return self.reads + self.writes


class Client:
    """One Grafana, as its server admin (service accounts may not manage users).

    ``timeout`` (s) is for a whole answer. Nothing is tried twice here: whether a write whose answer
    was lost has been done, only a look can tell.
    """

    def __init__(self, settings: Settings, *, timeout: float = 10.0) -> None:
        self.url = settings.url
        self.login = settings.admin_user.lower()
        self.calls = Calls()
        self._supported = False
        self._timeout = timeout
        at = urlsplit(settings.url)
        path = at.path.strip("/")
        self._http = AsyncGrafanaClient(
            (settings.admin_user, settings.admin_password.get_secret_value()),
            host=at.hostname or "",
            port=at.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=at.scheme,
            timeout=timeout,
            organization_id=ORGANISATION,
            verify=os.environ.get("REQUESTS_CA_BUNDLE") or True,
        )
        # One of our own systems: never asked through a proxy of the environment.
        session: Any = self._http.s
        session.trust_env = False

    async def close(self) -> None:
        # Typed as the client's own session, which is not asynchronous.
        session: Any = self._http.s
        await session.close()

    async def version(self) -> str:
        """As it names itself: ``11.0.0``."""
        said = (await self.get("/health", dict)).get("version")
        if said is None:  # [auth.anonymous] hide_version
            said = (await self.get("/frontend/settings", dict)).get("buildInfo", {}).get("version")
        return str(said or "")

    async def get(
        self, path: str, shape: type, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """The JSON at ``/api`` + ``path``. It must be a ``shape`` (dict, list); else this is
        another program's address and a :class:`GrafanaError`."""
        self.calls.reads += 1
        found = await self._call("GET", path, params=dict(params or {}))
        if not isinstance(found, shape):
            raise GrafanaError(f"{self.url} does not answer as Grafana does; is GRAFANA_URL right?")
        return found

    async def found(
        self, path: str, shape: type, params: Mapping[str, str | int] | None = None
    ) -> Any | None:
        """As :meth:`get`; None where nothing is."""
        try:
            return await self.get(path, shape, params)
        except GrafanaMissing:
            return None

    async def pages(self, path: str, member: str) -> AsyncIterator[dict[str, Any]]:
        """Each row of a search that tells its ``totalCount``; rows are in ``member``.

        Counted, for a page may be shorter than what was asked for.
        """
        page, seen = 1, 0
        while True:
            found = await self.get(path, dict, {"perpage": PAGE, "page": page})
            rows = found.get(member) or []
            for row in rows:
                yield row
            seen += len(rows)
            if not rows or seen >= int(found.get("totalCount") or 0):
                return
            page += 1

    async def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST, PUT, PATCH or DELETE; returns Grafana's answer.

        Asks for the version before the first: raises :class:`~glue.grafana.GrafanaUnsupported`.
        """
        if not self._supported:
            version = await self.version()
            versions.check(version)
            if not versions.is_tried(version):
                log.warning("grafana.not_tried", version=version, tried=f"{versions.TRIED}.x")
            self._supported = True
        self.calls.writes += 1
        return await self._call(method, path, json=None if body is None else dict(body))

    async def _call(self, method: str, path: str, **given: Any) -> Any:
        try:
            # The client's own time-out counts anew with every byte that comes.
            async with asyncio.timeout(self._timeout):
                return await getattr(self._http, method)(path, accept_empty_json=True, **given)
        except GrafanaClientError as error:
            raise self._refused(method, path, error) from error
        except TimeoutError as error:
            raise GrafanaUnavailable(
                f"Grafana at {self.url} gives no answer to {method} {path} in {self._timeout:g} s"
            ) from error
        except GrafanaException as error:
            raise GrafanaUnavailable(
                f"Grafana at {self.url}: {error}", int(error.status_code or 0)
            ) from error
        # The client's HTTP library (niquests) derives its errors from OSError, and some escape.
        except OSError as error:
            raise GrafanaUnavailable(
                f"Grafana at {self.url} cannot be reached: {_reason(error)}"
            ) from error
        except ValueError as error:
            raise GrafanaError(
                f"{self.url} does not answer as Grafana does; is GRAFANA_URL right?"
            ) from error

    def _refused(self, method: str, path: str, error: GrafanaClientError) -> GrafanaError:
        status = int(error.status_code)
        said = f"Grafana refuses {method} {path}: {_text(error)}"
        match status:
            case 401:
                return GrafanaDenied(
                    f"{said}. It does not know GF_SECURITY_ADMIN_USER with"
                    " GF_SECURITY_ADMIN_PASSWORD; if the password was changed in Grafana, set it"
                    " there back with `grafana cli admin reset-admin-password`",
                    status,
                )
            case 403:
                return GrafanaDenied(
                    f"{said}. GF_SECURITY_ADMIN_USER must be a server admin of Grafana", status
                )
            case 404:
                return GrafanaMissing(said, status)
            case 409 | 412:
                return GrafanaConflict(said, status)
        return GrafanaError(said, status)


def _reason(error: OSError) -> str:
    """The system's words out of the HTTP library's, which name objects by address."""
    found = re.search(r"\[Errno -?\d+\] [^'\"()]+", str(error))
    return found[0].strip() if found else type(error).__name__


def _text(error: GrafanaClientError) -> str:
    """Grafana's own words, without the client's around them."""
    answer = error.response
    if isinstance(answer, dict) and answer.get("message"):
        return f"{error.status_code} {answer['message']}"
    return str(error)

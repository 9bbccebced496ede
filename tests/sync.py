"""A real Grafana of its own, behind a counting proxy, with files of its own, and its fleet."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from glue import store
from glue.core.grafana_change import said
from glue.grafana import Grafana
from glue.settings import PROJECT, Settings
from glue.stack import probe
from glue.sync.reconciler import Reconciler
from tests import http_proxy, programs
from tests.http_proxy import Proxy


@dataclass
class Synced:
    """``settings`` lead through ``proxy``; ``direct`` is Grafana itself, as its server admin."""

    settings: Settings
    proxy: Proxy
    direct: httpx.Client
    checkout: Path

    def row(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.settings.postgres.dsn) as conn:
            conn.execute(statement, values)

    def add_user(self, name: str, role: str = "viewer", active: bool = True) -> None:
        self.row(
            "INSERT INTO users (username, email, password_hash, role, is_active)"
            " VALUES (%s, %s, '!', %s, %s)",
            *(name, f"{name.lower()}@example.org", role, active),
        )

    def get(self, path: str, **params: Any) -> Any:
        answer = self.direct.get(f"/api{path}", params=params)
        answer.raise_for_status()
        return answer.json()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.direct.request(method, f"/api{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def roles(self) -> dict[str, str]:
        """Role in the organisation by login."""
        return {one["login"]: one["role"] for one in self.get("/orgs/1/users")}

    def user_id(self, login: str) -> int:
        return int(self.get("/users/lookup", loginOrEmail=login)["id"])

    def team(self, name: str) -> set[str]:
        (team,) = self.get("/teams/search", name=name)["teams"]
        return {one["login"] for one in self.get(f"/teams/{team['id']}/members")}

    @asynccontextmanager
    async def reconciler(self, timeout: float = 10.0) -> AsyncIterator[Reconciler]:
        """One as the glue has it; Grafana's answers are waited for ``timeout`` s."""
        grafana = Grafana(self.settings.grafana, timeout=timeout)
        async with store.open_pool(self.settings.postgres) as pool:
            try:
                yield Reconciler(self.settings, pool, grafana, self.checkout)
            finally:
                await grafana.close()


def done(outcome: Any) -> list[str]:
    """The changes that were made, in words."""
    return [said(change) for change in outcome.done]


@pytest.fixture(scope="session")
def synced_grafana(ground, postgres, influx, tmp_path_factory) -> Iterator[Synced]:
    """Started once; its database of people is emptied by :func:`synced`."""
    if ground.programs.grafana() is None:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    checkout = tmp_path_factory.mktemp("checkout")
    checkout.chmod(0o755)
    for folder in ("provisioning", "grafana/dashboards"):
        shutil.copytree(PROJECT / folder, checkout / folder)
    postgres.execute("CREATE DATABASE grafana_sync OWNER grafana")
    database = postgres.create("fleet_sync")
    settings = ground.settings(
        PGDATABASE=database.database, GRAFANA_URL=f"http://127.0.0.1:{probe.free_port()}"
    )
    env = {
        "GF_DATABASE_NAME": "grafana_sync",
        "GRAFANA_DASHBOARDS_DIR": str(checkout / "grafana" / "dashboards"),
    }
    programs.running_grafana(
        ground, settings, checkout / "provisioning", env=env, name="grafana-sync"
    )
    admin = (settings.grafana.admin_user, settings.grafana.admin_password.get_secret_value())
    # One test takes the administrator out of our organisation; back in it, Grafana goes on showing
    # the other one to whoever does not say which.
    ours = {"X-Grafana-Org-Id": "1"}
    with (
        http_proxy.before(settings.grafana.url) as proxy,
        httpx.Client(base_url=settings.grafana.url, auth=admin, headers=ours, timeout=30) as direct,
    ):
        behind = settings.grafana.model_copy(update={"url": proxy.url})
        through = settings.model_copy(update={"grafana": behind})
        yield Synced(through, proxy, direct, checkout)


@pytest_asyncio.fixture
async def synced(synced_grafana: Synced) -> AsyncIterator[Synced]:
    """In step, without people or changes of the test before; nothing counted yet."""
    synced_grafana.proxy.faults.clear()
    synced_grafana.row("DELETE FROM users")
    synced_grafana.row("DELETE FROM fleet_changes")
    async with synced_grafana.reconciler() as reconciler:
        await reconciler.apply(prune=True)
    synced_grafana.proxy.forget()
    yield synced_grafana
    synced_grafana.proxy.faults.clear()

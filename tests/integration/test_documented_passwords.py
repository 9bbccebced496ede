"""The promise: no default password is ever reachable from another machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from glue.api.app import create_app
from glue.api.people import first_users
from glue.core import passwords
from glue.core.demo import DOCUMENTED
from glue.core.roles import ROLES
from glue.settings import Settings, SettingsError
from glue.stack import lan, probe
from tests.api import Api, is_problem
from tests.conftest import SettingsFor

LOGIN = "/api/v1/auth/login"


@asynccontextmanager
async def listening(app: FastAPI, host: str, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(app, host=host, port=port, log_config=None, proxy_headers=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def caller(
    app: FastAPI, peer: str, host: str = "127.0.0.1:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at ``peer`` who asks ``host``."""
    transport = httpx.ASGITransport(app, client=(peer, 5), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        yield client


async def log_in(client: httpx.AsyncClient, name: str, **headers: str) -> httpx.Response:
    given = {"username": name, "password": DOCUMENTED[name]}
    return await client.post(LOGIN, json=given, headers=headers)


@pytest.fixture
def demo(api: Api, settings_for: SettingsFor) -> Settings:
    return settings_for(PGDATABASE=api.settings.postgres.database, GLUE_DEMO=1)


@pytest.fixture
def elsewhere() -> str:
    """An address of this machine that other machines reach it by."""
    (address,) = lan.addresses(lan.ANY)
    try:
        with socket.socket() as tried:
            tried.bind((address, 0))
    except OSError:
        pytest.skip("this machine has no network but its own")
    if address.startswith("127."):
        pytest.skip("this machine has no network but its own")
    return address


async def test_in_demo_mode_they_open_from_this_machine_alone(api: Api, demo: Settings) -> None:
    app = create_app(demo, api.pool)
    async with caller(app, "127.0.0.1") as here:
        for role in ROLES:
            answer = await log_in(here, role)
            assert answer.json()["user"]["role"] == role
        for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
            assert is_problem(await log_in(here, "admin", **{header: "127.0.0.1"}), 401)
    async with caller(app, "127.0.0.1", "robots.example.org") as rebound:
        assert is_problem(await log_in(rebound, "admin"), 401)
    async with caller(app, "192.168.1.7") as other:
        assert is_problem(await log_in(other, "admin"), 401)
    reasons = {e["details"].get("reason", "") for e in await api.logs("auth")} - {""}
    assert reasons == {"a documented password, which opens only in demo mode on its own machine"}


async def test_a_demo_does_not_answer_other_machines(
    api: Api, demo: Settings, elsewhere: str
) -> None:
    port = probe.free_port()
    async with (
        listening(create_app(demo, api.pool), demo.glue.host, port),
        httpx.AsyncClient() as client,
    ):
        given = {"username": "admin", "password": DOCUMENTED["admin"]}
        assert (await client.post(f"http://127.0.0.1:{port}{LOGIN}", json=given)).is_success
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://{elsewhere}:{port}{LOGIN}", json=given)


async def test_a_demo_that_would_answer_other_machines_is_not_made(
    api: Api, settings_for: SettingsFor
) -> None:
    with pytest.raises(SettingsError, match="GLUE_DEMO with GLUE_HOST"):
        create_app(settings_for(GLUE_DEMO=1, GLUE_HOST="0.0.0.0"), api.pool)


async def test_an_older_installations_passwords_are_refused_from_everywhere(
    api: Api, elsewhere: str
) -> None:
    """Even where the table has their hashes, and whoever asks."""
    for role in ROLES:
        await api.rows(
            "UPDATE users SET password_hash = %(hash)s WHERE username = %(name)s",
            hash=passwords.hashed(DOCUMENTED[role]),
            name=role,
        )
    port = probe.free_port()
    async with (
        listening(create_app(api.settings, api.pool), lan.ANY, port),
        httpx.AsyncClient() as client,
    ):
        for host in ("127.0.0.1", elsewhere):
            for name, password in DOCUMENTED.items():
                given = {"username": name, "password": password}
                answer = await client.post(f"http://{host}:{port}{LOGIN}", json=given)
                assert is_problem(answer, 401)


async def test_what_a_demo_leaves_opens_nothing(api: Api, demo: Settings) -> None:
    await api.rows("DELETE FROM users")
    made = await first_users.ensure(api.pool, demo)
    assert len(made) == len(ROLES)
    async with caller(create_app(demo, api.pool), "127.0.0.1") as client:
        assert (await log_in(client, "admin")).is_success
    assert await first_users.find_documented_passwords(api.pool) == []
    async with caller(create_app(api.settings, api.pool), "127.0.0.1") as client:
        for name in DOCUMENTED:
            assert is_problem(await log_in(client, name), 401)
        secret = demo.glue.admin_password.get_secret_value()
        given = {"username": "admin", "password": secret}
        assert (await client.post(LOGIN, json=given)).is_success, "the generated one holds"


async def test_at_the_start_they_are_found_and_said(api: Api) -> None:
    assert await first_users.find_documented_passwords(api.pool) == []
    await api.rows(
        "UPDATE users SET password_hash = %(hash)s, username = 'Admin' WHERE username = 'admin'",
        hash=passwords.hashed(DOCUMENTED["admin"]),
    )
    assert await first_users.find_documented_passwords(api.pool) == ["Admin"]
    (entry,) = await api.logs("auth")
    assert entry["level"] == "ERROR"
    assert entry["details"] == {"usernames": ["Admin"]}


async def test_a_deactivated_user_is_out_in_a_demo_too(api: Api, demo: Settings) -> None:
    await api.rows("UPDATE users SET is_active = false WHERE username = 'viewer'")
    async with caller(create_app(demo, api.pool), "127.0.0.1") as client:
        assert is_problem(await log_in(client, "viewer"), 401)

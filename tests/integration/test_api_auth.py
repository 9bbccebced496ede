"""Logging in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import bcrypt
import httpx
import pytest

from glue import store
from glue.api.app import create_app
from glue.api.conventions.clients import Client
from glue.api.people import first_users
from glue.api.people.accounts import Attempt
from glue.core import passwords
from glue.core.login_throttle import ADDRESS, NAME, PAIR
from glue.core.roles import ROLES
from glue.settings import SettingsError
from tests.api import Api, is_problem
from tests.conftest import SettingsFor

LOGIN = "/api/v1/auth/login"
PASSWORD = "correct horse battery"


@pytest.fixture
async def ada(api: Api) -> str:
    return await api.add_user("Ada", "operator", passwords.hashed(PASSWORD))


async def test_json_and_form_log_in(api: Api, ada: str) -> None:
    given = {"username": "ada", "password": PASSWORD}
    by_json = await api.client.post(LOGIN, json=given)
    by_form = await api.client.post(LOGIN, data=given | {"grant_type": "password", "scope": ""})
    for answer in (by_json, by_form):
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        token = answer.json()
        assert token["token_type"] == "bearer"
        assert token["expires_in"] == api.settings.glue.jwt_ttl
        assert token["user"]["id"] == ada
        assert "password" not in str(token["user"])
        headers = {"authorization": f"Bearer {token['access_token']}"}
        me = await api.client.get("/api/v1/auth/me", headers=headers)
        assert (me.json()["username"], me.json()["role"]) == ("Ada", "operator")
    first, second = await api.logs("auth")
    assert first["message"] == second["message"] == "Ada logged in"


async def test_refusals_look_alike_and_say_why_only_in_the_log(api: Api, ada: str) -> None:
    await api.add_user("gone", "viewer", passwords.hashed(PASSWORD))
    await api.rows("UPDATE users SET is_active = false WHERE username = 'gone'")
    answers = [
        await api.client.post(LOGIN, json={"username": name, "password": password})
        for name, password in (
            ("ada", "wrong"),
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("viewer", "!"),  # a hash of no known kind
        )
    ]
    assert all(is_problem(answer, 401) for answer in answers)
    assert len({answer.text for answer in answers}) == 1
    entries = await api.logs("auth")
    assert [e["details"]["reason"] for e in entries] == [
        "wrong password",
        "no such user",
        "deactivated",
        "wrong password",
    ]
    assert {e["level"] for e in entries} == {"WARNING"}
    assert PASSWORD not in str(entries)


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
async def test_an_old_hash_is_accepted_and_renewed(api: Api, prefix: bytes) -> None:
    # Longer than the 72 bytes that bcrypt looks at, as older libraries allowed.
    password = "old secret " * 10
    old = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4))
    await api.add_user("bob", "viewer", (b"$" + prefix + old[3:]).decode())
    given = {"username": "bob", "password": password}
    assert (await api.client.post(LOGIN, json=given | {"password": "x"})).status_code == 401
    assert (await api.client.post(LOGIN, json=given)).status_code == 200
    (row,) = await api.rows("SELECT password_hash FROM users WHERE username = 'bob'")
    assert row["password_hash"].startswith("$argon2id$")
    assert (await api.client.post(LOGIN, json=given)).status_code == 200
    shorter = given | {"password": password[:72]}
    assert (await api.client.post(LOGIN, json=shorter)).status_code == 401


async def test_guessing_is_slowed_for_that_name_alone(api: Api, ada: str) -> None:
    wrong = {"username": "nobody", "password": "guess"}
    for _ in range(PAIR.free):
        assert is_problem(await api.client.post(LOGIN, json=wrong), 401)
    answer = await api.client.post(LOGIN, json=wrong)
    assert is_problem(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= PAIR.first
    right = {"username": "ada", "password": PASSWORD}
    assert (await api.client.post(LOGIN, json=right)).status_code == 200


NO_LOGINS: list[tuple[dict[str, Any], int]] = [
    ({"content": b"{"}, 415),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
    ({"content": b"\xff", "headers": {"content-type": "application/json"}}, 400),
    ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400),
    ({"json": []}, 422),
    ({"json": {"username": "a"}}, 422),
    ({"json": {"username": "a", "password": "b", "role": "admin"}}, 422),
    ({"json": {"username": "a\x00", "password": "b"}}, 422),
    ({"json": {"username": "a", "password": "b" * 257}}, 422),
    (
        {
            "content": rb'{"username":"\ud800","password":"b"}',
            "headers": {"content-type": "application/json"},
        },
        422,
    ),
    ({"data": {"username": "a", "password": "b", "grant_type": "implicit"}}, 422),
    ({"files": {"username": b"a", "password": b"b"}}, 400),
    ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
]


async def test_what_is_no_login_is_refused(api: Api) -> None:
    for more, status in NO_LOGINS:
        answer = await api.client.post(LOGIN, **more)
        assert is_problem(answer, status)
        assert "bbbb" not in answer.text, "what was sent is not repeated"


async def test_the_first_users_are_made_once_and_only_for_an_empty_table(api: Api) -> None:
    settings = api.settings
    assert await first_users.ensure(api.pool, settings) == []
    await api.rows("DELETE FROM users")
    made = await first_users.ensure(api.pool, settings)
    assert [(u.username, u.role) for u in made] == [(r, r) for r in reversed(ROLES)]
    assert await first_users.ensure(api.pool, settings) == []
    for role in ROLES:
        password = getattr(settings.glue, f"{role}_password").get_secret_value()
        given = {"username": role, "password": password}
        answer = await api.client.post(LOGIN, json=given)
        assert answer.json()["user"]["role"] == role


async def test_a_password_that_is_none_makes_no_first_user(
    api: Api, settings_for: SettingsFor
) -> None:
    await api.rows("DELETE FROM users")
    without = settings_for(GLUE_ADMIN_PASSWORD="")
    assert await first_users.ensure(api.pool, without) == []
    with pytest.raises(SettingsError, match="GLUE_ADMIN_PASSWORD"):
        await first_users.ensure(api.pool, settings_for(GLUE_ADMIN_PASSWORD="admin"))
    with pytest.raises(SettingsError, match="GLUE_VIEWER_PASSWORD"):
        await first_users.ensure(api.pool, settings_for(GLUE_VIEWER_PASSWORD="viewer123"))
    assert await api.rows("SELECT id FROM users") == []
    (admin,) = await first_users.ensure(
        api.pool, settings_for(GLUE_OPERATOR_PASSWORD="", GLUE_VIEWER_PASSWORD="")
    )
    assert admin.username == "admin"


@asynccontextmanager
async def elsewhere(
    api: Api, address: str
) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
    """``try_(name, password, **headers)`` logs in from ``address``, at the same glue."""
    transport = httpx.ASGITransport(api.app, client=(address, 5), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://glue") as client:

        async def attempt(name: str, password: str, **headers: str) -> httpx.Response:
            given = {"username": name, "password": password}
            return await client.post(LOGIN, json=given, headers=headers)

        yield attempt


async def test_a_guesser_elsewhere_locks_nobody_out(api: Api, ada: str) -> None:
    assert (await api.client.post(LOGIN, json={"username": "ada", "password": PASSWORD})).is_success
    for number in range(NAME.free // PAIR.free + 1):
        async with elsewhere(api, f"6.6.6.{number}") as guess:
            for _ in range(PAIR.free + 1):
                last = await guess("ada", "guess")
    assert is_problem(last, 429)
    given = {"username": "ada", "password": PASSWORD}
    for _ in range(3):
        wrong = {"username": "ada", "password": "typing error"}
        assert is_problem(await api.client.post(LOGIN, json=wrong), 401)
    assert (await api.client.post(LOGIN, json=given)).is_success, "where she has been before"
    async with elsewhere(api, "192.168.9.9") as fresh:
        assert (await fresh("ada", PASSWORD)).is_success, "her first try from a new address"
    folded = [e for e in await api.logs("auth") if "too many failures" in e["message"]]
    assert folded
    assert len({e["details"]["address"] for e in folded}) == len(folded), "once for each address"


async def test_an_address_that_guesses_names_waits_for_all_of_them(api: Api, ada: str) -> None:
    async with elsewhere(api, "6.6.6.6") as guess:
        # Some are forgotten meanwhile, where a processor takes its time for each.
        for number in range(ADDRESS.free * 2):
            if (await guess(f"user{number}", "guess")).status_code == 429:
                break
        assert number >= ADDRESS.free
        answer = await guess("ada", PASSWORD)
        assert is_problem(answer, 429)
        assert int(answer.headers["retry-after"]) <= ADDRESS.longest
    async with elsewhere(api, "6.6.6.7") as another:
        assert (await another("ada", PASSWORD)).is_success


async def test_forwarded_addresses_count_only_from_proxies_that_are_named(
    api: Api, ada: str, settings_for: SettingsFor
) -> None:
    async def recorded() -> str:
        entry = (await api.logs("auth"))[-1]
        return str(entry["details"]["address"])

    named = settings_for(
        PGDATABASE=api.settings.postgres.database, GLUE_TRUSTED_PROXIES="10.0.0.0/8, ::1"
    )
    through = {"x-forwarded-for": "6.6.6.6, 1.2.3.4"}
    async with elsewhere(api, "10.0.0.1") as unnamed:
        await unnamed("ada", "x", **through)
        assert await recorded() == "10.0.0.1"
    api.app = create_app(named, api.pool)
    async with elsewhere(api, "10.0.0.1") as proxy:
        await proxy("ada", "x", **through)
        assert await recorded() == "1.2.3.4"
    async with elsewhere(api, "9.9.9.9") as stranger:
        await stranger("ada", "x", **through)
        assert await recorded() == "9.9.9.9"


async def test_while_postgresql_is_away_nobody_fails(
    api: Api, ada: str, settings_for: SettingsFor
) -> None:
    keeper = api.app.state.doorkeeper
    attempt = Attempt("ada", PASSWORD, Client("1.2.3.4"))
    keeper._pool, pool = store.open_pool(settings_for(PGPORT=1).postgres), keeper._pool
    for _ in range(PAIR.free * 2):
        with pytest.raises(store.StoreUnavailable):
            await keeper.admit(attempt)
    keeper._pool = pool
    assert (await keeper.admit(attempt, "signed in to Grafana")).id == ada
    assert (await api.logs("auth"))[-1]["message"] == "Ada signed in to Grafana"

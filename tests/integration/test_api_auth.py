"""Logging in."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest

from glue.api import first_users
from glue.core import passwords
from glue.core.login_throttle import PAIR
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

"""Sessions: short access tokens, refresh tokens that rotate, and everything that ends them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from glue import store
from glue.core import passwords, token_family
from glue.store import sessions, users
from tests.api import Api, is_problem

AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("ada")


@pytest.fixture
async def ada(api: Api) -> str:
    return await api.add_user("ada", "operator", passwords.hashed(PASSWORD))


async def log_in(api: Api, **headers: str) -> dict[str, Any]:
    given = {"username": "ada", "password": PASSWORD}
    answer = await api.client.post(f"{AUTH}/login", json=given, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refresh(api: Api, token: str) -> httpx.Response:
    return await api.client.post(f"{AUTH}/refresh", json={"refresh_token": token})


async def call(api: Api, token: dict[str, Any], method: str, path: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token['access_token']}"}
    return await api.client.request(method, f"/api/v1{path}", headers=headers)


async def is_in(api: Api, token: dict[str, Any]) -> bool:
    answer = await call(api, token, "GET", "/auth/me")
    if answer.status_code == 200:
        return True
    assert is_problem(answer, 401)
    assert "invalid_token" in answer.headers["www-authenticate"]
    return False


async def age(api: Api, seconds: float) -> None:
    """As if everything of the sessions had happened earlier."""
    await api.rows(
        "UPDATE refresh_tokens SET rotated_at = rotated_at - make_interval(secs => %(s)s)",
        s=seconds,
    )


async def test_a_login_is_a_session_and_a_refresh_goes_on_with_it(api: Api) -> None:
    first = await log_in(api)
    assert first["expires_in"] == api.settings.glue.jwt_ttl == 900
    assert first["refresh_expires_in"] == api.settings.glue.session_idle
    answer = await refresh(api, first["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert await is_in(api, first)
    assert await is_in(api, second)
    (row,) = await api.rows("SELECT * FROM sessions WHERE user_id <> ''")
    assert row["ended_at"] is None


async def test_no_token_is_kept_in_the_clear(api: Api) -> None:
    token = await log_in(api)
    await refresh(api, token["refresh_token"])
    kept = str(await api.rows("SELECT * FROM refresh_tokens"))
    kept += str(await api.rows("SELECT * FROM sessions"))
    kept += str(await api.rows("SELECT * FROM system_logs"))
    for secret in (token["refresh_token"], token["access_token"], PASSWORD):
        assert secret not in kept
        assert secret[4:20] not in kept
    (row, _) = await api.rows("SELECT token_hash FROM refresh_tokens ORDER BY issued_at")
    assert row["token_hash"] == token_family.digest(token["refresh_token"])


async def test_a_lost_answer_is_had_again_within_seconds(api: Api) -> None:
    first = await log_in(api)
    lost = (await refresh(api, first["refresh_token"])).json()
    again = (await refresh(api, first["refresh_token"])).json()
    assert again["refresh_token"] == lost["refresh_token"]
    assert (await refresh(api, again["refresh_token"])).status_code == 200


async def test_two_windows_that_refresh_at_once_go_on_together(api: Api) -> None:
    first = await log_in(api)
    answers = await asyncio.gather(*(refresh(api, first["refresh_token"]) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert await is_in(api, answers[0].json())


async def test_a_refresh_token_used_twice_ends_the_session_for_thief_and_owner(api: Api) -> None:
    stolen = await log_in(api)
    other = await log_in(api)
    owners = (await refresh(api, stolen["refresh_token"])).json()
    await age(api, token_family.AGAIN_WITHIN + 1)
    assert is_problem(await refresh(api, stolen["refresh_token"]), 401)
    assert is_problem(await refresh(api, owners["refresh_token"]), 401)
    assert not await is_in(api, owners)
    assert await is_in(api, other), "another session of the same user goes on"
    (told,) = [e for e in await api.logs("auth") if "used twice" in e["message"]]
    assert told["details"]["username"] == "ada"
    assert told["level"] == "WARNING"


async def test_what_is_no_refresh_token_is_refused_and_recorded_once(api: Api) -> None:
    for _ in range(3):
        answer = await refresh(api, token_family.first())
        assert is_problem(answer, 401)
        assert answer.json()["type"] == "urn:tonypi:problem:session-over"
    assert is_problem(await refresh(api, "x" * 201), 422)
    assert is_problem(await refresh(api, "\x00"), 422)
    assert len([e for e in await api.logs("auth") if "never given out" in e["message"]]) == 1


async def test_logging_out_ends_this_session_alone(api: Api) -> None:
    here, there = await log_in(api), await log_in(api)
    answer = await call(api, here, "POST", "/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not await is_in(api, here)
    assert is_problem(await refresh(api, here["refresh_token"]), 401)
    assert await is_in(api, there)
    assert is_problem(await call(api, here, "POST", "/auth/logout"), 401)


@pytest.mark.parametrize("kind", ["browser", "script"])
async def test_a_browser_ended_from_elsewhere_is_signed_out_of_grafana(api: Api, kind: str) -> None:
    """What a script has was never a way into Grafana; a log-out is of one browser alone."""
    token = await log_in(api)
    await api.rows(
        "INSERT INTO grafana_objects (kind, name, grafana_id, user_id)"
        " SELECT 'user', 'ada', 7, id FROM users WHERE username = 'ada'"
    )

    async def asked() -> bool:
        (row,) = await api.rows("SELECT sign_out_at FROM grafana_objects WHERE name = 'ada'")
        return row["sign_out_at"] is not None

    other = await log_in(api)
    (row,) = await api.rows("SELECT id::text FROM sessions ORDER BY created_at DESC LIMIT 1")
    if kind == "browser":
        await api.rows("DELETE FROM refresh_tokens WHERE session_id::text = %(id)s", id=row["id"])
    else:
        assert (await call(api, other, "POST", "/auth/logout")).status_code == 204
        other = await log_in(api)
        (row,) = await api.rows("SELECT id::text FROM sessions ORDER BY created_at DESC LIMIT 1")
    ended = await call(api, token, "DELETE", f"/auth/sessions/{row['id']}")
    assert ended.status_code == 204
    assert await asked() == (kind == "browser")
    await call(api, token, "POST", "/auth/sessions/revoke-all")
    assert await asked()


async def test_sessions_are_listed_and_ended_one_by_one_or_all(api: Api) -> None:
    phone = await log_in(api, **{"user-agent": "phone " + "x" * 500})
    desk = await log_in(api, **{"user-agent": "desk"})
    listed = (await call(api, desk, "GET", "/auth/sessions")).json()
    assert [(s["user_agent"][:5], s["current"]) for s in listed] == [
        ("desk", True),
        ("phone", False),
    ]
    assert {s["address"] for s in listed} == {"127.0.0.1"}
    assert len(listed[1]["user_agent"]) == 200
    phones = listed[1]["id"]
    ended = await call(api, desk, "DELETE", f"/auth/sessions/{phones}")
    assert ended.status_code == 204
    assert not await is_in(api, phone)
    assert is_problem(await call(api, desk, "DELETE", f"/auth/sessions/{phones}"), 404)
    assert is_problem(await call(api, desk, "DELETE", "/auth/sessions/x"), 422)
    answer = await call(api, desk, "POST", "/auth/sessions/revoke-all")
    assert answer.json() == {"ended": 1}
    assert not await is_in(api, desk)


async def test_nobody_ends_anothers_session(api: Api) -> None:
    token = await log_in(api)
    (row,) = await api.rows("SELECT id::text FROM sessions")
    assert is_problem(await api.delete("admin", f"/auth/sessions/{row['id']}"), 404)
    assert await is_in(api, token)


async def test_who_was_idle_for_too_long_or_in_for_too_long_is_out(api: Api) -> None:
    idle = await log_in(api)
    await api.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert not await is_in(api, idle)
    assert is_problem(await refresh(api, idle["refresh_token"]), 401)
    old = await log_in(api)
    longest = api.settings.glue.session_longest
    await api.rows(
        "UPDATE sessions SET created_at = now() - make_interval(secs => %(s)s)"
        " WHERE expires_at > now()",
        s=longest - 100,
    )
    answer = await refresh(api, old["refresh_token"])
    assert 90 < answer.json()["refresh_expires_in"] <= 100
    (row,) = await api.rows(
        "SELECT extract(epoch FROM expires_at - now())::float8 AS left FROM sessions"
        " WHERE expires_at > now()"
    )
    assert 90 < row["left"] <= 100


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET password_hash = '!' WHERE username = 'ada'",
        "UPDATE users SET is_active = false WHERE username = 'ada'",
        "DELETE FROM users WHERE username = 'ada'",
    ],
)
async def test_whichever_door_a_change_comes_through_it_ends_the_sessions(
    api: Api, change: str
) -> None:
    token, others = await log_in(api), await api.token("viewer")
    await api.rows(change)
    assert not await is_in(api, token)
    assert is_problem(await refresh(api, token["refresh_token"]), 401)
    await api.rows("UPDATE users SET is_active = true WHERE username = 'ada'")
    assert not await is_in(api, token), "who is active again logs in again"
    assert await is_in(api, {"access_token": others})


async def test_a_renewed_hash_of_the_same_password_ends_nothing(api: Api) -> None:
    from pwdlib.hashers.argon2 import Argon2Hasher

    token = await log_in(api)
    weak = Argon2Hasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    async with store.transaction(api.pool) as conn:
        ada = await users.by_username(conn, "ada")
        assert ada is not None
        await users.replace_hash(conn, ada, weak)
    assert await is_in(api, token)
    await log_in(api)
    (row,) = await api.rows("SELECT password_hash FROM users WHERE username = 'ada'")
    assert row["password_hash"] != weak, "and the login renewed it"
    assert await is_in(api, token)


async def test_a_password_changed_while_it_was_being_checked_lets_nobody_in(api: Api) -> None:
    async with store.transaction(api.pool) as conn:
        checked = await users.by_username(conn, "ada")
    assert checked is not None
    await api.rows("UPDATE users SET password_hash = '!' WHERE username = 'ada'")
    life = sessions.Life(60, 60)
    async with store.transaction(api.pool) as conn:
        started = await sessions.start(
            conn, checked, token_family.first(), life, address="", user_agent=""
        )
    assert started is None


async def test_a_login_beside_a_change_of_the_password_never_outlives_it(api: Api) -> None:
    """The row of the user decides who was first: either nobody got in, or the change ended it."""
    async with store.transaction(api.pool) as conn:
        ada = await users.by_username(conn, "ada")
    assert ada is not None
    life = sessions.Life(600, 600)

    async def log_in_at_once() -> None:
        async with store.transaction(api.pool) as conn:
            refresh = token_family.first()
            await sessions.start(conn, ada, refresh, life, address="", user_agent="")
            await asyncio.sleep(random.random() / 50)

    async def change() -> None:
        async with store.transaction(api.pool) as conn:
            await asyncio.sleep(random.random() / 50)
            await users.edit(conn, ada.id, password_hash="!")

    await asyncio.gather(*(log_in_at_once() for _ in range(5)), change())
    assert await api.rows("SELECT id FROM sessions WHERE ended_at IS NULL") == []


async def test_what_is_long_over_is_forgotten_at_the_next_login(api: Api) -> None:
    await log_in(api)
    await api.rows(
        "UPDATE sessions SET ended_at = now() - interval '91 days', end_reason = 'logged out'"
    )
    await log_in(api)
    assert len(await api.rows("SELECT id FROM sessions")) == 1
    assert len(await api.rows("SELECT token_hash FROM refresh_tokens")) == 1


async def test_an_address_counts_as_known_after_a_login_from_it(api: Api) -> None:
    async def known(name: str, address: str) -> bool:
        async with store.transaction(api.pool) as conn:
            return await sessions.known_address(conn, name, address)

    assert not await known("ada", "127.0.0.1")
    await log_in(api)
    assert await known("ADA", "127.0.0.1")
    assert not await known("ada", "1.2.3.4")
    assert not await known("nobody", "127.0.0.1")


async def test_one_user_has_so_many_sessions_and_no_more(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    first, second, third = [await log_in(api) for _ in range(3)]
    assert [await is_in(api, token) for token in (first, second, third)] == [False, True, True]
    assert await is_in(api, {"access_token": await api.token("viewer")})

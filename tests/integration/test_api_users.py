"""Users: kept by admins, the last of whom stays; everybody keeps one's own password."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from glue import store
from glue.core import passwords
from glue.core.login_throttle import PAIR
from glue.store import users
from tests.api import Api, is_problem

LOGIN = "/api/v1/auth/login"
PASSWORD = "correct horse battery"


async def log_in(api: Api, name: str, password: str) -> httpx.Response:
    return await api.client.post(LOGIN, json={"username": name, "password": password})


async def add(api: Api, name: str, **more: Any) -> dict[str, Any]:
    body = {"username": name, "email": f"{name}@example.com", **more}
    answer = await api.post("admin", "/users", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_user_is_added_with_a_generated_password_shown_once(api: Api) -> None:
    made = await add(api, "Ada", role="operator")
    assert made["role"] == "operator"
    assert (await log_in(api, "ada", made["password"])).status_code == 200
    answer = await api.get("admin", f"/users/{made['id']}")
    assert answer.json() == {k: v for k, v in made.items() if k != "password"}
    assert answer.headers["etag"]
    kept = str(await api.rows("SELECT * FROM users")) + str(await api.logs("auth"))
    assert made["password"] not in kept
    assert made["password"] not in str(await api.rows("SELECT * FROM idempotency_keys"))


async def test_a_user_is_added_with_a_given_password_which_is_not_repeated(api: Api) -> None:
    made = await add(api, "bob", password=PASSWORD)
    assert made["role"] == "viewer"
    assert made["password"] is None
    assert (await log_in(api, "bob", PASSWORD)).status_code == 200
    (entry,) = [e for e in await api.logs("auth") if "added user bob" in e["message"]]
    assert entry["details"]["by"] == "admin"
    assert PASSWORD not in str(entry)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "x"},
        {"username": "", "email": "a@b"},
        {"username": " x", "email": "a@b"},
        {"username": "x\u0007", "email": "a@b"},
        {"username": "a@b", "email": "a@b"},
        {"username": "token:x", "email": "a@b"},
        {"username": "x" * 51, "email": "a@b"},
        {"username": "x", "email": "a"},
        {"username": "x", "email": "a@b@c"},
        {"username": "x", "email": "a b@c"},
        {"username": "x", "email": "\u00a0@c"},
        {"username": "x", "email": "a" * 100 + "@b"},
        {"username": "x", "email": "a@b", "role": "root"},
        {"username": "x", "email": "a@b", "password": "short"},
        {"username": "x", "email": "a@b", "password": "operator123"},
        {"username": "correct", "email": "a@b", "password": PASSWORD},
        {"username": "x", "email": "a@b", "is_active": False},
        {"username": "x", "email": "a@b", "password_hash": "!"},
    ],
)
async def test_who_makes_no_sense_is_not_added(api: Api, body: dict[str, Any]) -> None:
    assert is_problem(await api.post("admin", "/users", body), 422)
    assert len(await api.rows("SELECT id FROM users")) == 3


async def test_names_and_addresses_are_unique_whatever_their_case(api: Api) -> None:
    ada = await add(api, "ada")
    for taken in (
        {"username": "ADA", "email": "new@example.com"},
        {"username": "new", "email": "Ada@Example.com"},
    ):
        assert is_problem(await api.post("admin", "/users", taken), 409)
        bob = (await api.rows("SELECT id FROM users WHERE username = 'viewer'"))[0]["id"]
        one = {k: v for k, v in taken.items() if "new" not in v}
        assert is_problem(await api.patch("admin", f"/users/{bob}", one), 409)
    itself = await api.patch("admin", f"/users/{ada['id']}", {"username": "Ada"})
    assert itself.json()["username"] == "Ada"


async def test_of_many_who_add_the_same_name_at_once_one_does(api: Api) -> None:
    body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(api.post("admin", "/users", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_users_are_listed_filtered_sorted_and_paged(api: Api) -> None:
    for number in range(12):
        await api.add_user(f"user{number:02}", "viewer")
    await api.rows("UPDATE users SET is_active = false WHERE username = 'user03'")
    names, cursor = [], None
    while True:
        page = (await api.get("admin", "/users", limit=4, **_with(cursor=cursor))).json()
        names += [user["username"] for user in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == sorted(names)
    assert len(names) == 15

    async def found(**params: Any) -> list[str]:
        answer = await api.call("admin", "GET", "/api/v1/users", params=params)
        assert answer.status_code == 200, answer.text
        return [user["username"] for user in answer.json()["items"]]

    assert await found(role="admin") == ["admin"]
    assert await found(role=["admin", "operator"], sort="-username") == ["operator", "admin"]
    assert await found(is_active="false") == ["user03"]
    assert await found(text="ER1") == ["user10", "user11"]
    assert (await found(sort="-role,username"))[:3] == ["admin", "operator", "user00"]
    assert is_problem(await api.get("admin", "/users", sort="password_hash"), 422)
    assert "hash" not in (await api.get("admin", "/users")).text


def _with(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


async def test_a_change_counts_at_once_and_says_who_made_it(api: Api) -> None:
    viewer = api.users["viewer"]
    assert is_problem(await api.post("viewer", "/robots", {"robot_id": "r9"}), 403)
    body = {"role": "operator", "email": "v@example.com"}
    changed = await api.patch("admin", f"/users/{viewer}", body)
    assert changed.json() | body == changed.json()
    assert (await api.post("viewer", "/robots", {"robot_id": "r9"})).status_code == 201
    entry = (await api.logs("auth"))[-1]
    assert entry["message"] == "admin changed user viewer"
    assert entry["details"]["changes"] == {
        "role": ["viewer", "operator"],
        "email": ["viewer@example.org", "v@example.com"],
    }


async def test_nobody_overwrites_what_somebody_else_changed(api: Api) -> None:
    path = f"/users/{api.users['viewer']}"
    seen = (await api.get("admin", path)).headers["etag"]
    headers = {"if-match": seen}
    first = await api.call(
        "admin", "PATCH", f"/api/v1{path}", json={"role": "operator"}, headers=headers
    )
    assert first.status_code == 200
    late = await api.call(
        "admin", "PATCH", f"/api/v1{path}", json={"role": "admin"}, headers=headers
    )
    assert is_problem(late, 412)
    assert late.headers["etag"] == first.headers["etag"] != seen
    late = await api.call("admin", "POST", f"/api/v1{path}/deactivate", headers=headers)
    assert is_problem(late, 412)


async def test_deactivation_ends_everything_and_activation_revives_nothing(api: Api) -> None:
    made = await add(api, "ada", password=PASSWORD)
    session = (await log_in(api, "ada", PASSWORD)).json()
    path = f"/users/{made['id']}"
    answer = await api.post("admin", f"{path}/deactivate")
    assert answer.json()["is_active"] is False
    headers = bearer(session["access_token"])
    me = "/api/v1/auth/me"
    assert is_problem(await api.client.get(me, headers=headers), 401)
    assert is_problem(await log_in(api, "ada", PASSWORD), 401)
    async with store.transaction(api.pool) as conn:
        assert not await users.is_active(conn, made["id"])
    assert (await api.post("admin", f"{path}/activate")).json()["is_active"] is True
    assert is_problem(await api.client.get(me, headers=headers), 401)
    assert (await log_in(api, "ada", PASSWORD)).status_code == 200
    before = len(await api.logs("auth"))
    assert (await api.post("admin", f"{path}/activate")).status_code == 200
    assert len(await api.logs("auth")) == before, "what changes nothing is not recorded"


async def test_a_reset_gives_another_password_and_ends_the_sessions(api: Api) -> None:
    made = await add(api, "ada", password=PASSWORD)
    session = (await log_in(api, "ada", PASSWORD)).json()
    answer = await api.post("admin", f"/users/{made['id']}/reset-password")
    assert answer.headers["cache-control"] == "no-store"
    generated = answer.json()["password"]
    assert len(generated) >= 16
    assert is_problem(
        await api.client.get("/api/v1/auth/me", headers=bearer(session["access_token"])), 401
    )
    assert is_problem(await log_in(api, "ada", PASSWORD), 401)
    assert (await log_in(api, "ada", generated)).status_code == 200
    given = {"password": "another long phrase"}
    answer = await api.post("admin", f"/users/{made['id']}/reset-password", given)
    assert answer.json() == {"password": None}
    assert (await log_in(api, "ada", given["password"])).status_code == 200
    weak = {"password": "ada is my name"}
    assert is_problem(await api.post("admin", f"/users/{made['id']}/reset-password", weak), 422)
    assert is_problem(await api.post("admin", "/users/nobody/reset-password"), 404)


async def test_the_last_active_admin_stays(api: Api) -> None:
    path = f"/users/{api.users['admin']}"
    for refused in (
        await api.patch("admin", path, {"role": "operator"}),
        await api.post("admin", f"{path}/deactivate"),
    ):
        assert is_problem(refused, 409)
        assert refused.json()["type"] == "urn:tonypi:problem:last-admin"
    await api.add_user("second", "admin")
    assert (await api.patch("admin", path, {"role": "operator"})).status_code == 200


@pytest.mark.parametrize("deed", ["demote", "deactivate"])
async def test_of_admins_who_remove_each_other_at_once_one_stays(api: Api, deed: str) -> None:
    everybody = [api.users["admin"]] + [
        await api.add_user(f"admin{number}", "admin") for number in range(5)
    ]

    async def remove(user_id: str) -> int:
        values: dict[str, Any] = {"demote": {"role": "viewer"}, "deactivate": {"is_active": False}}[
            deed
        ]
        try:
            async with store.transaction(api.pool) as conn:
                await users.edit(conn, user_id, **values)
                await asyncio.sleep(0.02)
        except users.LastAdmin:
            return 0
        return 1

    gone = sum(await asyncio.gather(*map(remove, everybody)))
    assert gone == len(everybody) - 1
    left = await api.rows("SELECT id FROM users WHERE role = 'admin' AND is_active")
    assert len(left) == 1


async def test_plain_sql_cannot_remove_all_admins_either(api: Api) -> None:
    import psycopg

    await api.add_user("second", "admin")
    with pytest.raises(psycopg.errors.CheckViolation, match="last active admin"):
        await api.rows("UPDATE users SET is_active = false")


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_everybody_sees_oneself(api: Api, role: str) -> None:
    me = await api.get(role, "/users/me")
    assert me.json()["username"] == role
    assert me.headers["etag"]


@pytest.mark.parametrize(
    "wanted",
    [{"email": "me@home.example"}, {"role": "admin"}, {"username": "root"}, {"is_active": True}],
)
async def test_nobody_but_an_admin_changes_who_one_is(api: Api, wanted: dict[str, Any]) -> None:
    """By its address Grafana knows whom it lets in: who changes the own one could be somebody."""
    before = await api.rows("SELECT * FROM users ORDER BY id")
    for role in ("viewer", "operator"):
        for path in ("/users/me", f"/users/{api.users[role]}"):
            assert is_problem(await api.patch(role, path, wanted), 403)
    assert await api.rows("SELECT * FROM users ORDER BY id") == before


async def test_ones_own_password_is_changed_with_the_old_one(api: Api) -> None:
    await api.add_user("ada", "viewer", passwords.hashed(PASSWORD))
    here = (await log_in(api, "ada", PASSWORD)).json()
    there = (await log_in(api, "ada", PASSWORD)).json()
    path = "/api/v1/users/me/password"
    new = "another long phrase"

    async def change(old: str, to: str) -> httpx.Response:
        body = {"old_password": old, "new_password": to}
        headers = bearer(here["access_token"])
        return await api.client.post(path, json=body, headers=headers)

    wrong = await change("wrong", new)
    assert is_problem(wrong, 422)
    assert wrong.json()["errors"][0]["where"] == "body.old_password"
    assert is_problem(await change(PASSWORD, "short"), 422)
    assert is_problem(await change(PASSWORD, "ada ada ada ada1"), 422)
    answer = await change(PASSWORD, new)
    assert answer.status_code == 200, answer.text
    me = "/api/v1/auth/me"
    for old in (here, there):
        assert is_problem(await api.client.get(me, headers=bearer(old["access_token"])), 401)
    fresh = bearer(answer.json()["access_token"])
    assert (await api.client.get(me, headers=fresh)).json()["username"] == "ada"
    assert is_problem(await log_in(api, "ada", PASSWORD), 401)
    assert (await log_in(api, "ada", new)).status_code == 200


async def test_a_stolen_session_cannot_guess_the_password(api: Api) -> None:
    body = {"old_password": "guess", "new_password": "another long phrase"}
    answers = [await api.post("viewer", "/users/me/password", body) for _ in range(PAIR.free + 1)]
    assert [answer.status_code for answer in answers] == [422] * PAIR.free + [429]


async def test_a_user_who_is_not_there(api: Api) -> None:
    for method, path in (
        ("GET", "/users/nobody"),
        ("PATCH", "/users/nobody"),
        ("POST", "/users/nobody/deactivate"),
        ("POST", "/users/nobody/activate"),
    ):
        more = {"json": {}} if method == "PATCH" else {}
        assert is_problem(await api.call("admin", method, f"/api/v1{path}", **more), 404)


async def test_users_as_a_file_without_passwords(api: Api) -> None:
    assert is_problem(await api.get("operator", "/users/export"), 403)
    text = (await api.get("admin", "/users/export", text="viewer@")).text
    head, row = text.lstrip("\ufeff").splitlines()
    assert "password" not in head
    assert row.split(",")[1] == "viewer"


async def test_a_password_is_not_reset_over_somebody_elses_change(api: Api) -> None:
    path = f"/users/{api.users['viewer']}"
    stale = {"if-match": (await api.get("admin", path)).headers["etag"]}
    await api.patch("admin", path, {"email": "new@example.org"})
    reset = f"/api/v1{path}/reset-password"
    assert is_problem(await api.call("admin", "POST", reset, headers=stale), 412)
    now = {"if-match": (await api.get("admin", path)).headers["etag"]}
    assert (await api.call("admin", "POST", reset, headers=now)).status_code == 200

"""Tokens of machines: within their scopes, within their role, for as long as they hold."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from glue import store
from glue.core.scopes import LEAST, SCOPES, SESSION
from glue.core.token_family import digest
from glue.store import migrations, users
from tests.api import Api, is_problem
from tests.integration.test_api_access import EXAMPLES, operations

ME = "/api/v1/auth/me"


async def make(api: Api, role: str = "admin", **body: Any) -> dict[str, Any]:
    answer = await api.post(role, "/tokens", {"name": "ci", "scopes": ["read"], **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def call(api: Api, token: str, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return await api.client.request(method, path, headers=headers, **more)


async def test_a_token_is_shown_once_and_kept_as_a_hash(api: Api) -> None:
    made = await make(api, "viewer")
    token = made["token"]
    assert token.startswith("tpi_")
    assert len(token) == 47
    shown = (await api.get("viewer", f"/tokens/{made['id']}")).json()
    assert shown == {k: v for k, v in made.items() if k != "token"}
    assert token.startswith(shown["hint"])
    (row,) = await api.rows("SELECT * FROM machine_tokens")
    assert row["token_hash"] == digest(token)
    everything = str(row) + str(await api.logs("auth"))
    assert token not in everything
    assert token[12:] not in everything
    (entry,) = await api.logs("auth")
    assert entry["message"] == "viewer made the token ci"


async def test_who_calls_with_ones_own_token_is_oneself_within_its_scopes(api: Api) -> None:
    token = (await make(api, "operator", scopes=["read"]))["token"]
    me = (await call(api, token, "GET", ME)).json()
    assert (me["username"], me["role"], me["scopes"]) == ("operator", "operator", ["read"])
    assert (await call(api, token, "GET", "/api/v1/robots")).status_code == 200
    refused = await call(api, token, "POST", "/api/v1/robots", json={"robot_id": "r9"})
    assert is_problem(refused, 403)
    assert refused.json()["type"] == "urn:tonypi:problem:out-of-scope"
    assert "robots:write" in refused.json()["detail"]
    wider = (await make(api, "operator", name="wider", scopes=["robots:write"]))["token"]
    made = await call(api, wider, "POST", "/api/v1/robots", json={"robot_id": "r9"})
    assert made.status_code == 201
    assert is_problem(await call(api, wider, "GET", "/api/v1/robots"), 403)


async def test_a_new_role_of_its_user_counts_for_the_token_too(api: Api) -> None:
    token = (await make(api, "operator", scopes=["robots:write"]))["token"]
    await api.rows("UPDATE users SET role = 'viewer' WHERE username = 'operator'")
    assert is_problem(
        await call(api, token, "POST", "/api/v1/robots", json={"robot_id": "r9"}), 403
    )


async def test_a_machines_own_token_has_a_role_of_its_own(api: Api) -> None:
    made = await make(api, for_machine=True, scopes=["read", "alerts:write"])
    assert (made["role"], made["username"], made["created_by"]) == ("operator", None, "admin")
    me = (await call(api, made["token"], "GET", ME)).json()
    assert (me["username"], me["role"]) == ("token:ci", "operator")
    alert = await api.add_alert()
    path = f"/api/v1/alerts/{alert}/acknowledge"
    assert (await call(api, made["token"], "POST", path)).status_code == 200
    (row,) = await api.rows("SELECT acknowledged_by FROM alerts")
    assert row["acknowledged_by"] == "token:ci"
    await api.rows("UPDATE users SET is_active = false WHERE username <> 'admin'")
    assert (await call(api, made["token"], "GET", ME)).status_code == 200


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("viewer", {"scopes": ["robots:write"]}, 422),
    ("operator", {"scopes": ["users:admin"]}, 422),
    ("operator", {"scopes": ["read"], "for_machine": True}, 403),
    ("admin", {"scopes": ["users:admin"], "for_machine": True, "role": "operator"}, 422),
    ("admin", {"scopes": ["read"], "role": "viewer"}, 422),
    ("admin", {"scopes": []}, 422),
    ("admin", {"scopes": [SESSION]}, 422),
    ("admin", {"scopes": ["everything"]}, 422),
    ("admin", {"scopes": ["read"], "name": ""}, 422),
    ("admin", {"scopes": ["read"], "name": " x"}, 422),
    ("admin", {"scopes": ["read"], "name": "x" * 41}, 422),
    ("admin", {"scopes": ["read"], "expires_in_days": 0}, 422),
    ("admin", {"scopes": ["read"], "expires_in_days": 99999}, 422),
]


@pytest.mark.parametrize(("role", "body", "status"), REFUSED)
async def test_what_goes_beyond_is_not_made(
    api: Api, role: str, body: dict[str, Any], status: int
) -> None:
    answer = await api.post(role, "/tokens", {"name": "ci", **body})
    assert is_problem(answer, status)
    assert await api.rows("SELECT id FROM machine_tokens") == []


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("UPDATE machine_tokens SET expires_at = now() - interval '1 second'", "expired"),
        ("UPDATE machine_tokens SET revoked_at = now(), revoked_by = 'x'", "revoked"),
        ("UPDATE users SET is_active = false WHERE username = 'viewer'", "revoked"),
        ("DELETE FROM users WHERE username = 'viewer'", "not known here"),
        ("DELETE FROM machine_tokens", "not known here"),
    ],
)
async def test_a_token_that_is_over_is_refused_with_the_reason(
    api: Api, end: str, reason: str
) -> None:
    token = (await make(api, "viewer"))["token"]
    assert (await call(api, token, "GET", ME)).status_code == 200
    await api.rows(end)
    for _ in range(3):
        answer = await call(api, token, "GET", ME)
        assert is_problem(answer, 401)
        assert reason in answer.json()["detail"]
    told = [e for e in await api.logs("auth") if e["message"].startswith("refused")]
    assert len(told) == 1
    assert reason in told[0]["message"]
    assert told[0]["details"]["address"] == "127.0.0.1"
    await api.rows("UPDATE users SET is_active = true")
    assert is_problem(await call(api, token, "GET", ME), 401)


FORMER = {
    "deactivated": "UPDATE users SET is_active = false WHERE username = 'second'",
    "demoted": "UPDATE users SET role = 'operator' WHERE username = 'second'",
    "removed": "DELETE FROM users WHERE username = 'second'",
    "renamed first": "UPDATE users SET username = 'other' WHERE username = 'second';"
    " UPDATE users SET is_active = false WHERE username = 'other'",
    "at once": "UPDATE users SET username = 'other', role = 'viewer' WHERE username = 'second'",
}


@pytest.mark.parametrize("end", FORMER.values(), ids=FORMER)
async def test_a_machines_token_is_over_when_its_maker_is_no_admin_any_more(
    api: Api, end: str
) -> None:
    """The maker has seen it, and could go on with it."""
    api.users["second"] = await api.add_user("second", "admin")
    theirs = [await make(api, "second", for_machine=True, name=name) for name in ("ci", "Backup")]
    others = await make(api, "admin", for_machine=True, name="stays")
    for statement in end.split(";"):
        await api.rows(statement)
    for made in theirs:
        answer = await call(api, made["token"], "GET", ME)
        assert is_problem(answer, 401)
        assert "revoked" in answer.json()["detail"]
    assert (await call(api, others["token"], "GET", ME)).status_code == 200
    (entry,) = [log for log in await api.logs("auth") if log["message"].startswith("revoked")]
    assert entry["level"] == "WARNING"
    assert entry["details"]["tokens"] == ["Backup", "ci"]
    assert entry["details"]["user_id"] == api.users["second"]


async def test_a_machines_token_stays_with_its_maker_whatever_the_name(api: Api) -> None:
    """Who gets a name after somebody is not taken for the maker of that one's tokens."""
    api.users["second"] = await api.add_user("second", "admin")
    made = await make(api, "second", for_machine=True)
    await api.rows(
        "UPDATE users SET username = 'other', email = 'other@example.org' WHERE username = 'second'"
    )
    await api.add_user("second", "admin")
    await api.rows("UPDATE users SET is_active = false WHERE username = 'second'")
    assert (await call(api, made["token"], "GET", ME)).status_code == 200
    assert (await api.get("admin", f"/tokens/{made['id']}")).json()["created_by"] == "other"


async def test_an_upgrade_revokes_what_former_admins_have_left(api: Api) -> None:
    api.users["second"] = await api.add_user("second", "admin")
    former = await make(api, "second", for_machine=True)
    others = await make(api, "admin", for_machine=True, name="stays")
    for statement in (
        "ALTER TABLE users DISABLE TRIGGER users_80_tokens_made",
        "UPDATE users SET role = 'viewer' WHERE username = 'second'",
        "ALTER TABLE users ENABLE TRIGGER users_80_tokens_made",
    ):
        await api.rows(statement)
    migration = (migrations.FOLDER / "0016_tokens_of_former_admins.sql").read_text("utf-8")
    await api.rows(migration[migration.rindex("SELECT revoke_tokens_made_by") :])
    assert is_problem(await call(api, former["token"], "GET", ME), 401)
    assert (await call(api, others["token"], "GET", ME)).status_code == 200


async def test_what_is_no_demotion_leaves_machines_tokens(api: Api) -> None:
    api.users["second"] = await api.add_user("second", "admin")
    made = await make(api, "second", for_machine=True)
    for change in ("password_hash = 'x'", "email = 'x@example.org'", "updated_at = now()"):
        await api.rows(f"UPDATE users SET {change} WHERE username = 'second'")
    assert (await call(api, made["token"], "GET", ME)).status_code == 200


async def test_a_deactivation_counts_the_machines_tokens_that_end_with_it(api: Api) -> None:
    second = api.users["second"] = await api.add_user("second", "admin")
    for name in ("ci", "backup"):
        await make(api, "second", for_machine=True, name=name)
    await make(api, "second", name="own")
    path = f"/users/{second}"
    answer = await api.post("admin", f"{path}/deactivate")
    assert answer.status_code == 200
    assert answer.json()["machine_tokens_revoked"] == 2
    assert answer.headers["etag"] == (await api.get("admin", path)).headers["etag"]
    (entry,) = [log for log in await api.logs("auth") if log["message"].startswith("revoked")]
    assert entry["details"]["by"] == "admin"
    assert (await api.post("admin", f"{path}/deactivate")).json()["machine_tokens_revoked"] == 0
    await api.post("admin", f"{path}/activate")
    left = await api.rows("SELECT id FROM machine_tokens WHERE revoked_at IS NULL")
    assert left == [], "activation revives nothing"


async def test_who_is_demoted_while_making_a_token_leaves_none(api: Api) -> None:
    api.users["second"] = await api.add_user("second", "admin")
    body = {"name": "ci", "scopes": ["read"], "for_machine": True}
    async with store.transaction(api.pool) as conn:
        await users.edit(conn, api.users["second"], role="viewer")
        making = asyncio.create_task(api.post("second", "/tokens", body))
        await asyncio.sleep(0.5)
    assert is_problem(await making, 403)
    assert await api.rows("SELECT id FROM machine_tokens WHERE revoked_at IS NULL") == []


async def test_a_changed_password_leaves_ones_tokens(api: Api) -> None:
    token = (await make(api, "viewer"))["token"]
    await api.rows("UPDATE users SET password_hash = '!!' WHERE username = 'viewer'")
    assert (await call(api, token, "GET", ME)).status_code == 200


async def test_the_last_use_is_written_at_most_once_a_minute(api: Api) -> None:
    token = (await make(api, "viewer"))["token"]

    async def last_used() -> Any:
        return (await api.rows("SELECT last_used_at FROM machine_tokens"))[0]["last_used_at"]

    assert await last_used() is None
    await call(api, token, "GET", ME)
    first = await last_used()
    assert first is not None
    for _ in range(5):
        await call(api, token, "GET", ME)
    assert await last_used() == first
    await api.rows("UPDATE machine_tokens SET last_used_at = now() - interval '61 seconds'")
    await call(api, token, "GET", ME)
    assert await last_used() > first


async def test_everybody_sees_and_revokes_ones_own_and_an_admin_all(api: Api) -> None:
    mine = await make(api, "viewer", name="mine")
    theirs = await make(api, "operator", name="theirs")
    machines = await make(api, "admin", name="machine", for_machine=True)

    async def names(role: str, **params: Any) -> list[str]:
        found = (await api.get(role, "/tokens", sort="name", **params)).json()["items"]
        return [token["name"] for token in found]

    assert await names("viewer") == ["mine"]
    assert await names("admin") == ["machine", "mine", "theirs"]
    assert await names("admin", mine=True) == []
    for token in (theirs, machines):
        assert is_problem(await api.get("viewer", f"/tokens/{token['id']}"), 404)
        assert is_problem(await api.delete("viewer", f"/tokens/{token['id']}"), 404)
    assert (await api.delete("viewer", f"/tokens/{mine['id']}")).status_code == 204
    assert is_problem(await call(api, mine["token"], "GET", ME), 401)
    assert is_problem(await api.delete("viewer", f"/tokens/{mine['id']}"), 404)
    assert (await api.delete("admin", f"/tokens/{theirs['id']}")).status_code == 204
    assert await names("admin") == ["machine"]
    assert (await api.logs("auth"))[-1]["message"] == "admin revoked the token theirs"


async def test_a_name_is_taken_until_its_token_is_revoked(api: Api) -> None:
    made = await make(api, "viewer")
    taken = {"name": "CI", "scopes": ["read"]}
    assert is_problem(await api.post("viewer", "/tokens", taken), 409)
    assert (await api.post("operator", "/tokens", taken)).status_code == 201
    assert (await api.delete("viewer", f"/tokens/{made['id']}")).status_code == 204
    assert (await api.post("viewer", "/tokens", taken)).status_code == 201


async def test_a_lost_answer_is_not_made_twice_nor_shown_again(api: Api) -> None:
    body = {"name": "ci", "scopes": ["read"]}
    headers = {"idempotency-key": "once"}
    path = "/api/v1/tokens"
    first = await api.call("viewer", "POST", path, json=body, headers=headers)
    again = await api.call("viewer", "POST", path, json=body, headers=headers)
    assert first.status_code == 201
    assert is_problem(again, 409)
    assert len(await api.rows("SELECT id FROM machine_tokens")) == 1
    kept = str(await api.rows("SELECT * FROM idempotency_keys"))
    assert first.json()["token"] not in kept


async def test_every_route_lets_a_token_in_for_its_scope_alone(api: Api) -> None:
    """An admin's tokens, one a scope: out of its scope each is refused, on every route."""
    tokens = {s: (await make(api, name=s, scopes=[s]))["token"] for s in SCOPES}
    document = (await api.client.get("/openapi.json")).json()
    seen: set[str] = set()
    for method, path, operation in operations(document):
        needed = operation.get("x-scope")
        if needed is None:
            continue
        seen.add(needed)
        other = "read" if needed != "read" else "sync"
        body = {"json": {}} if "requestBody" in operation else {}
        filled = path.format(**EXAMPLES)
        said = f"{method} {path} takes {needed}"
        assert (await call(api, tokens[other], method, filled, **body)).status_code == 403, said
        if needed == SESSION:
            for token in tokens.values():
                answer = await call(api, token, method, filled, **body)
                assert answer.status_code == 403, said
        elif method != "GET":
            answer = await call(api, tokens[needed], method, filled, **body)
            assert answer.status_code not in (401, 403, 500), f"{said}: {answer.text}"
    assert seen >= {"read", SESSION, "robots:write", "alerts:write", "users:admin"}
    assert seen <= {*LEAST, SESSION}


async def test_a_token_has_a_tag_by_which_it_is_revoked(api: Api) -> None:
    made = await api.post("admin", "/tokens", {"name": "m", "scopes": ["read"]})
    path = f"/tokens/{made.json()['id']}"
    tag = (await api.get("admin", path)).headers["etag"]
    stale = {"if-match": '"another"'}
    assert is_problem(await api.call("admin", "DELETE", f"/api/v1{path}", headers=stale), 412)
    done = await api.call("admin", "DELETE", f"/api/v1{path}", headers={"if-match": tag})
    assert done.status_code == 204

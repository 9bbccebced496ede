"""Who may call what: every route of the OpenAPI document, by everybody."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from fastapi import APIRouter

from glue.api.conventions import access
from glue.api.people import tokens
from glue.core.roles import ROLES
from glue.core.scopes import SCOPES, SESSION
from tests.api import Api, is_problem

DOCUMENTATION = {"/docs", "/docs/oauth2-redirect", "/docs/assets", "/openapi.json"}
SOME_ID = "00000000-0000-4000-8000-000000000000"
BY_UUID = dict.fromkeys(("session_id", "user_id", "token_id", "command_id"), SOME_ID)
EXAMPLES = {"robot_id": "tonypi_01", "metric": "cpu", "alert_id": "1", "job_id": "1", **BY_UUID}
EXAMPLES |= {"log_id": "1", "report_id": "1", "target_id": "1", "route_id": "1"}
EXAMPLES |= {"mute_id": "1", "group": "hall-2", "window_id": "1"}
EXAMPLES |= {"schedule_id": "1", "token": "x"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_route_does_to_everybody_what_it_declares(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    seen = 0
    for method, path, operation in operations(document):
        if (method, path) in access.PUBLIC:
            assert operation.get("x-roles", []) == []
            continue
        assert operation["x-scope"] in (*SCOPES, SESSION), f"{method} {path}"
        roles = operation["x-roles"]
        assert roles, f"{method} {path} is for nobody and not listed as public"
        for role in (None, *ROLES):
            body = {"json": {}} if "requestBody" in operation else {}
            api.sessions.clear()  # some routes end the session
            answer = await api.call(role, method, path.format(**EXAMPLES), **body)
            said = f"{method} {path} as {role}: {answer.status_code} {answer.text}"
            if role is None:
                assert answer.status_code == 401, said
            elif role not in roles:
                assert answer.status_code == 403, said
            else:
                # Here is no broker, nothing is followed for streams (which have no end to wait
                # for), and no command that moves a robot is confirmed.
                without = {503} if path.endswith(("/emergency-stop", "/live")) else {428}
                assert answer.status_code in {200, 201, 204, 404, 409, 422} | without, said
            seen += 1
    assert seen >= 4 * 14


async def test_a_parameter_that_a_route_does_not_have_is_refused(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    seen = 0
    for method, path, operation in operations(document):
        if not path.startswith(access.PREFIX):
            continue
        known = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        # A ticket is instead of a token, and looked at first.
        asked = dict.fromkeys([*known, "nonsense"], "x")
        asked.pop("ticket", None)
        api.sessions.clear()  # some routes end the session
        answer = await api.call("admin", method, path.format(**EXAMPLES), params=asked)
        assert is_problem(answer, 422), f"{method} {path}"
        (error,) = answer.json()["errors"]
        assert error["where"] == "query.nonsense", f"{method} {path}"
        assert "422" in operation["responses"], f"{method} {path}"
        seen += 1
    assert seen > 80


async def test_the_parameter_that_was_meant_is_suggested(api: Api) -> None:
    answer = await api.get("viewer", "/alerts", severty="critical", severity="critical")
    (error,) = answer.json()["errors"]
    assert error == {
        "where": "query.severty",
        "why": "no parameter here; did you mean severity?",
    }
    assert (await api.client.get("/healthz", params={"t": "1"})).status_code == 200


async def test_no_route_is_outside_of_the_document_but_the_documentation(api: Api) -> None:
    documented = {path for _, path, _ in operations((await api.client.get("/openapi.json")).json())}
    served = set()
    for route in api.app.routes:
        effective = getattr(route, "effective_route_contexts", None)
        served |= {r.path for r in effective()} if effective else {route.path}  # type: ignore[attr-defined]
    assert served - documented == DOCUMENTATION
    assert {path for _, path in access.PUBLIC} <= documented


def test_a_route_that_does_not_say_who_may_call_it_cannot_be_made() -> None:
    router: APIRouter = access.router("test")
    with pytest.raises(TypeError, match="who may call"):

        @router.get("/open")
        async def open_to_all() -> None:
            return None


async def test_a_refusal_is_recorded_once_a_minute(api: Api) -> None:
    for _ in range(3):
        assert is_problem(await api.post("viewer", "/robots", {"robot_id": "r9"}), 403)
    (entry,) = await api.logs("auth")
    assert entry["level"] == "WARNING"
    assert entry["details"] == {
        "username": "viewer",
        "role": "viewer",
        "takes": "operator",
        "address": "127.0.0.1",
    }


async def test_who_has_no_token_is_recorded_once_a_minute(api: Api) -> None:
    for path in ("/robots", "/robots", "/alerts"):
        assert is_problem(await api.get(None, path), 401)
    (entry,) = await api.logs("auth")
    assert entry["level"] == "INFO"
    assert entry["details"] == {"address": "127.0.0.1", "asked": "GET /api/v1/robots"}


async def test_deactivation_and_a_new_role_count_at_once(api: Api) -> None:
    assert (await api.get("operator", "/auth/me")).json()["role"] == "operator"
    await api.rows("UPDATE users SET role = 'viewer' WHERE username = 'operator'")
    # The token still says operator.
    assert is_problem(await api.post("operator", "/alerts/1/resolve"), 403)
    await api.rows("UPDATE users SET is_active = false WHERE username = 'operator'")
    assert is_problem(await api.get("operator", "/auth/me"), 401)
    await api.rows("DELETE FROM users WHERE username = 'operator'")
    assert is_problem(await api.get("operator", "/auth/me"), 401)


def forged(api: Api, secret: str | None = None, drop: str = "", **other: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "sub": api.users["admin"],
        "sid": api.sessions["admin"],
        "role": "admin",
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "iat": now,
        "exp": now + timedelta(hours=1),
        "jti": "1",
        **other,
    }
    claims.pop(drop, None)
    right = api.settings.glue.jwt_secret.get_secret_value()
    return jwt.encode(claims, secret or right, "HS256")


async def test_only_our_own_unexpired_tokens_count(api: Api) -> None:
    await api.token("admin")
    past = datetime.now(UTC) - timedelta(seconds=1)
    unsigned = jwt.encode({"sub": api.users["admin"]}, None, "none")  # type: ignore[arg-type]
    bad = [
        forged(api, secret="y" * 40),
        forged(api, exp=past),
        forged(api, iss="somebody"),
        forged(api, aud="another-api"),
        forged(api, sub="nobody"),
        forged(api, sub=api.users["viewer"]),
        forged(api, sid=str(uuid.uuid4())),
        forged(api, sid="none"),
        *(forged(api, drop=claim) for claim in tokens.REQUIRED),
        unsigned,
        "not.a.token",
        "ü",
    ]
    for token in bad:
        headers = {"authorization": f"Bearer {token}".encode()}
        answer = await api.client.get("/api/v1/auth/me", headers=headers)
        assert is_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    headers = {"authorization": f"Bearer {forged(api)}"}
    assert (await api.client.get("/api/v1/auth/me", headers=headers)).status_code == 200

"""Each refusal is in the logs: who, what, why."""

from __future__ import annotations

import uuid

import httpx
import pytest

from glue.api.conventions import access
from tests.api import Api, is_problem
from tests.integration.test_api_access import EXAMPLES, operations
from tests.oidc import SignOn


async def told(api: Api) -> list[str]:
    return [entry["message"] for entry in await api.logs("auth") if entry["level"] == "WARNING"]


async def test_each_route_records_whom_it_refuses(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    refused = set()
    for method, path, operation in operations(document):
        if (method, path) not in access.PUBLIC and "viewer" not in operation["x-roles"]:
            body = {"json": {}} if "requestBody" in operation else {}
            answer = await api.call("viewer", method, path.format(**EXAMPLES), **body)
            assert answer.status_code == 403
            refused.add(f"{method} {path}")
    found = await told(api)
    assert len(found) == len(refused) > 20
    assert all(any(message.endswith(f"refused {one}") for message in found) for one in refused)


async def test_a_refusal_inside_of_a_route_is_recorded_once_a_minute(api: Api) -> None:
    await api.rows("INSERT INTO robots (robot_id) VALUES ('r1')")
    for _ in range(3):
        answer = await api.patch("operator", "/robots/r1", {"registration": "refused"})
        assert is_problem(answer, 403)
        assert is_problem(await api.get("viewer", "/logs", category="auth"), 403)
        body = {"name": "m", "scopes": ["read"], "for_machine": True}
        assert is_problem(await api.post("operator", "/tokens", body), 403)
    entries = {entry["message"]: entry for entry in await api.logs("auth")}
    assert sorted(entries) == [
        "operator was refused PATCH /api/v1/robots/{robot_id}: Only an admin accepts or refuses"
        " a robot.",
        "operator was refused POST /api/v1/tokens: This takes the role admin; make one for"
        " yourself instead.",
        "viewer was refused GET /api/v1/logs: Entries of category auth are for admins.",
    ]
    first = next(iter(entries.values()))
    assert first["details"]["address"] == "127.0.0.1"
    assert first["details"]["username"] in ("operator", "viewer")


async def test_tickets_web_hooks_and_refresh_tokens_are_recorded(api: Api) -> None:
    assert is_problem(await api.get(None, "/live", ticket="old"), 401)
    assert is_problem(await api.client.post("/webhooks/grafana", json={}), 401)
    refresh = {"refresh_token": "never given out"}
    assert is_problem(await api.post(None, "/auth/refresh", refresh), 401)
    assert sorted(await told(api)) == [
        "refused a refresh token never given out",
        "somebody was refused GET /api/v1/live: This ticket was used or is too old; get another.",
        "somebody was refused POST /webhooks/grafana: the bearer secret is missing or wrong",
    ]


async def test_a_wrong_password_is_recorded_as_one_refusal(api: Api) -> None:
    body = {"username": "operator", "password": "wrong"}
    assert is_problem(await api.post(None, "/auth/login", body), 401)
    assert await told(api) == ["login refused: wrong password"]


@pytest.mark.parametrize("how", ["no token", "not a token", "stale form", "not in Grafana"])
async def test_single_sign_on_records_its_refusals(sign_on: SignOn, how: str) -> None:
    answer: httpx.Response
    match how:
        case "no token":
            answer = await sign_on.server.get("/oauth/userinfo")
            why = "GET /oauth/userinfo: no access token"
        case "not a token":
            answer = await sign_on.userinfo("x.y.z")
            why = "GET /oauth/userinfo: "
        case "stale form":
            page = await sign_on.authorize()
            answer = await sign_on.fill_in(page, "Ada", form_token=str(uuid.uuid4()))
            why = "POST /oauth/sign-in: sign-in of Ada: This page was open for too long"
        case _:
            await sign_on.add_user("Zoe", "viewer", in_grafana=False)
            answer = await sign_on.fill_in(await sign_on.authorize(), "Zoe")
            why = "POST /oauth/sign-in: Zoe has no account in Grafana that we made"
    assert answer.status_code in (401, 403), answer.text
    (message,) = await told(sign_on.api)
    assert message.startswith(f"somebody was refused {why}")

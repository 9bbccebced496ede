"""One error shape on every route, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx

from glue import store
from glue.api.app import create_app
from glue.api.conventions import access, body_limit
from tests.api import Api, is_problem
from tests.conftest import SettingsFor
from tests.integration.test_api_access import EXAMPLES, operations

PAGES = ("/oauth/", "/.well-known/", "/acknowledge/", "/reports/")
"""Pages for people, and OAuth's own shape of errors: test_oidc.py."""

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}


async def test_nothing_there(api: Api) -> None:
    for path in ("/", "/api/v1", "/api/v1/nope", "/healthz/", "/docs/assets/nope", "/x%00%ff"):
        assert is_problem(await api.client.get(path), 404)


async def test_another_method_on_every_route(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for path in document["paths"]:
        asked = path.format(**EXAMPLES)
        # A fixed path like /alerts/export also has the form of /alerts/{alert_id}.
        taken = {
            method.upper()
            for like, offered in document["paths"].items()
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", like), asked)
            for method in offered
        }
        for method in METHODS - taken - {"HEAD"}:
            answer = await api.call("admin", method, asked)
            assert is_problem(answer, 405)
            assert set(answer.headers["allow"].replace(" ", "").split(",")) == taken


async def test_too_large_on_every_route_announced_or_not(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    large = b" " * (body_limit.MOST + 1)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    checked = 0
    for method, path, operation in operations(document):
        if "requestBody" not in operation or path.startswith(PAGES):
            continue
        for content in (large, chunks()):
            answer = await api.call(
                "admin",
                method,
                path.format(**EXAMPLES),
                content=content,
                headers={"content-type": "application/json"},
            )
            assert is_problem(answer, 413)
            checked += 1
    assert checked >= 14


async def test_not_json_on_every_route_with_a_body(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for method, path, operation in operations(document):
        if "requestBody" in operation and not path.startswith(PAGES):
            answer = await api.call(
                "admin",
                method,
                path.format(**EXAMPLES),
                content=b"{",
                headers={"content-type": "application/json"},
            )
            assert is_problem(answer, 400 if path == access.LOGIN else 422)


async def test_postgresql_away_on_every_route(api: Api, settings_for: SettingsFor) -> None:
    document = (await api.client.get("/openapi.json")).json()
    settings = settings_for(PGPORT=1)
    pool = store.open_pool(settings.postgres)  # never opened: as when PostgreSQL is away
    app = create_app(settings, pool)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://glue") as client:
        await api.token("admin")
        away = Api(app, settings, pool, client, api.users, api.sessions)
        for method, path, operation in operations(document):
            if path in ("/healthz", "/metrics", "/webhooks/grafana") or path.startswith(PAGES):
                continue
            body = {"json": {}} if "requestBody" in operation else {}
            if path == access.LOGIN:
                body = {"json": {"username": "a", "password": "b"}}
            if path == access.REFRESH:
                body = {"json": {"refresh_token": "tpr_a"}}
            answer = await away.call("admin", method, path.format(**EXAMPLES), **body)
            assert is_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200
        figures = await client.get("/metrics", headers={"host": "localhost"})
        assert figures.status_code == 200
        assert "tonypi_postgres_up 0.0" in figures.text
        assert "tonypi_http_requests_total" in figures.text
        # From another machine too, whose token cannot be checked now: that alone.
        elsewhere = {"host": "robots.example"}
        assert is_problem(await client.get("/metrics", headers=elsewhere), 401)
        elsewhere["Authorization"] = f"Bearer {await api.token('viewer')}"
        figures = await client.get("/metrics", headers=elsewhere)
        assert figures.status_code == 200
        values = [line for line in figures.text.splitlines() if not line.startswith("#")]
        assert values == ["tonypi_postgres_up 0.0"]


async def test_a_bug_of_ours_does_not_show_its_insides(api: Api) -> None:
    await api.rows("DROP VIEW effective_limits, configured_limits CASCADE")
    answer = await api.get("viewer", "/robots/tonypi_01/thresholds")
    assert is_problem(answer, 500)
    assert "configured_limits" not in answer.text

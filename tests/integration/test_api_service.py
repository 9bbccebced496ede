"""What supervisors, Prometheus and browsers see."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
import uvicorn

from glue.settings import SettingsError
from glue.stack.probe import free_port
from tests.api import Api, is_problem
from tests.conftest import SettingsFor

HERE = {"host": "localhost"}

BEATS = """
INSERT INTO heartbeats (name, beat_at, details)
SELECT name, now(), jsonb_build_object('evaluator', 'grafana')
  FROM unnest(ARRAY['events', 'evaluator', 'pull', 'limits']) AS name
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, details = excluded.details
"""


async def test_ready_while_events_arrive_and_somebody_evaluates(api: Api) -> None:
    answer = await api.client.get("/readyz")
    assert is_problem(answer, 503)
    assert answer.json()["checks"]["postgresql"] == "ok"
    await api.rows(BEATS)
    answer = await api.client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["checks"].values()) == {"ok"}

    await api.rows("UPDATE heartbeats SET beat_at = now() - interval '5 min' WHERE name = 'pull'")
    answer = await api.client.get("/readyz")
    assert is_problem(answer, 503)
    assert re.match(r"pull last ran 300 s ago", answer.json()["detail"])
    # Without Grafana its state is not read: the standby evaluator is what counts.
    await api.rows(
        "UPDATE heartbeats SET details = '{\"evaluator\": \"standby\"}' WHERE name = 'evaluator'"
    )
    answer = await api.client.get("/readyz")
    assert answer.json()["detail"] == "standby has not run yet"
    await api.rows("INSERT INTO heartbeats (name, beat_at) VALUES ('standby', now())")
    assert (await api.client.get("/readyz")).status_code == 200
    assert (await api.client.get("/healthz")).json() == {"status": "alive"}


async def test_metrics_show_the_pipeline(api: Api) -> None:
    await api.rows(BEATS)
    await api.add_alert(severity="critical")
    await api.add_alert(severity="critical")
    await api.add_alert(resolved=True, resolved_at="2026-01-01T00:00:00Z")
    await api.rows(
        "INSERT INTO refused_messages (topic, reason, count)"
        " VALUES ('tonypi/status/a\"b', 'bad_id', 7)"
    )
    await api.get("viewer", "/robots/tonypi_01")
    await api.client.get("/nowhere")
    await api.client.request("BREW", "/nowhere")
    await api.client.post("/webhooks/grafana", json={})
    answer = await api.client.get("/metrics", headers=HERE)
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        "tonypi_postgres_up 1.0",
        'tonypi_alerts_open{severity="critical"} 2.0',
        'tonypi_alerts_open{severity="warning"} 0.0',
        'tonypi_refused_messages_total{reason="bad_id",topic="tonypi/status/a\\"b"} 7.0',
        'tonypi_robots{status="offline"} 1.0',
        'tonypi_http_requests_total{method="GET",route="/api/v1/robots/{robot_id}",'
        'status="200"} 1.0',
        'tonypi_http_requests_total{method="GET",route="none",status="404"} 1.0',
        'tonypi_http_requests_total{method="other",route="none",status="404"} 1.0',
    ):
        assert line in lines, f"{line} is not in:\n{answer.text}"
    assert re.search(r'^tonypi_heartbeat_age_seconds{loop="events"} \d', answer.text, re.M)
    assert re.search(r'^tonypi_webhook_posts_total{result="401"} \d', answer.text, re.M)
    await api.rows("DELETE FROM refused_messages")
    assert "bad_id" not in (await api.client.get("/metrics", headers=HERE)).text


@pytest.mark.parametrize(
    ("headers", "who", "status"),
    [
        (HERE, None, 200),
        # Through a proxy, or by a name that somebody pointed here, it is from elsewhere.
        (HERE | {"X-Forwarded-For": "127.0.0.1"}, None, 401),
        ({"host": "robots.example"}, None, 401),
        ({"host": "robots.example"}, "wrong", 401),
        ({"host": "robots.example"}, "viewer", 200),
    ],
)
async def test_figures_are_for_this_machine_or_a_token(
    api: Api, headers: dict[str, str], who: str | None, status: int
) -> None:
    if who:
        token = await api.token(who) if who == "viewer" else who
        headers = headers | {"Authorization": f"Bearer {token}"}
    answer = await api.client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("tonypi_postgres_up" in answer.text) is (status == 200)


async def test_figures_from_elsewhere_go_by_the_clients_address(api: Api) -> None:
    far = httpx.ASGITransport(api.app, client=("192.0.2.7", 9))
    async with httpx.AsyncClient(transport=far, base_url="http://localhost") as client:
        assert (await client.get("/metrics")).status_code == 401


async def test_the_documentation_needs_no_other_machine(api: Api) -> None:
    page = await api.client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 3
    for link in links:
        assert link.startswith("/docs/"), link
        assert (await api.client.get(link)).status_code == 200
    assert '"validatorUrl": null' in page.text
    assert "://" not in re.sub(r"window\.location\.origin", "", page.text)


async def test_a_secret_that_can_be_guessed_starts_nothing(
    api: Api, settings_for: SettingsFor
) -> None:
    from glue.api.app import create_app

    with pytest.raises(SettingsError, match="GLUE_JWT_SECRET"):
        create_app(settings_for(GLUE_JWT_SECRET="secret"), api.pool)


async def test_over_a_real_server(api: Api) -> None:
    server = uvicorn.Server(
        uvicorn.Config(api.app, port=free_port(), log_level="error", lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.config.port}") as client:
            for _ in range(200):
                if server.started:
                    break
                await asyncio.sleep(0.02)
            assert (await client.get("/healthz")).status_code == 200
            over = Api(api.app, api.settings, api.pool, client, api.users)
            made = await over.post("operator", "/robots", {"robot_id": "real"})
            assert made.status_code == 201
            answers = await asyncio.gather(*(over.get("viewer", "/robots") for _ in range(60)))
            assert {answer.status_code for answer in answers} == {200}
            answer = await over.call(
                "operator", "PATCH", "/api/v1/robots/real", content=b" " * 3_000_000
            )
            assert is_problem(answer, 413)
            wrong = {"username": "a", "password": "b"}
            assert is_problem(await client.post("/api/v1/auth/login", json=wrong), 401)
    finally:
        server.should_exit = True
        await serving

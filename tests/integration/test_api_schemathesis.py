"""Every route of the OpenAPI document with what somebody may send: Schemathesis makes it up.

No answer is a 5xx, and every answer's status, type and body are what the document says. An admin
asks, so that nothing is refused before it is looked at. What is made up follows from the document
alone: a failure comes again.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from glue import store
from glue.core.report.compose import compose
from glue.stack.probe import free_port
from glue.store import report_files
from tests import reported
from tests.api import Api
from tests.integration.test_api_access import EXAMPLES

ENDLESS = {"/api/v1/live"}
"""Streams."""

WITHOUT_PARTS = (
    *("commands", "emergency-stop", "resume", "jobs", "sync", "readyz"),
    *("thresholds/preview", "thresholds/suggestions"),
)
"""Of these 503 is the right answer: neither broker, events, Grafana nor InfluxDB are here."""

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

EACH = 6
"""Requests for a route: so many valid ones, of things that are there, and so many invalid ones."""


@pytest.mark.timeout(400)
async def test_any_input_gets_an_answer_that_the_document_names(api: Api) -> None:
    await furnish(api)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(api.app, port=port, log_level="critical"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()

    def token() -> str:
        api.sessions.clear()  # some routes end the session
        return asyncio.run_coroutine_threadsafe(api.token("admin"), loop).result()

    try:
        found = await asyncio.to_thread(explore, f"http://127.0.0.1:{port}", token)
    finally:
        server.should_exit = True
        await serving
    assert not found, "\n\n".join(found)


NIGHT = {
    "name": "night",
    "fleet": True,
    "zone": "UTC",
    "start": "2030-01-01T20:00",
    "end": "2030-01-02T08:00",
}
FURNITURE: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/groups/hall-2", {"robot_ids": ["tonypi_01"]}),
    ("PUT", "/robots/tonypi_01/thresholds/cpu", {"warning": 60, "critical": 80}),
    ("POST", "/notifications/targets", {"name": "ops", "url": "json://127.0.0.1:9/hook"}),
    ("POST", "/notifications/routes", {"name": "all", "targets": [1]}),
    ("POST", "/mutes", {"robots": ["tonypi_01"]}),
    ("POST", "/maintenance-windows", NIGHT),
    ("POST", "/report-schedules", {"name": "daily", "report": {"type": "job"}, "every": "daily"}),
    ("POST", "/reports", {"type": "job", "covers": "day"}),
    ("POST", "/tokens", {"name": "ci", "scopes": ["read"]}),
]


async def furnish(api: Api) -> None:
    """Something of every kind is there, under the names and numbers of ``EXAMPLES``."""
    for method, path, body in FURNITURE:
        answer = await api.call("admin", method, f"/api/v1{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
    await api.add_alert(metric="cpu")
    await api.rows("UPDATE machine_tokens SET id = %(id)s", id=EXAMPLES["token_id"])
    await api.rows("INSERT INTO jobs (robot_id, start_time) VALUES ('tonypi_01', now())")
    async with store.transaction(api.pool) as conn:
        await report_files.add(conn, compose(reported.facts(1)), "gone.pdf", "admin")


def explore(url: str, token: Any) -> list[str]:
    """What is wrong, in words; each route stops at its first."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found, asked = [], 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue
        known = {name: EXAMPLES[name] for name in EXAMPLES if f"{{{name}}}" in operation.path}
        headers = {"Authorization": f"Bearer {token()}"}
        session = requests.Session()
        for mode, path in ((GenerationMode.POSITIVE, known), (GenerationMode.NEGATIVE, {})):
            if said := _explore(url, operation, mode, path or None, session, headers):
                found.append(f"{operation.label} ({mode.value}): {said}")
                break
        asked += 1
    assert asked > 40, "the document has lost its routes"
    return found


def _explore(
    url: str,
    operation: Any,
    mode: GenerationMode,
    path: dict[str, str] | None,
    session: requests.Session,
    headers: dict[str, str],
) -> str:
    @examples(
        max_examples=EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode, path_parameters=path))
    def each(case: schemathesis.Case) -> None:
        # Not case.call(): it looks into urllib3, which another package replaces here.
        # Redirects lead to addresses of real runs.
        asked = case.as_transport_kwargs(url, headers=headers)
        answer = session.request(**asked, timeout=20, allow_redirects=False)
        allowed = answer.status_code == 503 and any(w in operation.path for w in WITHOUT_PARTS)
        excluded = [checks.not_a_server_error] if allowed else []
        case.validate_response(answer, checks=CHECKS, excluded_checks=excluded)

    try:
        each()
    except FailureGroup as group:
        return "; ".join(str(failure) for failure in group.exceptions)
    except Exception as error:
        return repr(error) if "Unsatisf" not in repr(error) else ""
    return ""

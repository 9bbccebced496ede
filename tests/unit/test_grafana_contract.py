"""The Grafana adapter against what a real Grafana answered, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from glue.grafana import (
    Grafana,
    GrafanaConflict,
    GrafanaDenied,
    GrafanaError,
    GrafanaMissing,
    GrafanaUnavailable,
    GrafanaUnsupported,
    versions,
)
from glue.settings import Grafana as Settings
from glue.settings import load
from tests import grafana_contract, grafana_tape
from tests.grafana_tape import Player

STEPS = [
    pytest.param(chapter, step, id=f"{chapter}: {step.name}")
    for chapter, steps in grafana_contract.STORY.items()
    for step in steps
]


@pytest.fixture(scope="module")
def player():
    with grafana_tape.playing() as playing:
        yield playing


def settings(url: str) -> Settings:
    return load({"GRAFANA_URL": url, "GF_SECURITY_ADMIN_PASSWORD": "secret"}).grafana


@pytest_asyncio.fixture
async def grafana(player: Player) -> AsyncIterator[Grafana]:
    made = grafana_tape.adapter(settings(player.url))
    yield made
    await made.close()


@pytest.mark.parametrize(("chapter", "step"), STEPS)
async def test_each_call_asks_and_reads_as_written_down(player, grafana, chapter, step):
    player.load(grafana_tape.read(chapter)[step.name])
    wrong = await grafana_contract.play(step, grafana)
    assert player.wrong == []
    assert wrong == []
    assert player.tape == [], "requests that were not made"
    assert (player.user, player.headers["x-grafana-org-id"]) == ("tonypi-root", "1")


def test_nothing_is_written_down_that_no_step_does():
    for chapter, steps in grafana_contract.STORY.items():
        assert list(grafana_tape.read(chapter)) == [step.name for step in steps]


HEALTH = {"method": "GET", "path": "/api/health"}
FIRST = {"method": "DELETE", "path": "/api/teams/1"}


def told(request: dict, status: int, answer: object) -> dict:
    return {"request": request, "status": status, "answer": answer}


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, GrafanaError, "refuses DELETE /teams/1: .*why"),
        (401, GrafanaDenied, "GF_SECURITY_ADMIN_PASSWORD"),
        (403, GrafanaDenied, "server admin"),
        (404, GrafanaMissing, "why"),
        (409, GrafanaConflict, "why"),
        (412, GrafanaConflict, "why"),
        (422, GrafanaError, "why"),
        (500, GrafanaUnavailable, "why"),
        (503, GrafanaUnavailable, "why"),
    ],
)
async def test_each_refusal_is_an_error_of_its_own(player, grafana, status, kind, said):
    player.load([told(FIRST, status, {"message": "why"})])
    with pytest.raises(GrafanaError, match=said) as refused:
        await grafana.delete_team(1)
    assert type(refused.value) is kind
    assert refused.value.status == status
    assert (grafana.calls.reads, grafana.calls.writes) == (0, 1)


@pytest.mark.parametrize("answer", [None, "hello", 5, ["a list"]])
async def test_another_program_at_this_address_is_named(player, grafana, answer):
    search = {
        "method": "GET",
        "path": "/api/teams/search",
        "query": {"perpage": "1000", "page": "1"},
    }
    player.load([told(search, 200, answer)])
    with pytest.raises(GrafanaError, match="GRAFANA_URL"):
        await grafana.teams(["Crew"])


async def test_a_reload_of_broken_files_says_where_to_look(player, grafana):
    path = "/api/admin/provisioning/alerting/reload"
    player.load([told({"method": "POST", "path": path}, 500, {"message": "Internal Server Error"})])
    with pytest.raises(GrafanaError, match=r"provisioning/alerting.*log") as refused:
        await grafana.reload("alerting")
    assert not isinstance(refused.value, GrafanaUnavailable)


@pytest.mark.parametrize("version", ["11.0.0", "11.6.1+security-01", "12.4.0-23", "v13.1.2"])
async def test_known_versions_are_written_to_and_asked_for_once(player, version):
    grafana = Grafana(settings(player.url))
    player.load(
        [
            told(HEALTH, 200, {"version": version}),
            told(FIRST, 200, {"message": "Team deleted"}),
            told(FIRST, 200, {"message": "Team deleted"}),
        ]
    )
    await grafana.delete_team(1)
    await grafana.delete_team(1)
    assert (grafana.calls.reads, grafana.calls.writes) == (1, 2)
    await grafana.close()


@pytest.mark.parametrize("version", ["9.5.21", "10.4.2", "14.0.0", "", "what"])
async def test_other_versions_are_refused_before_anything_is_written(player, version):
    grafana = Grafana(settings(player.url))
    player.load([told(HEALTH, 200, {"version": version})])
    with pytest.raises(GrafanaUnsupported, match=r"11\.0 up to 13"):
        await grafana.delete_team(1)
    assert grafana.calls.writes == 0
    await grafana.close()


async def test_a_version_that_health_hides_is_asked_for_as_admin(player, grafana):
    frontend = {"method": "GET", "path": "/api/frontend/settings"}
    player.load(
        [
            told(HEALTH, 200, {"database": "ok"}),
            told(frontend, 200, {"buildInfo": {"version": "11.0.0"}}),
        ]
    )
    assert await grafana.version() == "11.0.0"


def test_the_oldest_known_version_is_the_recorded_one():
    versions.check("11.0.0")


@pytest.mark.parametrize(("version", "tried"), [("11.6.1", True), ("12.0.0", False)])
async def test_a_version_that_was_never_tried_is_said_once(player, version: str, tried: bool):
    grafana = Grafana(settings(player.url))
    rename = {"method": "PUT", "path": "/api/teams/1", "body": {"name": "Crew"}}
    health = told(HEALTH, 200, {"version": version})
    player.load([health, told(rename, 200, {}), told(rename, 200, {})])
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            await grafana.rename_team(1, "Crew")
    said = [one["version"] for one in logs if one["event"] == "grafana.not_tried"]
    assert said == ([] if tried else [version])
    await grafana.close()


async def test_a_path_before_the_api_is_kept(player):
    grafana = grafana_tape.adapter(settings(f"{player.url}/grafana/"))
    player.load(
        [told({"method": "GET", "path": "/grafana/api/health"}, 200, {"version": "11.0.0"})]
    )
    assert await grafana.version() == "11.0.0"
    await grafana.close()


async def test_nobody_there_is_unavailable_in_plain_words():
    grafana = Grafana(settings("http://127.0.0.1:9"))
    with pytest.raises(GrafanaUnavailable, match="cannot be reached") as refused:
        await grafana.accounts()
    assert "object at" not in str(refused.value)
    await grafana.close()


@contextlib.asynccontextmanager
async def dripping(*, every: float) -> AsyncIterator[str]:
    """A server that sends its answer byte by byte, and never all of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        writer.write(b"content-length: 100000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(every)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("every", [0.05, 3600.0])
async def test_a_grafana_that_hangs_or_drips_is_given_up_in_time(every: float):
    async with dripping(every=every) as url:
        grafana = Grafana(settings(url), timeout=0.5)
        began = time.monotonic()
        with pytest.raises(GrafanaUnavailable):
            await grafana.accounts()
        assert time.monotonic() - began < 5
        await grafana.close()


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one():
    asked, late = [], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                asked.append(request.split()[1])
                if asked[-1].endswith("slow"):
                    await late.wait()
                body = b'{"path": "%s"}' % asked[-1].encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    grafana = Grafana(settings(f"http://127.0.0.1:{port}"), timeout=2)
    assert await grafana.get("/first", dict) == {"path": "/api/first"}
    with pytest.raises(GrafanaUnavailable, match="GET /slow"):
        await grafana.get("/slow", dict)
    assert await grafana.get("/next", dict) == {"path": "/api/next"}
    late.set()
    await asyncio.sleep(0.1)
    assert await grafana.get("/last", dict) == {"path": "/api/last"}
    assert asked == ["/api/first", "/api/slow", "/api/next", "/api/last"]
    await grafana.close()
    server.close()

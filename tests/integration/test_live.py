"""Live streams over a real server and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
import uvicorn

from glue.stack.probe import free_port
from tests.api import Api, is_problem
from tests.live import stream


@pytest.fixture
async def live(api: Api) -> AsyncIterator[Api]:
    """The API with the loops that live streams need, over a real server."""
    state = api.app.state
    loops = [asyncio.create_task(one.run()) for one in (state.changes, state.live)]
    config = uvicorn.Config(api.app, port=free_port(), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not (server.started and state.changes.connected):
        await asyncio.sleep(0.02)
    base = f"http://127.0.0.1:{config.port}"
    limits = httpx.Limits(max_connections=None)
    try:
        async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30) as client:
            yield Api(api.app, api.settings, api.pool, client, api.users, api.sessions)
    finally:
        state.live.close()
        server.should_exit = True
        await serving
        for loop in loops:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop


async def test_an_alert_is_told_within_a_second_as_the_list_shows_it(live: Api) -> None:
    async with stream(live.client, await live.token("viewer"), topics="alerts") as reader:
        began = time.monotonic()
        alert_id = await live.add_alert(severity="critical", metric="servo_temp")
        said = await reader.next()
        assert said.at - began < 1
        (listed,) = (await live.get("viewer", "/alerts")).json()["items"]
        assert (said.event, said.data) == ("alert", listed)
        assert listed["id"] == alert_id
        answer = await live.post("operator", f"/alerts/{alert_id}/acknowledge")
        assert answer.status_code == 200, answer.text
        assert (await reader.next()).data["acknowledged_by"] == "operator"
        await live.rows("DELETE FROM alerts")
        said = await reader.next()
        assert (said.event, said.data) == ("alert_removed", {"id": alert_id})


async def test_a_robots_record_is_told_and_its_signs_of_life_are_not(live: Api) -> None:
    token = await live.token("viewer")
    async with stream(live.client, token) as reader:
        await live.rows("INSERT INTO robots (robot_id) VALUES ('r1')")
        assert (await reader.next()).data["robot_id"] == "r1"
        for number in range(3):
            await live.rows(
                "UPDATE robots SET last_seen = now(), heard_at = %(at)s, system_info = '{}'",
                at=number,
            )
            await asyncio.sleep(0.3)
        await live.rows("UPDATE robots SET status = 'online' WHERE robot_id = 'r1'")
        said = await reader.next()
        assert (said.event, said.data["status"]) == ("robot", "online")
        assert said.data == (await live.get("viewer", "/robots/r1")).json()
        await live.rows("DELETE FROM robots WHERE robot_id = 'r1'")
        said = await reader.next()
        assert (said.event, said.data) == ("robot_removed", {"robot_id": "r1"})


async def test_a_robot_taken_out_of_the_fleet_is_gone_and_comes_back(live: Api) -> None:
    await live.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
    async with stream(live.client, await live.token("viewer"), topics="robots") as reader:
        answer = await live.delete("admin", "/robots/r1")
        assert answer.status_code < 300, answer.text
        said = await reader.next()
        assert (said.event, said.data) == ("robot_removed", {"robot_id": "r1"})
        answer = await live.post("admin", "/robots/r1/restore")
        assert answer.status_code < 300, answer.text
        assert (await reader.next("robot")).data["robot_id"] == "r1"


async def test_only_what_was_asked_for(live: Api) -> None:
    await live.rows("INSERT INTO robots (robot_id) VALUES ('r1'), ('r2')")
    token = await live.token("viewer")
    async with stream(live.client, token, topics="robots", robot_id="r2") as reader:
        await live.add_alert(robot_id="r2")
        await live.rows("UPDATE robots SET status = 'error' WHERE robot_id IN ('r1', 'r2')")
        assert (await reader.next()).data["robot_id"] == "r2"
        await live.rows("UPDATE robots SET status = 'online' WHERE robot_id = 'r2'")
        assert (await reader.next()).data["status"] == "online"


async def test_who_comes_back_gets_what_he_missed_and_nothing_is_left_out(live: Api) -> None:
    token = await live.token("viewer")
    async with stream(live.client, token) as reader:
        first = await live.add_alert()
        await reader.next("alert")
        # This one began before the break, and is over after it.
        slow = await psycopg.AsyncConnection.connect(live.settings.postgres.dsn)
        await slow.execute("INSERT INTO robots (robot_id) VALUES ('slow')")
        second = await live.add_alert(severity="info")
        await reader.next("alert")
        place = reader.id
    third = await live.add_alert(severity="critical")
    await live.rows("DELETE FROM alerts WHERE id = %(id)s", id=first)
    await slow.commit()
    await slow.close()
    async with stream(live.client, token, place) as reader:
        assert reader.seen[0].data == {"topics": ["alerts", "robots"], "resumed": True}
        told = {}
        while not {"slow", third, f"-{first}"} <= told.keys():
            said = await reader.next()
            key = said.data.get("id") or said.data.get("robot_id")
            told[f"-{key}" if said.event.endswith("_removed") else key] = said
        # The second may come again: its position could not go beyond the slow transaction.
        assert told.keys() <= {first, second, third, "slow", f"-{first}"}
    # All is told; by query, as a page does that opens a new stream.
    async with stream(live.client, token, last_event_id=reader.id) as again:
        await live.rows("UPDATE robots SET status = 'error' WHERE robot_id = 'slow'")
        while (await again.next("robot")).data["status"] != "error":
            pass


async def test_who_was_away_too_long_or_listened_to_another_database_starts_anew(
    live: Api,
) -> None:
    token = await live.token("viewer")
    async with stream(live.client, token) as reader:
        await live.add_alert()
        await reader.next("alert")
        place = reader.id
    database, txid = place.split("-")
    await live.add_alert(severity="info")
    for other in (f"{int(database) + 1}-{txid}", f"{database}-{int(txid) + 10**9}"):
        async with stream(live.client, token, other) as reader:
            assert reader.seen[0].data["resumed"] is False
            topics = [(await reader.next("reset")).data["topic"] for _ in range(2)]
            assert sorted(topics) == ["alerts", "robots"]
    await live.rows("UPDATE live_changes SET at = now() - interval '2 h'")
    await live.rows("INSERT INTO robots (robot_id) VALUES ('r1')")
    from glue import store
    from glue.store import live as changes

    async with store.transaction(live.pool) as conn:
        assert await changes.prune(conn, changes.KEEP_S, 1000) > 0
    async with stream(live.client, token, place) as reader:
        assert (await reader.next()).event == "reset"
    answer = await live.call(
        "viewer", "GET", "/api/v1/live", headers={"last-event-id": "yesterday"}
    )
    assert is_problem(answer, 422)


async def test_a_fleet_that_changes_as_a_whole_is_one_event(live: Api) -> None:
    await live.rows("INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, 2000) n")
    async with stream(live.client, await live.token("viewer")) as reader:
        began = time.monotonic()
        await live.rows("UPDATE robots SET status = 'online'")
        said = await reader.next()
        assert (said.event, said.data) == ("reset", {"topic": "robots"})
        assert said.at - began < 1.5
        await live.rows("UPDATE robots SET status = 'offline' WHERE robot_id <= 'r1099'")
        told = {(await reader.next("robot")).data["robot_id"] for _ in range(100)}
        assert len(told) == 100


async def test_a_ticket_in_place_of_the_token_for_one_stream(live: Api) -> None:
    made = await live.post("viewer", "/live/tickets")
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    ticket = made.json()["ticket"]
    async with stream(live.client, ticket=ticket, topics="alerts") as reader:
        await live.add_alert()
        await reader.next("alert")
        answer = await live.client.get("/api/v1/live", params={"ticket": ticket})
        assert is_problem(answer, 401)
    assert is_problem(await live.client.get("/api/v1/live"), 401)
    assert is_problem(await live.client.post("/api/v1/live/tickets"), 401)


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE users SET is_active = false WHERE username = 'viewer'",
        "DELETE FROM users WHERE username = 'viewer'",
    ],
)
async def test_a_user_who_may_no_longer_listen_hears_bye(live: Api, end: str) -> None:
    token = await live.token("viewer")
    other = await live.token("operator")
    async with stream(live.client, token) as reader, stream(live.client, other) as stays:
        began = time.monotonic()
        await live.rows(end)
        (bye,) = await reader.rest()
        assert (bye.event, bye.at - began < 5) == ("bye", True)
        await live.add_alert()
        await stays.next("alert")


async def test_a_session_that_ends_ends_its_streams_at_the_next_look(
    live: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glue.api.live.streams.CHECK_S", 0.3)
    async with stream(live.client, await live.token("viewer")) as reader:
        await live.rows("UPDATE sessions SET ended_at = now(), end_reason = 'signed out'")
        (bye,) = await reader.rest()
        assert bye.event == "bye"


async def test_no_more_streams_than_allowed_and_a_left_one_makes_room(
    live: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = live.app.state.live
    monkeypatch.setattr(hub, "_most", 2)
    token = await live.token("viewer")
    async with stream(live.client, token):
        async with stream(live.client, token):
            answer = await live.get("viewer", "/live")
            assert is_problem(answer, 503)
            assert answer.json()["type"].endswith("too-many-listeners")
            assert answer.headers["retry-after"]
        while hub.listeners > 1:
            await asyncio.sleep(0.05)
        async with stream(live.client, token):
            pass


async def test_one_user_cannot_take_all_streams(live: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.app.state.live, "_of_user", 1)
    token = await live.token("viewer")
    async with stream(live.client, token):
        answer = await live.get("viewer", "/live")
        assert is_problem(answer, 429)
        assert answer.json()["type"].endswith("too-many-streams")
        assert "GLUE_LIVE_LISTENERS_OF_USER" in answer.json()["detail"]
        async with stream(live.client, await live.token("operator")):
            pass


async def test_while_nothing_happens_a_comment_keeps_the_line(
    live: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glue.api.live.streams.HEARTBEAT_S", 0.2)
    async with stream(live.client, await live.token("viewer")) as reader:
        await asyncio.sleep(1)
        await live.add_alert()
        await reader.next("alert")
        assert reader.comments >= 2


async def test_a_client_that_takes_nothing_is_cut_and_the_others_are_served(
    live: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glue.api.live.streams.SEND_WITHIN_S", 1)
    await live.rows("INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, 400) n")
    token = await live.token("viewer")
    hub = live.app.state.live
    port = live.client.base_url.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(
        f"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"event: ready")
    async with stream(live.client, token) as other:
        assert hub.listeners == 2
        deadline = time.monotonic() + 60
        number = 0
        while hub.listeners == 2:
            assert time.monotonic() < deadline
            number += 1
            text = f"{number} " + "x" * 20_000
            await live.rows("UPDATE robots SET description = %(text)s", text=text)
            while (await other.next("robot")).data["description"] != text:
                pass
        await live.add_alert()
        await other.next("alert")
    writer.close()


async def test_the_very_first_change_is_told_as_it_is(live: Api) -> None:
    async with stream(live.client, await live.token("viewer"), topics="robots") as reader:
        await live.rows("INSERT INTO robots (robot_id) VALUES ('first')")
        said = await reader.next()
        assert (said.event, said.data["robot_id"]) == ("robot", "first")

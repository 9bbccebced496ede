"""Commands through the API to simulated robots on a real broker, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from glue import store
from glue.broker import BrokerUnavailable, Session
from glue.commands import Commander, Order, orders
from glue.settings import Settings, load
from glue.stack.probe import free_port
from tests.api import is_problem, served
from tests.commanding import Cuttable, command, commanding, fleet_of, simulating
from tests.events import own, talking


async def test_the_robots_answer_is_the_answer_and_what_moves_it_is_confirmed_first(
    mosquitto, database, settings_for
):
    async with fleet_of(settings_for, database, 2) as api:
        path = "/robots/sim_01/commands"
        answer = await api.post("operator", path, command("stop"))
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["state"], told["answer"]) == ("answered", "Stopped")

        asked = await api.post("operator", path, command("move", direction="left"))
        assert is_problem(asked, 428)
        assert asked.json()["would"] == "sim_01 would walk"
        assert len(await api.rows("SELECT 1 FROM commands")) == 1
        moved = await api.post("operator", path, command("move", True, direction="left"))
        assert moved.json()["answer"] == "move done"
        assert moved.json()["payload"] == {"direction": "left"}

        # It stands, and says no; the words are the robot's.
        stopped = await api.post("operator", "/robots/sim_01/emergency-stop")
        assert stopped.status_code == 200, stopped.text
        nod = command("head_nod", True)
        no = await api.post("operator", path, {**nod, "even_if_stopped": True})
        assert is_problem(no, 409)
        assert "Emergency stop is active" in no.json()["detail"]
        standing = "SELECT emergency_stopped FROM robots WHERE robot_id = 'sim_01'"
        await api.robots.until(lambda: api.robots.rows(standing) == [(True,)])
        assert is_problem(await api.post("operator", "/robots/sim_01/resume"), 428)
        resumed = await api.post("operator", "/robots/sim_01/resume", {"confirm": True})
        assert resumed.json()["answer"] == "Resumed"
        assert (await api.post("operator", path, command("head_nod", True))).status_code == 200

        kept = await api.get("viewer", f"/commands/{no.json()['command_id']}")
        assert kept.json()["state"] == "refused"
        assert (await api.get("viewer", "/commands", state="refused")).json()["items"] == [
            {k: v for k, v in kept.json().items() if k != "answers"}
        ]
        table = (await api.get("viewer", "/commands/export", robot_id="sim_01")).text
        assert len(table.splitlines()) == 7
        listed = (await api.get("viewer", "/commands", sort="asked_at", limit=2)).json()
        assert [one["type"] for one in listed["items"]] == ["stop", "move"]
        more = await api.get("viewer", "/commands", sort="asked_at", cursor=listed["next"])
        assert [one["type"] for one in more.json()["items"]] == [
            *("emergency_stop", "head_nod", "resume", "head_nod"),
        ]

        def lines() -> Any:
            found = api.robots.rows(  # type: ignore[attr-defined]
                "SELECT message FROM system_logs WHERE category = 'command' ORDER BY id"
            )
            return found if len(found) == 12 else None

        # Each command and each answer once, although two sessions hear the answers.
        await asyncio.sleep(1)
        said = [row[0] for row in await api.robots.until(lines)]  # type: ignore[attr-defined]
        assert said.count("operator told sim_01: stop") == 1
        assert said.count("Stopped") == 1


async def test_who_cannot_be_told_is_said_before_anything_is_sent(
    mosquitto, database, settings_for
):
    async with fleet_of(settings_for, database, 1) as api:
        assert is_problem(
            await api.post("operator", "/robots/nobody/commands", command("stop")), 404
        )
        for column, value in (
            ("registration", "pending"),
            ("is_active", False),
            ("status", "offline"),
        ):
            await api.rows(
                f"INSERT INTO robots (robot_id, name, {column}) VALUES (%(id)s, 'x', %(value)s)",
                id=column,
                value=value,
            )
            no = await api.post("operator", f"/robots/{column}/commands", command("stop"))
            assert is_problem(no, 409)
        assert no.json()["type"].endswith("robot-offline")
        await api.rows("UPDATE robots SET removed_at = now() WHERE robot_id = 'is_active'")
        gone = await api.post("operator", "/robots/is_active/commands", command("stop"))
        assert is_problem(gone, 409)
        assert gone.json()["type"].endswith(":removed")
        assert await api.rows("SELECT 1 FROM commands") == []
        await api.rows("UPDATE robots SET status = 'maintenance' WHERE robot_id = 'sim_01'")
        careful = await api.post("operator", "/robots/sim_01/commands", command("move"))
        assert "somebody may be working on it" in careful.json()["would"]
        assert is_problem(await api.post("viewer", "/robots/sim_01/commands", command("stop")), 403)
        for wrong in (
            {"command": {"type": "dance"}},
            {"type": "stop"},
            {"command": {"type": "stop"}, "confirm": "yes"},
            command("set_servo", True, servo_id="servo_1"),
        ):
            assert is_problem(await api.post("operator", "/robots/sim_01/commands", wrong), 422)


async def test_a_robot_in_emergency_stop_is_told_nothing_that_moves_it_until_it_is_resumed(
    mosquitto, database, settings_for
):
    # Nobody hears the robots' status here: what they said last is what counts.
    settings = own(settings_for, database.database)
    async with served(settings) as api, commanding(api), simulating(settings, 1):
        await api.rows(
            "INSERT INTO robots (robot_id, status, emergency_stopped, emergency_at)"
            " VALUES ('sim_01', 'online', true, now())"
        )
        path, move = "/robots/sim_01/commands", command("move", True)
        job = {"robot_id": "sim_01", "task_name": "sort", "items_total": 3, "confirm": True}
        for route, body in ((path, move), ("/jobs", job)):
            no = await api.post("operator", route, body)
            assert is_problem(no, 409)
            assert no.json()["type"].endswith(":robot-emergency-stopped")
            assert "`resume` it first" in no.json()["detail"]
        assert await api.rows("SELECT 1 FROM commands") == []
        for body in (command("stop"), {**move, "even_if_stopped": True}):
            assert (await api.post("operator", path, body)).status_code == 200
        # Its yes to a resume counts before it says so in its status.
        on = await api.post("operator", "/robots/sim_01/resume", {"confirm": True})
        assert on.status_code == 200, on.text
        assert (await api.post("operator", path, move)).status_code == 200
        await api.rows("UPDATE robots SET emergency_at = now()")
        assert is_problem(await api.post("operator", path, move), 409)


async def test_a_silent_robot_is_a_504_and_its_late_answer_is_still_recorded(
    mosquitto, database, settings_for
):
    async with fleet_of(settings_for, database, 1, GLUE_COMMAND_TIMEOUT=0.5) as api:
        await api.rows("INSERT INTO robots (robot_id, name, status) VALUES ('r1', 'x', 'online')")
        start = time.monotonic()
        silent = await api.post("operator", "/robots/r1/commands", command("move", True))
        assert 0.4 < time.monotonic() - start < 4
        assert is_problem(silent, 504)
        command_id = silent.json()["command_id"]
        path = f"/commands/{command_id}"
        assert (await api.get("viewer", path)).json()["state"] == "timed out"
        answer = {"robot_id": "r1", "command_id": command_id, "success": True}
        api.robots.say("tonypi/commands/response", {**answer, "message": "Sorry"})  # type: ignore[attr-defined]

        async def late() -> dict[str, Any]:
            for _ in range(100):
                kept: dict[str, Any] = (await api.get("viewer", path)).json()
                if kept["state"] == "answered":
                    return kept
                await asyncio.sleep(0.05)
            raise AssertionError(kept)

        assert (await late())["answer"] == "Sorry"
        # The first answer stays.
        api.robots.say("tonypi/commands/response", {**answer, "success": False, "message": "No"})  # type: ignore[attr-defined]
        # Somebody else's command, and another robot's claim.
        api.robots.say("tonypi/commands/response", {**answer, "command_id": "7"})  # type: ignore[attr-defined]
        api.robots.say("tonypi/commands/response", {**answer, "robot_id": "r2"})  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        assert (await late())["answer"] == "Sorry"
        # Nobody waits: it is sent, and what becomes of it is read later.
        sent = await api.call(
            "operator", "POST", "/api/v1/robots/sim_01/commands?wait=0", json=command("stop")
        )
        assert (sent.status_code, sent.json()["state"]) == (202, "sent")
        path = f"/commands/{sent.json()['id']}"
        assert (await late())["answer"] == "Stopped"


async def test_a_command_waits_at_the_broker_no_longer_than_somebody_waits_for_it(
    mosquitto, database, settings_for
):
    """A robot with a queue at the broker comes back too late, and another one in time."""
    settings = own(settings_for, database.database)

    async def absent(name: str) -> None:
        session = Session(mosquitto, name, [f"tonypi/commands/{name}"], persistent=True)
        await session.start(wait=10)
        await asyncio.sleep(0.2)
        await session.stop()

    async def back(name: str) -> list[bytes]:
        session = Session(mosquitto, name, [f"tonypi/commands/{name}"], persistent=True)
        await session.start(wait=10)
        found = await session.batch(10, 0.2, 1.0)
        session.ack(found)
        await session.stop()
        return [one.payload for one in found]

    late, early = f"late-{uuid.uuid4().hex[:6]}", f"early-{uuid.uuid4().hex[:6]}"
    await absent(late)
    await absent(early)
    async with served(settings) as api, commanding(api) as commander:
        for name in (late, early):
            order = Order("move", name, {}, "operator")
            assert (await orders.give(commander, order, 0.2)).state == "timed out"
    assert len(await back(early)) == 1
    await asyncio.sleep(1.5)
    assert await back(late) == []


async def test_nothing_is_sent_later_by_surprise_when_the_broker_is_away(
    mosquitto, database, settings_for
):
    proxy = Cuttable(mosquitto.port)
    environ = {"MQTT_BROKER_PORT": await proxy.open(), "GLUE_COMMAND_TIMEOUT": 1}
    settings = own(settings_for, database.database, **environ)
    name = f"r-{uuid.uuid4().hex[:6]}"
    robot = Session(mosquitto, name, [f"tonypi/+/{name}", "tonypi/+/broadcast"], in_flight=100)
    await robot.start(wait=10)
    try:
        async with served(settings) as api, commanding(api) as commander:
            await api.rows(f"INSERT INTO robots (robot_id, status) VALUES ('{name}', 'online')")
            path = f"/robots/{name}/commands"
            # Given just before the connection breaks, and never acknowledged.
            proxy.stall()
            giving = asyncio.create_task(api.post("operator", path, command("move", True)))
            while not await api.rows("SELECT id FROM commands"):
                await asyncio.sleep(0.05)
            # It is recorded, and leaves right after that.
            await asyncio.sleep(0.5)
            await proxy.cut()
            assert is_problem(await giving, 504)
            # Given while there is no broker.
            start = time.monotonic()
            away = await api.post("operator", path, command("move", True))
            assert is_problem(away, 503)
            assert time.monotonic() - start < 3
            stop = await api.post("operator", "/emergency-stop")
            assert is_problem(stop, 503)
            assert "NOT STOPPED" in stop.json()["detail"]
            # It is back within a second or two, and sends nothing of that.
            await proxy.mend()
            assert await commander.connected(5)
            assert await robot.batch(10, 0.5, 1.0) == []
            outcome = asyncio.create_task(api.post("operator", path, command("stop")))
            (came,) = await robot.batch(1, 0.0, 3.0)
            assert json.loads(came.payload)["type"] == "stop"
            assert is_problem(await outcome, 504)
            states = await api.rows("SELECT type, state FROM commands ORDER BY asked_at")
            assert [(row["type"], row["state"]) for row in states] == [
                ("move", "timed out"), ("emergency_stop", "unsent"), ("stop", "timed out"),
            ]  # fmt: skip
    finally:
        await proxy.cut()
        await robot.stop()


async def test_of_two_glues_the_one_that_sent_gets_the_answer(mosquitto, database, settings_for):
    settings = own(settings_for, database.database, GLUE_COMMAND_TIMEOUT=3)
    async with served(settings) as api, commanding(api), simulating(settings, 1):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('sim_01', 'online')")
        async with store.open_pool(settings.postgres) as pool:
            other = Commander(settings, pool)
            task = asyncio.create_task(other.run())
            await asyncio.sleep(0.05)
            assert await other.connected(10)
            ours = [api.post("operator", "/robots/sim_01/commands", command("stop")) for _ in "123"]
            theirs = [
                orders.give(other, Order("status_request", "sim_01", {}, "x"), 3) for _ in "123"
            ]
            found = await asyncio.gather(*ours, *theirs)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert [one.json()["answer"] for one in found[:3]] == ["Stopped"] * 3
        assert [one.answer.message for one in found[3:]] == ["Status sent"] * 3


@asynccontextmanager
async def serving(settings: Settings, environ: dict[str, str]) -> AsyncIterator[Any]:
    """The glue as a process of its own, which hears events."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "glue.cli", "serve"),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{settings.glue.port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for _ in range(300):
                assert program.returncode is None
                with contextlib.suppress(httpx.TransportError):
                    ready = await client.get("/readyz")
                    if "events" in ready.json().get("checks", {}) and (
                        ready.json()["checks"]["events"] == "ok"
                    ):
                        break
                await asyncio.sleep(0.1)
            yield program, client
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


async def test_an_answer_to_a_glue_that_was_killed_is_recorded_by_the_next_one(
    ground, mosquitto, database
):
    environ = {
        **ground.environ,
        "PGDATABASE": database.database,
        "MQTT_GLUE_CLIENT_ID": f"glue-{uuid.uuid4().hex[:8]}",
        "GLUE_PORT": str(free_port()),
        "GLUE_COMMAND_TIMEOUT": "2",
        "GRAFANA_URL": "",
    }
    settings = load(environ)
    async with served(settings) as api, talking(settings, database.dsn) as robots:
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        headers = {"authorization": f"Bearer {await api.token('operator')}"}
        path = "/api/v1/robots/r1/commands"
        async with serving(settings, environ) as (program, client):
            asking = [
                asyncio.create_task(client.post(path, json=body, headers=headers))
                for body in (command("move", True), command("stop"))
            ]
            await robots.until(lambda: len(robots.rows("SELECT 1 FROM commands")) == 2)
            await asyncio.sleep(0.3)
            program.kill()
            await asyncio.gather(*asking, return_exceptions=True)
        (move,) = robots.rows("SELECT id FROM commands WHERE type = 'move'")[0]
        answer = {"robot_id": "r1", "command_id": str(move), "success": True, "message": "There"}
        robots.say("tonypi/commands/response", answer)
        async with serving(settings, environ):
            found = await robots.until(
                lambda: (
                    not robots.rows("SELECT 1 FROM commands WHERE state = 'sent'")
                    and dict(robots.rows("SELECT type, state FROM commands"))
                )
            )
        assert found == {"move": "answered", "stop": "timed out"}


async def test_sending_says_whether_anybody_listens_and_refuses_without_a_broker(mosquitto):
    session = Session(mosquitto, f"s-{uuid.uuid4().hex[:8]}", volatile=True)
    with pytest.raises(BrokerUnavailable):
        await session.send("tonypi/commands/x", "{}", expiry=1, within=1)
    await session.start(wait=10)
    listener = Session(mosquitto, f"l-{uuid.uuid4().hex[:8]}", ["tonypi/commands/there"])
    await listener.start(wait=10)
    await asyncio.sleep(0.2)
    assert await session.send("tonypi/commands/there", "{}", expiry=1, within=1)
    assert not await session.send(f"nobody/{uuid.uuid4()}", "{}", expiry=1, within=1)
    await listener.stop()
    await session.stop()

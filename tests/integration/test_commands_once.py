"""A movement asked for twice with one ``Idempotency-Key`` is sent once, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from glue.broker import BrokerUnavailable, Session
from glue.commands import Commander
from glue.settings import Settings
from tests.api import Api, is_problem, served
from tests.commanding import command, commanding
from tests.events import own

YES = {"confirm": True}
MOVE = ("/robots/r1/commands", command("move", True))
JOB = ("/jobs", {"robot_id": "r1", "task_name": "sort", "items_total": 3, "confirm": True})


@asynccontextmanager
async def silent_robot(
    settings_for: Callable[..., Settings], database: Any, timeout: float
) -> AsyncIterator[tuple[Api, Session]]:
    """The API, and a robot that hears and says nothing."""
    settings = own(settings_for, database.database, GLUE_COMMAND_TIMEOUT=timeout)
    robot = Session(settings.broker, f"silent-{database.database}", ["tonypi/commands/r1"])
    await robot.start(wait=10)
    await asyncio.sleep(0.2)
    try:
        async with served(settings) as api, commanding(api):
            await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
            yield api, robot
    finally:
        await robot.stop()


async def ask(api: Api, path: str, body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": "once"}
    return await api.call("operator", "POST", f"/api/v1{path}", json=body, headers=headers)


@pytest.mark.parametrize("asked", [MOVE, JOB], ids=["move", "job"])
async def test_a_silent_robot_is_not_told_again(mosquitto, database, settings_for, asked):
    async with silent_robot(settings_for, database, 0.5) as (api, robot):
        first, second = await ask(api, *asked), await ask(api, *asked)
        assert is_problem(first, 504)
        assert is_problem(second, 504)
        assert second.headers["idempotency-replayed"] == "true"
        assert second.json() == first.json()
        assert len(await robot.batch(10, 0.2, 1.0)) == 1


async def test_who_gave_up_waiting_does_not_have_it_sent_again(mosquitto, database, settings_for):
    async with silent_robot(settings_for, database, 20) as (api, robot):
        asking = asyncio.create_task(ask(api, *MOVE))
        assert len(await robot.batch(1, 0.0, 5.0)) == 1
        for end in (False, True):
            if end:
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
            again = await ask(api, *MOVE)
            assert is_problem(again, 409)
            (row,) = await api.rows("SELECT id::text FROM commands")
            assert again.json()["type"].endswith(":sent-already")
            assert again.json()["command_id"] == row["id"]
        # Also not by who thinks that the first was killed.
        await api.rows("UPDATE idempotency_keys SET created_at = created_at - interval '1 h'")
        assert is_problem(await ask(api, *MOVE), 409)
        assert await robot.batch(10, 0.2, 1.0) == []


async def test_what_certainly_did_not_leave_may_be_tried_again(
    mosquitto, database, settings_for, monkeypatch
):
    async def broken(*_: Any) -> bool:
        raise BrokerUnavailable("away")

    async with silent_robot(settings_for, database, 0.5) as (api, robot):
        with monkeypatch.context() as patched:
            patched.setattr(Commander, "send", broken)
            for _ in range(2):
                failed = await ask(api, *MOVE)
                assert is_problem(failed, 503)
                assert "idempotency-replayed" not in failed.headers
        assert await api.rows("SELECT 1 FROM idempotency_keys") == []
        # Nor does what was refused before anything was sent keep the key.
        await api.rows("UPDATE robots SET status = 'offline'")
        assert is_problem(await ask(api, *MOVE), 409)
        await api.rows("UPDATE robots SET status = 'online'")
        assert is_problem(await ask(api, *MOVE), 504)
        assert len(await robot.batch(10, 0.2, 1.0)) == 1


@pytest.mark.parametrize("path", ["/robots/r1/resume", "/resume", "/jobs/1/cancel"])
async def test_a_resume_and_an_end_of_a_job_are_sent_once_too(
    mosquitto, database, settings_for, path
):
    async with silent_robot(settings_for, database, 0.5) as (api, _):
        await api.rows(
            "INSERT INTO jobs (id, robot_id, status, task_name, start_time)"
            " VALUES (1, 'r1', 'active', 'sort', now())"
        )
        body = None if "jobs" in path else YES
        first, second = await ask(api, path, body), await ask(api, path, body)
        assert second.headers["idempotency-replayed"] == "true"
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert len(await api.rows("SELECT 1 FROM commands")) == 1

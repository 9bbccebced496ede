"""A robot's jobs change in one order, whoever changes them: people, the robot, both at once."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, tzinfo
from typing import Any, Literal

import pytest

from glue import store
from glue.api.fleet import jobs as routes
from glue.store import fleet
from tests.api import Api, is_problem, served
from tests.commanding import commanding
from tests.events import consuming, own, talking

LINGERS_S = 1.0


async def linger(api: Api, when: Literal["BEFORE", "AFTER"]) -> None:
    """The next write to ``jobs`` takes a while: after it, uncommitted, or before, having read."""
    await api.rows("CREATE SEQUENCE turn")
    await api.rows(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('turn') = 1 THEN PERFORM pg_sleep({LINGERS_S}); END IF; RETURN NULL; END $$"
    )
    await api.rows(
        f"CREATE TRIGGER linger {when} INSERT OR UPDATE ON jobs"
        " FOR EACH STATEMENT EXECUTE FUNCTION linger()"
    )


async def lingering(api: Api) -> None:
    """Returns when somebody does."""
    query = "SELECT is_called FROM turn"
    for _ in range(200):
        if (await api.rows(query))[0]["is_called"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody wrote to jobs")


def new(**more: Any) -> dict[str, Any]:
    return {"robot_id": "r1", "task_name": "sort", "items_total": 3, "confirm": True, **more}


async def test_of_two_who_ask_at_once_one_is_told_of_the_others_job(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database)
    async with served(settings) as api, commanding(api):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        await linger(api, "AFTER")
        first = asyncio.create_task(api.post("operator", "/jobs?wait=0", new()))
        await lingering(api)
        second = await api.post("operator", "/jobs?wait=0", new())
        made = await first
        assert made.status_code == 201, made.text
        assert is_problem(second, 409)
        assert second.json()["job_id"] == made.json()["id"]


async def test_a_job_that_is_cancelled_while_the_robot_reports_stays_cancelled(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database)
    async with (
        served(settings) as api,
        talking(settings, database.dsn) as robots,
        consuming(settings),
    ):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        robots.say("tonypi/job/r1", {"status": "started", "task_name": "sort"})
        ((job,),) = await robots.until(lambda: robots.rows("SELECT id FROM jobs"))
        await linger(api, "BEFORE")
        robots.say("tonypi/job/r1", {"status": "working", "task_name": "sort", "items_done": 1})
        await lingering(api)
        ended = await api.post("operator", f"/jobs/{job}/cancel", {"force": True})
        assert ended.status_code == 200, ended.text
        await asyncio.sleep(LINGERS_S)
        assert robots.rows("SELECT status, reason, items_done FROM jobs") == [
            ("failed", "cancelled", 1)
        ]


async def test_a_report_that_comes_while_its_job_is_asked_for_is_not_lost(
    mosquitto, database, settings_for
):
    # Rarely a heartbeat in its batch, after whose halving it would be tried again.
    settings = own(settings_for, database.database, GLUE_HEARTBEAT_INTERVAL=2)
    async with (
        served(settings) as api,
        commanding(api),
        talking(settings, database.dsn) as robots,
        consuming(settings),
    ):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        await linger(api, "AFTER")
        asked = asyncio.create_task(api.post("operator", "/jobs?wait=0", new()))
        await lingering(api)
        robots.say("tonypi/job/r1", {"status": "started", "task_name": "sort", "items_total": 3})
        assert (await asked).status_code == 201
        begun = "SELECT status FROM jobs WHERE NOT details ? 'awaited'"
        assert await robots.until(lambda: robots.rows(begun)) == [("active",)]
        assert robots.rows("SELECT count(*) FROM jobs") == [(1,)]
        assert robots.rows("SELECT * FROM refused_messages") == []


async def test_what_the_robot_said_meanwhile_is_told_by_one_clock(
    mosquitto, database, settings_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API runs on another machine than PostgreSQL, whose clock is an hour ahead."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Ahead:
            return cls.fromtimestamp(time.time() + 3600, tz)

    monkeypatch.setattr(routes, "datetime", Ahead)
    async with served(own(settings_for, database.database)) as api, commanding(api):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        (job,) = await api.rows(
            "INSERT INTO jobs (robot_id, status, task_name, start_time)"
            " VALUES ('r1', 'active', 'sort', now()) RETURNING id"
        )
        path = f"/jobs/{job['id']}/cancel?wait=1.5"
        cancelling = asyncio.create_task(api.post("operator", path, {"force": True}))
        while not await api.rows("SELECT 1 FROM commands"):
            await asyncio.sleep(0.02)
        await api.rows(
            "UPDATE jobs SET status = 'failed', reason = 'I was told to', end_time = now()"
        )
        ended = await cancelling
    assert ended.status_code == 200, ended.text
    assert ended.json()["details"]["robot_said"] == "I was told to"


async def test_one_id_instead_of_several_is_a_mistake(api: Api) -> None:
    async with store.transaction(api.pool) as conn:
        with pytest.raises(TypeError, match="r1"):
            await fleet.hold(conn, "r1")

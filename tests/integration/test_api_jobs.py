"""Jobs through the API: asked for, begun by the robot, cancelled, counted, exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import pytest

from tests.api import Api, is_problem, served
from tests.commanding import commanding, fleet_of
from tests.events import consuming, own, talking

T0 = "2026-05-01T08:00:00Z"


async def add(api: Api, robot_id: str, status: str, **columns: Any) -> int:
    row = {"start_time": T0, "items_done": 0, "task_name": "sort", **columns}
    row |= {"robot_id": robot_id, "status": status}
    if isinstance(row.get("details"), dict):
        row["details"] = json.dumps(row["details"])
    names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    made = await api.rows(f"INSERT INTO jobs ({names}) VALUES ({marks}) RETURNING id", **row)
    return int(made[0]["id"])


def new(robot_id: str, **more: Any) -> dict[str, Any]:
    return {
        "robot_id": robot_id, "task_name": "sort", "items_total": 3, "confirm": True, **more
    }  # fmt: skip


async def jobs(api: Api, **columns: Any) -> list[dict[str, Any]]:
    return (await api.get("viewer", "/jobs", sort="id", **columns)).json()["items"]


async def until(api: Api, job_id: int, **expected: Any) -> dict[str, Any]:
    """The job as soon as it is so."""
    for _ in range(200):
        job: dict[str, Any] = (await api.get("viewer", f"/jobs/{job_id}")).json()
        if expected.items() <= job.items():
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {expected}: {job}")


async def test_a_job_is_asked_for_begun_cancelled_and_one_row_all_along(
    mosquitto, database, settings_for
):
    # The third simulated robot is of the make that leaves out start times.
    async with fleet_of(settings_for, database, 3) as api:
        for robot_id in ("sim_01", "sim_03"):
            asked = {**new(robot_id), "confirm": False}
            assert is_problem(await api.post("operator", "/jobs", asked), 428)
            made = await api.post("operator", "/jobs", new(robot_id, estimated_duration=12.0))
            assert made.status_code == 201, made.text
            job = made.json()
            assert (job["status"], job["items_total"]) == ("active", 3)
            assert job["details"]["asked_by"] == "operator"
            assert made.headers["location"] == f"/api/v1/jobs/{job['id']}"
            again = await api.post("operator", "/jobs", new(robot_id))
            assert is_problem(again, 409)
            assert again.json()["job_id"] == job["id"]
            begun = await until(api, job["id"], items_done=1)
            assert "awaited" not in begun["details"]
            own_word = begun["details"]["estimated_duration"]
            assert own_word
            # A quick robot's own word is there before the answer is.
            assert job["details"]["estimated_duration"] in (12, own_word)

            stale = await api.call(
                "operator", "POST", f"/api/v1/jobs/{job['id']}/cancel",
                headers={"if-match": made.headers["etag"]},
            )  # fmt: skip
            assert is_problem(stale, 412)
            ended = await api.post("operator", f"/jobs/{job['id']}/cancel")
            assert ended.status_code == 200, ended.text
            assert (ended.json()["status"], ended.json()["reason"]) == ("failed", "cancelled")
            assert is_problem(await api.post("operator", f"/jobs/{job['id']}/cancel"), 409)
        await asyncio.sleep(1)
        found = await jobs(api)
        assert [(one["robot_id"], one["status"], one["reason"]) for one in found] == [
            ("sim_01", "failed", "cancelled"),
            ("sim_03", "failed", "cancelled"),
        ]
        assert {one["details"]["cancelled_by"] for one in found} == {"operator"}
        # A second one of the same robot is a row of its own, and may complete.
        second = (await api.post("operator", "/jobs", new("sim_01", items_total=1))).json()
        done = await until(api, second["id"], status="completed")
        assert (done["items_done"], done["percent_complete"]) == (1, 100)
        assert done["duration_s"] == pytest.approx(4, abs=1.5)
        assert len(await jobs(api)) == 3


async def test_a_job_that_the_robot_refuses_or_does_not_hear_of_has_failed_with_the_reason(
    mosquitto, database, settings_for
):
    async with fleet_of(settings_for, database, 1, GLUE_COMMAND_TIMEOUT=1) as api:
        assert (await api.post("operator", "/robots/sim_01/emergency-stop")).status_code == 200
        refused = await api.post("operator", "/jobs", new("sim_01", even_if_stopped=True))
        assert is_problem(refused, 409)
        job = await until(api, refused.json()["job_id"], status="failed")
        assert job["reason"] == "the robot refused: Emergency stop is active"

        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        silent = await api.post("operator", "/jobs", new("r1"))
        assert is_problem(silent, 504)
        job = await until(api, silent.json()["job_id"], status="failed")
        assert job["reason"] == "the robot did not answer"
        # It was only slow: the job goes on, and is no second one.
        api.robots.say("tonypi/job/r1", {"status": "started", "task_name": "sort"})  # type: ignore[attr-defined]
        assert (await until(api, job["id"], status="active"))["reason"] is None
        assert len(await jobs(api, robot_id="r1")) == 1

        # It is gone now, and the job with it.
        path = f"/jobs/{job['id']}/cancel"
        no = await api.post("operator", path)
        assert is_problem(no, 504)
        assert "force" in no.json()["detail"]
        await api.rows("UPDATE robots SET status = 'offline' WHERE robot_id = 'r1'")
        assert is_problem(await api.post("operator", path), 409)
        assert (await api.post("operator", path, {"force": True})).json()["reason"] == "cancelled"
        assert is_problem(await api.post("operator", "/jobs", new("r1")), 409)
        assert is_problem(await api.post("operator", "/jobs", new("nobody")), 404)


async def test_a_job_of_a_glue_that_was_killed_does_not_stay_active_for_ever(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database, GLUE_COMMAND_TIMEOUT=1)
    async with (
        served(settings) as api,
        talking(settings, database.dsn) as robots,
        consuming(settings),
    ):
        await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
        async with commanding(api):
            asking = asyncio.create_task(api.post("operator", "/jobs", new("r1")))
            await robots.until(lambda: robots.rows("SELECT 1 FROM jobs WHERE status = 'active'"))
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        api.app.state.commander = type(api.app.state.commander)(settings, api.pool)
        async with commanding(api):
            reason = "SELECT reason FROM jobs WHERE status = 'failed'"
            found = await robots.until(lambda: robots.rows(reason))
        assert found == [("the robot did not answer",)]
        assert robots.rows("SELECT state FROM commands") == [("timed out",)]


async def test_without_a_broker_no_job_is_made(api: Api) -> None:
    await api.rows("INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
    assert is_problem(await api.post("operator", "/jobs", new("r1")), 503)
    assert await jobs(api) == []
    job = await add(api, "r1", "active")
    assert is_problem(await api.post("operator", f"/jobs/{job}/cancel"), 503)
    ended = await api.post("operator", f"/jobs/{job}/cancel", {"force": True})
    assert ended.json()["reason"] == "cancelled"


async def test_an_idempotency_key_makes_one_job_of_two_requests(mosquitto, database, settings_for):
    async with fleet_of(settings_for, database, 1) as api:

        async def ask() -> Any:
            return await api.call(
                "operator", "POST", "/api/v1/jobs",
                json=new("sim_01"), headers={"Idempotency-Key": "monday-1"},
            )  # fmt: skip

        first, second = await ask(), await ask()
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] == second.json()["id"]
        assert second.headers["idempotency-replayed"] == "true"
        assert len(await api.rows("SELECT 1 FROM commands")) == 1


async def test_lists_are_filtered_sorted_and_exported(api: Api) -> None:
    for n in range(7):
        await add(
            api,
            f"r{n % 2}",
            "completed" if n % 3 else "failed",
            start_time=f"2026-05-0{n + 1}T08:00:00Z",
            end_time=f"2026-05-0{n + 1}T08:01:00Z",
            task_name="=cmd" if n == 0 else "sort",
        )
    newest = await api.get("viewer", "/jobs", limit=3)
    assert [one["start_time"][:10] for one in newest.json()["items"]] == [
        "2026-05-07", "2026-05-06", "2026-05-05",
    ]  # fmt: skip
    rest = await api.get("viewer", "/jobs", cursor=newest.json()["next"], limit=100)
    assert (len(rest.json()["items"]), rest.json()["next"]) == (4, None)
    assert len(await jobs(api, robot_id="r0", status="completed")) == 2
    assert len(await jobs(api, since="2026-05-03T00:00:00Z", until="2026-05-05T00:00:00Z")) == 2
    assert len(await jobs(api, task_name="=cmd")) == 1
    for wrong in ({"status": "lost"}, {"sort": "reason"}, {"cursor": "x"}, {"robot_id": "a/b"}):
        assert is_problem(await api.get("viewer", "/jobs", **wrong), 422)
    turned = {"since": "2026-05-03T00:00:00Z", "until": "2026-05-01T00:00:00Z"}
    assert is_problem(await api.get("viewer", "/jobs", **turned), 422)
    assert is_problem(await api.get("viewer", "/jobs/999"), 404)
    table = list(
        csv.DictReader(
            io.StringIO((await api.get("viewer", "/jobs/export")).content.decode("utf-8-sig"))
        )
    )
    assert [row["task_name"] for row in table] == ["'=cmd", *["sort"] * 6]
    assert table[0]["duration_s"] == "60.0"
    lines = (await api.get("viewer", "/jobs/export", format="ndjson", robot_id="r1")).text
    assert {json.loads(line)["robot_id"] for line in lines.splitlines()} == {"r1"}
    tagged = await api.get("viewer", "/jobs/1")
    same = {"if-none-match": tagged.headers["etag"]}
    assert (await api.call("viewer", "GET", "/api/v1/jobs/1", headers=same)).status_code == 304


async def test_statistics_overall_and_by_robot(api: Api) -> None:
    wanted = {"since": "2026-05-01T00:00:00Z", "until": "2026-05-02T00:00:00Z"}
    nothing = (await api.get("viewer", "/jobs/statistics", **wanted)).json()
    assert nothing["overall"]["jobs"] == 0
    assert nothing["overall"]["success_rate"] is None
    assert nothing["by_robot"] == []
    estimate = {"estimated_duration": 100}
    await add(api, "r1", "completed", end_time="2026-05-01T08:02:00Z", items_done=4,
              details=estimate)  # fmt: skip
    await add(api, "r1", "completed", end_time="2026-05-01T08:01:00Z", items_done=2,
              details={"estimated_duration": "soon"})  # fmt: skip
    await add(api, "r1", "failed", end_time="2026-05-01T08:01:00Z", reason="cancelled")
    await add(api, "r2", "failed", end_time="2026-05-01T08:00:00Z", reason="dropped",
              details={"estimated_duration": 1e-300})  # fmt: skip
    await add(api, "r2", "active", items_done=9, details=estimate)
    await add(api, "r3", "completed", start_time="2025-01-01T00:00:00Z")
    answer = await api.get("viewer", "/jobs/statistics", **wanted)
    assert answer.status_code == 200, answer.text
    overall, by_robot = answer.json()["overall"], answer.json()["by_robot"]
    assert overall == {
        "jobs": 5,
        "active": 1,
        "completed": 2,
        "failed": 2,
        "cancelled": 1,
        "success_rate": 0.5,
        "items_done": 15,
        "items_per_hour": pytest.approx(6 / (240 / 3600)),
        "duration_mean_s": 90,
        "duration_median_s": 90,
        "estimated_jobs": 1,
        "estimated_mean_s": 100,
        "duration_of_estimated": pytest.approx(1.2),
    }
    assert [(one["robot_id"], one["jobs"], one["success_rate"]) for one in by_robot] == [
        ("r1", 3, pytest.approx(2 / 3)),
        ("r2", 2, 0),
    ]
    only = (await api.get("viewer", "/jobs/statistics", robot_id="r2", **wanted)).json()
    assert (only["overall"]["jobs"], len(only["by_robot"])) == (2, 1)

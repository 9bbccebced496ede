"""Maintenance windows: planned in local time, kept by the views, written down by the glue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from glue import store
from glue.cli import maintenance as group
from glue.events import Maintenance
from glue.store import maintenance
from tests.api import Api, is_problem
from tests.command import command

PATH = "/maintenance-windows"
BERLIN = ZoneInfo("Europe/Berlin")


def local(**later: float) -> str:
    at = datetime.now(BERLIN) + timedelta(**later)
    return at.replace(tzinfo=None).isoformat(timespec="minutes")


def window(**given: Any) -> dict[str, Any]:
    return {
        "name": "floor",
        "zone": "Europe/Berlin",
        "start": local(hours=-1),
        "end": local(hours=1),
        **given,
    }


async def some_robots(api: Api, *robot_ids: str) -> None:
    for robot_id in robot_ids:
        await api.post("operator", "/robots", {"robot_id": robot_id})


async def watched(api: Api) -> list[str]:
    """Whom the rules look at, which must be the same everywhere."""
    rows = await api.rows("SELECT robot_id FROM robot_watch WHERE watched ORDER BY 1")
    found = [row["robot_id"] for row in rows]
    limits = await api.rows("SELECT DISTINCT robot_id FROM effective_limits ORDER BY 1")
    assert [row["robot_id"] for row in limits] == found
    boards = await api.rows(
        "SELECT robot_id FROM grafana.robots WHERE NOT in_maintenance AND status <> 'maintenance'"
        " AND state <> 'maintenance' ORDER BY 1"
    )
    assert [row["robot_id"] for row in boards] == found
    return found


async def shift(api: Api, by: str) -> None:
    """As if the time had come: nobody writes anything down."""
    await api.rows("ALTER TABLE robots DISABLE TRIGGER USER")
    await api.rows(
        "UPDATE robots SET maintenance_until = maintenance_until - %(by)s::interval", by=by
    )
    await api.rows("ALTER TABLE robots ENABLE TRIGGER USER")
    await api.rows(
        "UPDATE maintenance_windows SET starts = starts - %(by)s::interval,"
        " ends = ends - %(by)s::interval",
        by=by,
    )
    await api.rows(
        "UPDATE maintenance_occurrences SET starts_at = starts_at - %(by)s::interval,"
        " ends_at = ends_at - %(by)s::interval",
        by=by,
    )


async def test_a_window_that_goes_on_begins_at_once_and_its_removal_ends_it(api: Api) -> None:
    await some_robots(api, "lab-1", "lab-2", "hall_1")
    await api.put("operator", "/groups/blue", {"robot_ids": ["hall_1"]})
    body = window(robots=["lab-*"], groups=["blue"], reason="new floor")
    answer = await api.post("operator", PATH, body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["running"] and made["start"] == body["start"]
    assert answer.headers["location"] == f"/api/v1{PATH}/{made['id']}"
    assert await watched(api) == ["tonypi_01"]
    robot = (await api.get("viewer", "/robots/lab-1")).json()
    assert robot["status"] == "maintenance"
    assert (robot["maintenance_reason"], robot["maintenance_by"]) == (
        "new floor",
        "maintenance window",
    )
    assert robot["maintenance_until"] == (await occurrences(api, made["id"]))[0]["ends_at"]
    # One mark on the charts for all, and it ends.
    changes = await api.rows("SELECT txid, after FROM fleet_changes WHERE kind = 'maintenance'")
    assert len({c["txid"] for c in changes}) == 1 and changes[0]["after"] == "new floor"
    is_problem(await api.delete("operator", "/robots/lab-1/maintenance"), 409)
    is_problem(await api.patch("operator", "/robots/lab-1", {"maintenance": False}), 409)
    ids = {"robot_ids": ["lab-1", "tonypi_01"]}
    is_problem(await api.post("operator", "/robots/maintenance/end", ids), 409)

    tag = {"if-match": '"another"'}
    path = f"/api/v1{PATH}/{made['id']}"
    assert is_problem(await api.call("operator", "DELETE", path, headers=tag), 412)
    assert (await api.delete("operator", f"{PATH}/{made['id']}")).status_code == 204
    assert await watched(api) == ["hall_1", "lab-1", "lab-2", "tonypi_01"]
    robot = (await api.get("viewer", "/robots/lab-1")).json()
    assert (robot["status"], robot["maintenance_window"]) == ("offline", None)
    (ends,) = await api.rows("SELECT count(*) FROM fleet_changes WHERE until IS NOT NULL")
    assert ends["count"] == 3
    said = [line["message"] for line in await api.logs("api")]
    assert said[-1] == "operator removed the maintenance window floor"


async def occurrences(api: Api, window_id: int, **more: Any) -> list[dict[str, str]]:
    answer = await api.get("viewer", f"{PATH}/{window_id}/occurrences", **more)
    found: list[dict[str, str]] = answer.json()["occurrences"]
    return found


async def test_it_begins_and_ends_while_the_glue_is_down_also_for_a_robot_that_comes_then(
    api: Api,
) -> None:
    body = window(fleet=True, start=local(hours=2), end=local(hours=4))
    made = (await api.post("operator", PATH, body)).json()
    assert not made["running"]
    assert await watched(api) == ["tonypi_01"]
    await shift(api, "3 hours")
    await api.rows("INSERT INTO robots (robot_id) VALUES ('new_1')")
    assert await watched(api) == []
    (row,) = await api.rows("SELECT status FROM robots WHERE robot_id = 'new_1'")
    assert row["status"] != "maintenance", "nobody wrote it down"
    # The glue is back.
    assert await Maintenance(api.pool).look() == []
    listed = (await api.get("viewer", "/robots", status="maintenance")).json()["items"]
    assert [one["robot_id"] for one in listed] == ["new_1", "tonypi_01"]
    await shift(api, "2 hours")
    assert await watched(api) == ["new_1", "tonypi_01"]
    assert await Maintenance(api.pool).look() == ["new_1", "tonypi_01"]
    assert await Maintenance(api.pool).look() == []
    assert await watched(api) == ["new_1", "tonypi_01"]


async def test_what_a_person_began_is_his_to_end(api: Api) -> None:
    await some_robots(api, "r1", "r2")
    await api.put("operator", "/robots/r1/maintenance", {"reason": "gripper"})
    made = (await api.post("operator", PATH, window(robots=["r?"]))).json()
    robot = (await api.get("viewer", "/robots/r1")).json()
    assert (robot["maintenance_reason"], robot["maintenance_window"]) == ("gripper", None)
    # In a window already, and then by hand as well: it stays when the window is gone.
    await api.put("operator", "/robots/r2/maintenance", {"reason": "leg"})
    await api.delete("operator", f"{PATH}/{made['id']}")
    assert await watched(api) == ["tonypi_01"]
    for robot_id in ("r1", "r2"):
        assert (await api.delete("operator", f"/robots/{robot_id}/maintenance")).status_code == 200
    assert await watched(api) == ["r1", "r2", "tonypi_01"]


async def test_changes_count_at_once_and_of_two_windows_the_longer_one_is_shown(api: Api) -> None:
    await some_robots(api, "r1", "r2")
    short = (await api.post("operator", PATH, window(robots=["r1", "r2"]))).json()
    longer = window(name="paint", robots=["r1"], end=local(hours=5))
    longer = (await api.post("operator", PATH, longer)).json()
    assert (await api.get("viewer", "/robots/r1")).json()["maintenance_window"] == longer["id"]
    changed = window(robots=["r2"], enabled=False)
    answer = await api.put("operator", f"{PATH}/{short['id']}", changed)
    assert answer.status_code == 200 and not answer.json()["running"]
    assert await watched(api) == ["r2", "tonypi_01"]
    taken = window(name="paint", robots=["r2"])
    assert is_problem(await api.put("operator", f"{PATH}/{short['id']}", taken), 409)
    assert is_problem(await api.post("operator", PATH, taken), 409)
    assert len((await api.get("viewer", PATH)).json()) == 2
    assert is_problem(await api.post("viewer", PATH, window(name="x", fleet=True)), 403)
    assert is_problem(await api.get("viewer", f"{PATH}/99"), 404)


async def test_a_removed_robot_is_in_no_window(api: Api) -> None:
    await some_robots(api, "r1")
    await api.delete("operator", "/robots/r1")
    await api.post("operator", PATH, window(fleet=True))
    robot = (await api.get("viewer", "/robots/r1")).json()
    assert (robot["status"], robot["maintenance_window"]) == ("offline", None)
    await api.post("operator", "/robots/r1/restore")
    assert await watched(api) == []


async def test_the_preview_is_what_happens(api: Api) -> None:
    when = {
        "zone": "Europe/Berlin",
        "start": "2026-12-01T22:00",
        "end": "2026-12-02T02:00",
        "weekdays": [2, 6],
    }
    answer = await api.call("viewer", "POST", f"/api/v1{PATH}/preview", json=when)
    told = answer.json()["occurrences"]
    assert len(told) == 10
    made = (await api.post("operator", PATH, {**when, "name": "nightly", "fleet": True})).json()
    assert await occurrences(api, made["id"]) == told
    kept = await api.rows("SELECT starts_at, ends_at FROM maintenance_occurrences ORDER BY 1")
    assert len(kept) >= 20, "so long the glue may be down"
    assert [row["starts_at"].isoformat().replace("+00:00", "Z") for row in kept[:10]] == [
        one["starts_at"] for one in told
    ]
    assert len(await occurrences(api, made["id"], count=3)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"fleet": True, "robots": ["r1"]},
        {},
        {"fleet": True, "zone": "Mars/Olympus"},
        {"fleet": True, "end": "2001-01-01T00:00"},
        {"fleet": True, "start": "2026-01-01T00:00Z"},
        {"fleet": True, "weekdays": [8]},
        {"robots": ["[a-z]"]},
        {"groups": ["two words"]},
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert is_problem(await api.post("operator", PATH, window(**wrong)), 422)


async def test_windows_are_planned_further_as_time_goes_by(api: Api) -> None:
    body = window(fleet=True, weekdays=[1, 2, 3, 4, 5, 6, 7], start=local(hours=2))
    body["end"] = local(hours=3)
    await api.post("operator", PATH, body)
    (before,) = await api.rows("SELECT max(starts_at) AS last FROM maintenance_occurrences")
    at = datetime.now(UTC) + timedelta(days=30)
    await Maintenance(api.pool, clock=lambda: at).look()
    (after,) = await api.rows("SELECT max(starts_at) AS last FROM maintenance_occurrences")
    assert after["last"] - before["last"] >= timedelta(days=29)


async def test_2000_robots_enter_and_leave_a_window_in_seconds(api: Api) -> None:
    await api.rows(
        "INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, 2000) AS n"
    )
    made = (await api.post("operator", PATH, window(fleet=True))).json()
    assert await watched(api) == []
    began = datetime.now(UTC)
    async with store.transaction(api.pool) as conn:
        assert await maintenance.apply(conn) == []
    assert datetime.now(UTC) - began < timedelta(seconds=2)
    await api.delete("operator", f"{PATH}/{made['id']}")
    assert len(await watched(api)) == 2001


async def test_the_command_does_the_same(api: Api, monkeypatch: Any, tmp_path: Any) -> None:
    tonypi = command(group, api.settings.postgres.dsn, monkeypatch, tmp_path)
    assert "no maintenance" in tonypi("maintenance", "list")[1]
    times = ("--start", local(hours=-1), "--end", local(hours=1), "--zone", "Europe/Berlin")
    code, said = tonypi("maintenance", "add", "floor", *times, "--fleet", "--dry-run")
    assert code == 0 and said.startswith("would plan floor: the fleet; once"), said
    assert await watched(api) == ["tonypi_01"]
    nightly = ("--on", "mon,tue", "--on", "Sunday", "--every-weeks", "2", "--robot", "tonypi_*")
    code, said = tonypi("maintenance", "add", "floor", *times, *nightly, "--last-day", "2100-01-01")
    assert code == 0 and "mon, tue, sun every 2 weeks" in said, said
    assert tonypi("maintenance", "add", "floor", *times, "--fleet")[0] == 1
    code, said = tonypi("maintenance", "add", "now", *times, "--fleet", "--json")
    assert code == 0 and len(json.loads(said)["occurrences"]) == 1
    assert await watched(api) == []
    (floor, now) = json.loads(tonypi("maintenance", "list", "--json")[1])
    assert now["running"] and floor["weekdays"] == [1, 2, 7]
    assert " now " in tonypi("maintenance", "list")[1]
    assert tonypi("maintenance", "remove", "now", "--dry-run") == (0, "would remove now\n")
    assert [tonypi("maintenance", "remove", "now")[0] for _ in range(2)] == [0, 1]
    assert await watched(api) == ["tonypi_01"]
    for wrong in (["--on", "someday"], ["--start", "soon"], ["--zone", "Mars"], ["--robot", "r1"]):
        assert tonypi("maintenance", "add", "x", *times, "--fleet", *wrong)[0] != 0

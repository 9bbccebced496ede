"""Maintenance: begins with a reason, ends by hand or by itself, and everybody agrees on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from glue.events import Maintenance
from tests.api import Api, is_problem

PATH = "/robots/tonypi_01/maintenance"


def at(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat().replace("+00:00", "Z")


async def watched(api: Api) -> dict[str, bool]:
    """What each part of the system says: is the robot watched?"""
    await api.rows(
        "INSERT INTO heartbeats (name, beat_at, listened) VALUES ('events', now(), 1000)"
        " ON CONFLICT DO NOTHING"
    )
    await api.rows("UPDATE robots SET heard_at = 5, last_seen = now() WHERE heard_at IS NULL")
    queries = {
        "limits": "SELECT 1 FROM effective_limits WHERE robot_id = 'tonypi_01'",
        "rules": "SELECT 1 FROM grafana.rule_limits WHERE robot_id = 'tonypi_01'",
        "silence": "SELECT 1 FROM grafana.silence WHERE robot_id = 'tonypi_01'",
        "clocks": "SELECT 1 FROM grafana.watched WHERE robot_id = 'tonypi_01'",
        "dashboards": "SELECT 1 FROM grafana.robots WHERE robot_id = 'tonypi_01'"
        " AND NOT in_maintenance AND status <> 'maintenance' AND state <> 'maintenance'",
    }
    said = {name: bool(await api.rows(query)) for name, query in queries.items()}
    robot = (await api.get("viewer", "/robots/tonypi_01")).json()
    said["the API"] = robot["status"] != "maintenance" and not robot["maintenance"]
    listed = await api.get("viewer", "/robots", status="maintenance")
    said["the list"] = listed.json()["items"] == []
    limits = (await api.get("viewer", "/robots/tonypi_01/thresholds")).json()["effective"]
    said["its limits"] = all(limit["in_force"] for limit in limits)
    return said


async def pass_the_end(api: Api) -> None:
    """As if the time had come: nobody writes anything down."""
    await api.rows("ALTER TABLE robots DISABLE TRIGGER USER")
    await api.rows("UPDATE robots SET maintenance_until = now() - interval '1 minute'")
    await api.rows("ALTER TABLE robots ENABLE TRIGGER USER")


async def test_a_maintenance_has_a_reason_an_end_and_somebody_who_began_it(api: Api) -> None:
    assert [who for who, so in (await watched(api)).items() if not so] == []
    until = at(hours=2)
    answer = await api.put("operator", PATH, {"reason": "new gripper", "until": until})
    assert answer.status_code == 200, answer.text
    robot = answer.json()
    assert (robot["status"], robot["maintenance_reason"]) == ("maintenance", "new gripper")
    assert (robot["maintenance_until"], robot["maintenance_by"]) == (until, "operator")
    assert robot["maintenance_since"]
    assert [who for who, so in (await watched(api)).items() if so] == []
    (entry,) = await api.logs("api")
    assert entry["message"] == "operator put robot tonypi_01 into maintenance"
    assert entry["details"] == {"username": "operator", "reason": "new gripper", "until": until}

    # Another reason and no end; who began it stays.
    answer = await api.put("admin", PATH, {"reason": "and a new leg"})
    assert answer.json()["maintenance_until"] is None
    assert answer.json()["maintenance_by"] == "operator"

    answer = await api.delete("operator", PATH)
    robot = answer.json()
    assert robot["status"] == "offline"
    assert {v for k, v in robot.items() if k.startswith("maintenance_")} == {None}
    assert [who for who, so in (await watched(api)).items() if not so] == []
    assert is_problem(await api.delete("operator", PATH), 409)


async def test_it_is_over_at_its_end_though_nobody_writes_that_down(api: Api) -> None:
    await api.put("operator", PATH, {"until": at(hours=1)})
    assert [who for who, so in (await watched(api)).items() if so] == []
    await pass_the_end(api)
    assert (await api.rows("SELECT status FROM robots"))[0]["status"] == "maintenance"
    assert [who for who, so in (await watched(api)).items() if not so] == []
    # A new one begins anew.
    robot = (await api.put("admin", PATH, {"until": at(hours=1)})).json()
    assert (robot["status"], robot["maintenance_by"]) == ("maintenance", "admin")


async def test_the_glue_writes_the_end_down_as_of_its_time(api: Api) -> None:
    await api.put("operator", PATH, {"reason": "new gripper", "until": at(hours=1)})
    look = Maintenance(api.pool).look
    assert await look() == []
    await pass_the_end(api)
    await api.rows("UPDATE fleet_changes SET at = now() - interval '1 hour'")
    assert await look() == ["tonypi_01"]
    assert await look() == []
    assert (await api.rows("SELECT status FROM robots"))[0]["status"] == "offline"
    (change,) = await api.rows(
        "SELECT actor, after, until < now() - interval '50 s' AS in_time FROM fleet_changes"
        " WHERE kind = 'maintenance'"
    )
    assert change == {"actor": "operator", "after": "new gripper", "in_time": True}
    (entry,) = await api.logs("system")
    assert entry["message"] == "The maintenance of robot tonypi_01 ended at its time"


async def test_many_begin_and_end_together_all_or_none(api: Api) -> None:
    for n in range(3):
        await api.post("operator", "/robots", {"robot_id": f"r{n}"})
    body: dict[str, Any] = {"robot_ids": ["r0", "r1", "r0"], "reason": "paint", "until": at(days=1)}
    answer = await api.post("operator", "/robots/maintenance", body)
    assert answer.json() == {"robot_ids": ["r0", "r1"]}
    listed = (await api.get("viewer", "/robots", status="maintenance")).json()["items"]
    assert [(one["robot_id"], one["maintenance_reason"]) for one in listed] == [
        ("r0", "paint"),
        ("r1", "paint"),
    ]
    # One mark on the charts, not one a robot.
    changes = await api.rows(
        "SELECT count(DISTINCT txid) AS n FROM fleet_changes WHERE kind = 'maintenance'"
    )
    assert changes == [{"n": 1}]

    for path in ("/robots/maintenance", "/robots/maintenance/end"):
        wrong = {"robot_ids": ["r2", "nobody", "nothing"]}
        answer = await api.post("operator", path, wrong)
        assert is_problem(answer, 404)
        assert [error["where"] for error in answer.json()["errors"]] == [
            "body.robot_ids.1",
            "body.robot_ids.2",
        ]
    await api.delete("operator", "/robots/r2")
    answer = await api.post("operator", "/robots/maintenance/end", {"robot_ids": ["r0", "r2"]})
    assert is_problem(answer, 409)
    assert len((await api.get("viewer", "/robots", status="maintenance")).json()["items"]) == 2
    both = {"robot_ids": ["r0", "tonypi_01"]}
    answer = await api.post("operator", "/robots/maintenance/end", both)
    assert answer.json() == {"robot_ids": ["r0"]}
    assert is_problem(await api.post("viewer", "/robots/maintenance", body), 403)


async def test_an_end_that_has_passed_is_refused(api: Api) -> None:
    for body in (
        {"until": at(seconds=-1)},
        {"until": "2026-13-01T00:00:00Z"},
        {"until": "some day"},
        {"until": "2099-01-01T00:00:00"},
        {"reason": ""},
        {"reason": "x" * 501},
        {"reason": "\x00"},
        {"why": "x"},
    ):
        assert is_problem(await api.put("operator", PATH, body), 422), body
    assert (await api.get("viewer", "/robots/tonypi_01")).json()["status"] == "offline"

"""Limits through the API."""

from __future__ import annotations

from typing import Any

from glue.core.metrics import METRICS
from tests.api import Api, is_problem

ROBOT = "/robots/tonypi_01/thresholds"


async def effective(api: Api, metric: str) -> dict[str, Any]:
    answer = await api.get("viewer", ROBOT)
    assert answer.status_code == 200, answer.text
    (limit,) = [row for row in answer.json()["effective"] if row["metric"] == metric]
    return limit


async def test_the_fleets_limits_ship_set(api: Api) -> None:
    answer = (await api.get("viewer", "/thresholds")).json()
    assert [row["metric"] for row in answer] == list(METRICS)
    battery = answer[list(METRICS).index("battery")]
    assert battery["direction"] == "low"
    assert (battery["set"]["warning"], battery["set"]["critical"]) == (20, 10)


async def test_each_level_gives_way_to_the_next(api: Api) -> None:
    assert (await effective(api, "cpu"))["source"] == "global"
    own = {"warning": 50, "critical": 60, "critical_recovery": 58}
    answer = await api.put("operator", f"{ROBOT}/cpu", own)
    assert answer.status_code == 200, answer.text
    assert [row["metric"] for row in answer.json()["set"]] == ["cpu"]
    limit = await effective(api, "cpu")
    assert limit == {
        "metric": "cpu",
        "unit": "%",
        "direction": "high",
        "warning": 50,
        "warning_recovery": 45,
        "critical": 60,
        "critical_recovery": 58,
        "source": "robot",
        "enabled": True,
        "in_force": True,
    }
    assert (await api.delete("operator", f"{ROBOT}/cpu")).status_code == 200
    assert (await effective(api, "cpu"))["source"] == "global"
    answer = await api.put("admin", "/thresholds/cpu", {"warning": 40, "critical": 80})
    assert answer.json()["set"]["warning"] == 40
    assert (await effective(api, "cpu"))["warning"] == 40
    assert (await api.delete("admin", "/thresholds/cpu")).json()["set"] is None
    limit = await effective(api, "cpu")
    assert (limit["source"], limit["warning"]) == ("default", 70)
    assert is_problem(await api.delete("admin", "/thresholds/cpu"), 404)
    assert is_problem(await api.delete("operator", f"{ROBOT}/cpu"), 404)


async def test_switched_off_and_in_maintenance_are_seen(api: Api) -> None:
    await api.put("operator", f"{ROBOT}/memory", {"enabled": False})
    limit = await effective(api, "memory")
    assert (limit["enabled"], limit["in_force"]) == (False, False)
    await api.patch("operator", "/robots/tonypi_01", {"maintenance": True})
    limit = await effective(api, "cpu")
    assert (limit["enabled"], limit["in_force"]) == (True, False)


async def test_who_changed_a_limit_is_recorded(api: Api) -> None:
    await api.put("operator", f"{ROBOT}/cpu", {"warning": 50, "critical": 60})
    await api.put("admin", "/thresholds/cpu", {"warning": 40, "critical": 80})
    await api.delete("operator", f"{ROBOT}/cpu")
    one, two, three = await api.logs("api")
    assert one["message"] == "operator set limits of cpu for robot tonypi_01"
    assert (one["robot_id"], one["details"]["before"]) == ("tonypi_01", None)
    assert one["details"]["after"]["warning"] == 50
    assert two["message"] == "admin set limits of cpu for the fleet"
    assert two["robot_id"] is None
    assert (two["details"]["before"]["warning"], two["details"]["after"]["warning"]) == (70, 40)
    assert three["message"] == "operator reset limits of cpu for robot tonypi_01"
    assert three["details"]["after"] is None


NO_SENSE: list[tuple[Any, str]] = [
    ({"warning": 90, "critical": 80}, "critical 80 is not above warning 90"),
    ({"warning": 50, "critical": 50}, "not above"),
    ({"warning": 50, "critical": 60, "warning_recovery": 55}, "safe side"),
    ({"warning_recovery": 50}, "needs its limit"),
    ({"warning": 95}, "give both"),
    ({"warning": 50, "critical": 1000}, "strictly between"),
    ({"warning": "hot"}, "number"),
    ({"warning": 10**400}, ""),
    ({"limit": 5}, "limit"),
    ({"enabled": None}, "enabled"),
    ({"enabled": 0}, "enabled"),
    ({"warning": "50"}, "warning"),
    ([], ""),
]


async def test_limits_that_make_no_sense_are_refused(api: Api) -> None:
    for body, says in NO_SENSE:
        for role, path in (("operator", f"{ROBOT}/cpu"), ("admin", "/thresholds/cpu")):
            answer = await api.put(role, path, body)
            assert is_problem(answer, 422)
            assert says in answer.json()["detail"]
        assert await api.logs("api") == []


async def test_unknown_robots_and_metrics(api: Api) -> None:
    limits = {"warning": 50, "critical": 60}
    assert is_problem(await api.put("operator", "/robots/nobody/thresholds/cpu", limits), 404)
    assert is_problem(await api.get("viewer", "/robots/nobody/thresholds"), 404)
    assert is_problem(await api.delete("operator", "/robots/nobody/thresholds/cpu"), 404)
    answer = await api.put("admin", "/thresholds/mood", limits)
    assert is_problem(answer, 422)
    assert "servo_temp" in answer.json()["detail"]

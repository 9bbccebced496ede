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
        "sources": {
            "warning": "robot",
            "warning_recovery": "margin",
            "critical": "robot",
            "critical_recovery": "robot",
            "enabled": "global",
        },
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
    ({"enabled": "no"}, "enabled"),
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


async def test_each_value_says_where_it_comes_from(api: Api) -> None:
    await api.put("admin", "/thresholds/cpu", {"critical": 85, "critical_recovery": 80})
    await api.put("operator", f"{ROBOT}/cpu", {"warning": 50, "enabled": True})
    assert (await effective(api, "cpu"))["sources"] == {
        "warning": "robot",
        "warning_recovery": "margin",
        "critical": "global",
        "critical_recovery": "global",
        "enabled": "robot",
    }
    # A pair that the fleet's new limit makes senseless gives way as a whole.
    await api.put("admin", "/thresholds/cpu", {"warning": 30, "critical": 40})
    limit = await effective(api, "cpu")
    assert (limit["warning"], limit["source"], limit["sources"]["warning"]) == (
        30,
        "global",
        "global",
    )
    assert limit["sources"]["enabled"] == "robot"


async def test_a_switch_left_open_follows_the_fleets(api: Api) -> None:
    await api.put("operator", f"{ROBOT}/temperature", {"warning": 50, "critical": 60})
    await api.put("admin", "/thresholds/temperature", {"enabled": False})
    assert not (await effective(api, "temperature"))["enabled"]
    # Nor does a limit set in the robot's own columns switch it on, or keep it off for ever.
    await api.post("operator", "/robots", {"robot_id": "r2", "temp_threshold_warning": 65})

    async def of_r2() -> dict[str, Any]:
        answer = (await api.get("viewer", "/robots/r2/thresholds")).json()
        (limit,) = [row for row in answer["effective"] if row["metric"] == "temperature"]
        return limit

    assert (await of_r2())["warning"] == 65
    assert not (await of_r2())["enabled"]
    await api.put("admin", "/thresholds/temperature", {})
    assert (await of_r2())["enabled"]
    assert (await effective(api, "temperature"))["enabled"]


async def test_everything_goes_back_at_once(api: Api) -> None:
    for metric in ("cpu", "battery"):
        limits = {"warning": 50, "critical": 60 if metric == "cpu" else 40}
        assert (await api.put("operator", f"{ROBOT}/{metric}", limits)).status_code == 200
    answer = await api.delete("operator", ROBOT)
    assert answer.json() == {"metrics": ["cpu", "battery"]}
    assert (await api.delete("operator", ROBOT)).json() == {"metrics": []}
    assert (await effective(api, "cpu"))["source"] == "global"
    assert is_problem(await api.delete("operator", "/thresholds"), 403)
    assert (await api.delete("admin", "/thresholds")).json() == {"metrics": list(METRICS)}
    assert (await effective(api, "cpu"))["source"] == "default"
    assert [row["set"] for row in (await api.get("viewer", "/thresholds")).json()] == [None] * 5


async def test_nobody_overwrites_what_somebody_else_set(api: Api) -> None:
    for role, path, read in (
        ("operator", f"{ROBOT}/cpu", ROBOT),
        ("admin", "/thresholds/cpu", "/thresholds/cpu"),
    ):
        mine = {"if-match": (await api.get("viewer", read)).headers["etag"]}
        url, limits = f"/api/v1{path}", {"warning": 50, "critical": 60}
        first = await api.call(role, "PUT", url, json=limits, headers=mine)
        assert first.status_code == 200, first.text
        late = await api.call(role, "PUT", url, json=limits, headers=mine)
        assert is_problem(late, 412)
        assert late.headers["etag"] == first.headers["etag"]
        assert is_problem(await api.call(role, "DELETE", url, headers=mine), 412)


async def fleet_of(api: Api, count: int) -> list[str]:
    rows = await api.rows(
        "INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, %(count)s) n"
        " RETURNING robot_id",
        count=count,
    )
    return [row["robot_id"] for row in rows]


async def test_many_robots_get_many_limits_in_one_go(api: Api) -> None:
    robots = await fleet_of(api, 30)
    await api.put("operator", "/robots/r1/thresholds/memory", {"warning": 50, "critical": 60})
    changes = [
        {
            "robot_ids": robots,
            "limits": {
                "cpu": {"warning": 50, "critical": 60},
                "temperature": {"warning": 55, "critical": 66},
                "memory": None,
            },
        },
        {"robot_ids": ["tonypi_01"], "limits": {"cpu": {"enabled": False}}},
    ]
    answer = await api.put("operator", "/thresholds/bulk", {"changes": changes})
    assert answer.json() == {"robots": 31, "set": 61, "reset": 1}
    found = (await api.get("viewer", "/thresholds/effective", metric="cpu", limit=500)).json()
    own = {row["robot_id"]: (row["warning"], row["source"]) for row in found["items"]}
    assert own == {**dict.fromkeys(robots, (50, "robot")), "tonypi_01": (70, "global")}
    # Value by value, as the robot's own page has it.
    for row in found["items"][:2] + found["items"][-1:]:
        one = (await api.get("viewer", f"/robots/{row['robot_id']}/thresholds")).json()
        (limit,) = [limit for limit in one["effective"] if limit["metric"] == "cpu"]
        assert row["sources"] == limit["sources"]
    # The columns of the robots say the same.
    (row,) = await api.rows("SELECT count(*) AS n FROM robots WHERE temp_threshold_warning = 55")
    assert row["n"] == 30
    (entry,) = [e for e in await api.logs("api") if "30 robots" in e["message"]]
    assert entry["message"] == "operator changed limits of cpu, memory, temperature for 30 robots"

    history = (
        await api.get("viewer", "/thresholds/history", robot_id="r1", metric="memory")
    ).json()
    assert [(c["actor"], c["before"], c["after"]) for c in history["items"]] == [
        ("operator", {**NUMBERS, "warning": 50, "critical": 60}, None),
        ("operator", None, {**NUMBERS, "warning": 50, "critical": 60}),
    ]


NUMBERS = {
    "warning": None,
    "critical": None,
    "warning_recovery": None,
    "critical_recovery": None,
    "enabled": None,
}


async def test_a_change_of_many_is_all_or_nothing_and_names_each_mistake(api: Api) -> None:
    robots = await fleet_of(api, 3)
    good = {"robot_ids": robots, "limits": {"cpu": {"warning": 50, "critical": 60}}}
    bad = {
        "robot_ids": ["tonypi_01", "r1"],
        "limits": {"battery": {"warning": 20, "critical": 30}, "memory": {"warning": 99.5}},
    }
    answer = await api.put("operator", "/thresholds/bulk", {"changes": [good, bad]})
    assert is_problem(answer, 422)
    errors = answer.json()["errors"]
    assert [error["where"] for error in errors] == [
        "body.changes.1.limits.battery",
        "body.changes.1.limits.memory",
    ] * 2
    assert "tonypi_01: critical 30 is not below warning 20" in errors[0]["why"]
    assert "give both" in errors[1]["why"]
    assert await api.rows("SELECT 1 FROM alert_thresholds WHERE robot_id IS NOT NULL") == []

    for change, status, where in (
        ({**good, "robot_ids": ["r1", "nobody"]}, 404, "body.changes.0.robot_ids.1"),
        ({**good, "robot_ids": ["r1", "r2", "r1"]}, 422, "body.changes.0.robot_ids.2"),
        ({**good, "limits": {"mood": None}}, 422, "body.changes.0.limits.mood.[key]"),
        ({**good, "robot_ids": []}, 422, "body.changes.0.robot_ids"),
    ):
        answer = await api.put("operator", "/thresholds/bulk", {"changes": [change]})
        assert is_problem(answer, status)
        assert [error["where"] for error in answer.json()["errors"]] == [where]
    await api.delete("operator", "/robots/r2")
    answer = await api.put("operator", "/thresholds/bulk", {"changes": [good]})
    assert is_problem(answer, 409)
    assert answer.json()["errors"][0]["why"].startswith("r2: removed")
    assert await api.rows("SELECT 1 FROM alert_thresholds WHERE robot_id IS NOT NULL") == []


async def test_the_fleets_limits_change_with_those_of_robots_or_not_at_all(api: Api) -> None:
    (robot,) = await fleet_of(api, 1)
    body = {
        "fleet": {"cpu": {"warning": 50, "critical": 60}, "memory": None},
        # The warning limit comes from the fleet's new row.
        "changes": [{"robot_ids": [robot], "limits": {"cpu": {"critical": 55}}}],
    }
    assert is_problem(await api.put("operator", "/thresholds/bulk", body), 403)
    answer = await api.put("admin", "/thresholds/bulk", body)
    assert answer.json() == {"robots": 1, "set": 2, "reset": 1}
    found = (await api.get("viewer", f"/robots/{robot}/thresholds")).json()["effective"]
    assert [(row["warning"], row["critical"]) for row in found if row["metric"] == "cpu"] == [
        (50, 55)
    ]
    wrong = {**body, "fleet": {"cpu": {"warning": 57, "critical": 60}}}
    assert is_problem(await api.put("admin", "/thresholds/bulk", wrong), 422)
    assert (await api.get("viewer", "/thresholds/cpu")).json()["set"]["warning"] == 50
    worse = {"fleet": {"battery": {"warning": 10, "critical": 60}}}
    answer = await api.put("admin", "/thresholds/bulk", worse)
    assert is_problem(answer, 422)
    assert [error["where"] for error in answer.json()["errors"]] == ["body.fleet.battery"]
    assert is_problem(await api.put("admin", "/thresholds/bulk", {}), 422)
    assert (await api.put("admin", "/thresholds/bulk", {"fleet": {"cpu": None}})).json()["reset"]


async def test_history_says_who_and_also_knows_plain_sql(api: Api) -> None:
    await api.put("admin", "/thresholds/cpu", {"warning": 40, "critical": 80})
    await api.rows("UPDATE alert_thresholds SET warning_threshold = 45 WHERE metric_type = 'cpu'")
    found = (await api.get("viewer", "/thresholds/history", fleet=True, metric="cpu")).json()
    sql, admin = found["items"][:2]
    assert (sql["actor"], sql["before"]["warning"], sql["after"]["warning"]) == (None, 40, 45)
    assert (admin["actor"], admin["before"]["warning"]) == ("admin", 70)
    only = await api.get("viewer", "/thresholds/history", actor="admin")
    assert [change["id"] for change in only.json()["items"]] == [admin["id"]]
    assert (await api.get("viewer", "/thresholds/history", fleet=False)).json()["items"] == []
    export = await api.get("viewer", "/thresholds/history/export", format="ndjson", actor="admin")
    assert len(export.text.splitlines()) == 1


async def test_limits_are_exported(api: Api) -> None:
    await fleet_of(api, 2)
    await api.put("operator", "/robots/r1/thresholds/cpu", {"warning": 50, "critical": 60})
    rows = (await api.get("viewer", "/thresholds/export", format="json")).json()
    assert [(row["robot_id"], row["metric"]) for row in rows[-1:]] == [("r1", "cpu")]
    assert len(rows) == 6
    effective = await api.get("viewer", "/thresholds/effective/export", source="robot")
    head, row = effective.content.decode("utf-8-sig").splitlines()
    assert head.startswith("metric,") and row.startswith("cpu,50.0,")
    everything = await api.get("viewer", "/thresholds/effective/export", format="json")
    assert len(everything.json()) == 15
    off = await api.get("viewer", "/thresholds/effective", in_force=False)
    assert off.json()["items"] == []


async def test_the_fleet_is_not_reset_over_somebody_elses_change(api: Api) -> None:
    seen = await api.get("admin", "/thresholds")
    assert len(seen.json()) == 5
    await api.put("admin", "/thresholds/cpu", {"warning": 50, "critical": 60})
    stale = {"if-match": seen.headers["etag"]}
    path = "/api/v1/thresholds"
    assert is_problem(await api.call("admin", "DELETE", path, headers=stale), 412)
    now = {"if-match": (await api.get("admin", "/thresholds")).headers["etag"]}
    done = await api.call("admin", "DELETE", path, headers=now)
    assert "cpu" in done.json()["metrics"]

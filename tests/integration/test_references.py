"""Names that do not exist are refused wherever one is given; what is named is not taken away."""

from __future__ import annotations

from typing import Any

import pytest

from glue.cli import groups, maintenance, mutes, notify, reports, users
from tests import notified
from tests.api import Api, is_problem
from tests.command import command

WINDOW = {"name": "w", "zone": "UTC", "start": "2030-01-01T20:00", "end": "2030-01-02T08:00"}
ROUTE = {"name": "night", "targets": [1]}
REPORT = {"type": "job", "covers": "day"}
SCHEDULE = {"name": "daily", "every": "daily", "report": {"type": "job"}}

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("/mutes", {"robots": ["lab-p1"]}, "body.robots", "did you mean lab-pi1?"),
    ("/mutes", {"groups": ["hall2"]}, "body.groups", "did you mean hall-2?"),
    ("/mutes", {"metrics": ["servo_tmp"]}, "body.metrics", "did you mean servo_temp?"),
    ("/mutes", {"types": ["batery"]}, "body.types", "did you mean battery?"),
    ("/maintenance-windows", WINDOW | {"robots": ["lab-p1"]}, "body.robots", "lab-pi1"),
    ("/maintenance-windows", WINDOW | {"groups": ["hall2"]}, "body.groups", "hall-2"),
    ("/notifications/routes", ROUTE | {"robots": ["lab-p1"]}, "body.robots", "lab-pi1"),
    ("/notifications/routes", ROUTE | {"groups": ["hall2"]}, "body.groups", "hall-2"),
    ("/notifications/routes", ROUTE | {"metrics": ["cpus"]}, "body.metrics", "cpu?"),
    ("/notifications/routes", ROUTE | {"targets": [7]}, "body.targets", "there are 1"),
    (
        "/notifications/routes",
        ROUTE | {"escalate_after": 60, "escalate_to": [7]},
        "body.escalate_to",
        "7 is no notification target",
    ),
    ("/reports", REPORT | {"robots": ["lab-p1"]}, "body.robots", "lab-pi1"),
    ("/reports", REPORT | {"group": "hall2"}, "body.group", "hall-2"),
    (
        "/report-schedules",
        SCHEDULE | {"report": {"type": "job", "robots": ["lab-p1"]}},
        "body.robots",
        "lab-pi1",
    ),
    (
        "/report-schedules",
        SCHEDULE | {"report": {"type": "job", "group": "hall2"}},
        "body.group",
        "hall-2",
    ),
    ("/report-schedules", SCHEDULE | {"targets": [7]}, "body.targets", "there are 1"),
]


async def furnish(api: Api) -> None:
    """A robot in a group, and a target."""
    await api.post("operator", "/robots", {"robot_id": "lab-pi1", "groups": ["hall-2"]})
    assert await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook") == 1


async def test_no_route_takes_a_name_that_is_not_there(api: Api) -> None:
    await furnish(api)
    for path, body, where, near in REFUSED:
        answer = await api.post("admin", path, body)
        assert is_problem(answer, 422), path
        (error,) = answer.json()["errors"]
        assert error["where"] == where
        assert near in error["why"], (path, error)
    for table in ("mutes", "maintenance_windows", "notification_routes", "report_jobs"):
        assert await api.rows(f"SELECT id FROM {table}") == []


async def test_a_change_is_held_to_the_same(api: Api) -> None:
    await furnish(api)
    for path, good, bad in (
        ("/mutes", {"robots": ["lab-pi1"]}, {"groups": ["hall2"]}),
        ("/maintenance-windows", WINDOW | {"groups": ["hall-2"]}, WINDOW | {"groups": ["hall2"]}),
        ("/notifications/routes", ROUTE | {"groups": ["hall-2"]}, ROUTE | {"groups": ["hall2"]}),
        ("/report-schedules", SCHEDULE, SCHEDULE | {"targets": [7]}),
    ):
        made = await api.post("admin", path, good)
        assert made.status_code == 201, made.text
        assert is_problem(await api.put("admin", f"{path}/{made.json()['id']}", bad), 422)


async def test_the_groups_of_a_route_can_be_changed(api: Api) -> None:
    await furnish(api)
    made = (await api.post("admin", "/notifications/routes", ROUTE)).json()
    path = f"/notifications/routes/{made['id']}"
    answer = await api.put("admin", path, ROUTE | {"groups": ["hall-2"]})
    assert answer.json()["groups"] == ["hall-2"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/mutes", {"robots": ["shed-*"], "metrics": ["rule:*"]}),
        ("/maintenance-windows", WINDOW | {"robots": ["shed-*"]}),
        ("/notifications/routes", ROUTE | {"robots": ["shed-*", "lab-*"]}),
    ],
)
async def test_a_pattern_of_nothing_is_taken_and_remarked_upon(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    await furnish(api)
    answer = await api.post("admin", path, body)
    assert answer.status_code == 201, answer.text
    assert "shed-* matches no robot now" in answer.json()["remarks"][0]
    # The remark is no part of it: who read it may change it.
    path = answer.headers["location"]
    read = await api.call("admin", "GET", path)
    assert read.headers["etag"] == answer.headers["etag"]


async def test_filters_name_what_is_there(api: Api) -> None:
    await furnish(api)
    await api.add_alert(robot_id="gone-1", metric="rule:disk")
    lists = ("/alerts", "/logs", "/jobs", "/commands", "/reports", "/alerts/export", "/live")
    for path in lists:
        answer = await api.get("admin", path, robot_id="lab-p1")
        assert is_problem(answer, 422)
        (error,) = answer.json()["errors"]
        assert error["where"] == "query.robot_id"
        assert "did you mean lab-pi1?" in error["why"]
    assert is_problem(await api.get("viewer", "/robots", group="hall2"), 422)
    assert is_problem(await api.get("viewer", "/alerts", metric="cpus"), 422)
    assert is_problem(await api.get("viewer", "/alerts/statistics", robot_id="lab-p1"), 422)
    assert is_problem(await api.get("viewer", "/thresholds/effective", robot_id="lab-p1"), 422)
    assert is_problem(await api.get("operator", "/notifications/outbox", target_id=7), 422)
    # A robot that only the history knows, and a metric of somebody else's rule.
    for asked in ({"robot_id": "gone-1"}, {"metric": "rule:disk"}):
        assert len((await api.get("viewer", "/alerts", **asked)).json()["items"]) == 1


async def test_paths_suggest_what_was_meant(api: Api) -> None:
    await furnish(api)
    for path in ("/robots/lab-p1", "/robots/lab-p1/thresholds"):
        answer = await api.get("viewer", path)
        assert is_problem(answer, 404)
        assert "did you mean lab-pi1?" in answer.json()["detail"]
    for path, body in (
        ("/jobs", {"robot_id": "lab-p1", "task_name": "sort", "items_total": 3, "confirm": True}),
        ("/robots/lab-p1/commands", {"command": {"type": "stop"}, "confirm": True}),
    ):
        answer = await api.post("operator", path, body)
        assert is_problem(answer, 404)
        assert "did you mean lab-pi1?" in answer.json()["detail"], path
    answer = await api.post("operator", "/robots/maintenance", {"robot_ids": ["lab-p1"]})
    assert "did you mean lab-pi1?" in answer.json()["errors"][0]["why"]
    assert "hall-2" in (await api.get("viewer", "/groups/hall2")).json()["detail"]


async def test_a_group_that_is_named_stays(api: Api, monkeypatch: Any, tmp_path: Any) -> None:
    await furnish(api)
    names = {"groups": ["hall-2"]}
    about = {"type": "job", "group": "hall-2"}
    made = [
        (await api.post("admin", path, body)).headers["location"]
        for path, body in (
            ("/mutes", names),
            ("/maintenance-windows", WINDOW | names),
            ("/notifications/routes", ROUTE | names),
            ("/report-schedules", SCHEDULE | {"report": about}),
        )
    ]
    said = (
        "hall-2 is named by the maintenance window w, the mute 1, the notification route night,"
        " the report schedule daily"
    )
    tonypi = command(groups, api.settings.postgres.dsn, monkeypatch, tmp_path)
    for _ in range(2):
        for answer in (
            await api.delete("operator", "/groups/hall-2"),
            await api.patch("operator", "/robots/lab-pi1", {"groups": ["hall-3"]}),
        ):
            assert is_problem(answer, 409)
            assert said in answer.json()["detail"]
        code, told = tonypi("groups", "remove", "hall-2", "lab-pi1")
        assert code == 1
        assert said in told
        # One who stays keeps it there.
        await api.post("operator", "/robots", {"robot_id": "lab-pi2", "groups": ["hall-2"]})
        answer = await api.patch("operator", "/robots/lab-pi1", {"groups": ["hall-3"]})
        assert answer.json()["groups"] == ["hall-3"]
        await api.patch("operator", "/robots/lab-pi1", {"groups": ["hall-2"]})
        await api.delete("operator", "/robots/lab-pi2")
        await api.rows("DELETE FROM robots WHERE robot_id = 'lab-pi2'")
    for path in made:
        assert (await api.call("admin", "DELETE", path)).status_code == 204
    assert (await api.delete("operator", "/groups/hall-2")).status_code == 204


async def test_commands_refuse_and_suggest_too(api: Api, monkeypatch: Any, tmp_path: Any) -> None:
    await furnish(api)
    local = ("--start", "2030-01-01T20:00", "--end", "2030-01-02T08:00")
    for module, arguments, said in (
        (mutes, "mutes add --robot lab-p1 --dry-run", "lab-p1 is no robot; did you mean lab-pi1?"),
        (mutes, "mutes add --group hall2", "hall2 is no group; did you mean hall-2?"),
        (mutes, "mutes add --metric cpus", "cpus is no metric; did you mean cpu?"),
        (mutes, "mutes add --type batery", "batery is no alert type; did you mean battery?"),
        (maintenance, "maintenance add w --group hall2", "did you mean hall-2?"),
        (maintenance, "maintenance remove w", "w is no maintenance window; there is none yet"),
        (groups, "groups add hall-2 lab-p1", "lab-p1 is no robot; did you mean lab-pi1?"),
        (groups, "groups remove hall2 lab-pi1", "did you mean hall-2?"),
        (groups, "groups list hall2", "did you mean hall-2?"),
        (notify, "notify test opps", "opps is no notification target; did you mean ops?"),
        (notify, "notify queue --target opps", "did you mean ops?"),
        (reports, "reports build job --robot lab-p1", "did you mean lab-pi1?"),
        (reports, "reports build job --group hall2 --dry-run", "did you mean hall-2?"),
        (reports, "reports list --robot lab-p1", "did you mean lab-pi1?"),
        (reports, "reports schedule add d job --every daily --to opps", "did you mean ops?"),
        (reports, "reports schedule add d job --every daily --robot lab-p1", "lab-pi1?"),
        (reports, "reports schedule run d", "d is no report schedule; there is none yet"),
        (users, "users deactivate vewer", "did you mean viewer?"),
    ):
        tonypi = command(module, api.settings.postgres.dsn, monkeypatch, tmp_path)
        more = local if arguments.startswith("maintenance add") else ()
        code, told = tonypi(*arguments.split(), *more)
        assert (code, said in told) == (1, True), (arguments, told)

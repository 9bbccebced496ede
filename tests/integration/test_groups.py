"""Groups of robots: who is in them, and that routes know."""

from __future__ import annotations

from typing import Any

from glue.cli import groups
from glue.notify.router import Router
from tests import notified
from tests.api import Api, is_problem
from tests.command import command


async def some_robots(api: Api, *robot_ids: str) -> None:
    for robot_id in robot_ids:
        assert (await api.post("operator", "/robots", {"robot_id": robot_id})).status_code == 201


async def test_a_group_is_there_as_long_as_a_robot_is_in_it(api: Api) -> None:
    await some_robots(api, "r1", "r2", "r3")
    answer = await api.put("operator", "/groups/hall-2", {"robot_ids": ["r2", "r1", "r2"]})
    assert answer.json() == {"name": "hall-2", "robot_ids": ["r1", "r2"]}
    tag = {"if-match": answer.headers["etag"]}
    answer = await api.patch("operator", "/robots/r3", {"groups": ["hall-2", "blue", "blue"]})
    assert answer.json()["groups"] == ["blue", "hall-2"]
    assert (await api.get("viewer", "/groups")).json() == [
        {"name": "blue", "robots": 1},
        {"name": "hall-2", "robots": 3},
    ]
    listed = (await api.get("viewer", "/robots", group="hall-2")).json()["items"]
    assert [one["robot_id"] for one in listed] == ["r1", "r2", "r3"]
    body = {"robot_ids": ["r3"]}
    path = "/api/v1/groups/hall-2"
    assert is_problem(await api.call("operator", "PUT", path, json=body, headers=tag), 412)
    assert (await api.put("operator", "/groups/hall-2", body)).json()["robot_ids"] == ["r3"]
    await api.delete("operator", "/robots/r3")
    assert (await api.get("viewer", "/groups")).json() == []
    assert (await api.post("operator", "/robots/r3/restore")).json()["groups"] == ["blue", "hall-2"]
    assert (await api.delete("operator", "/groups/hall-2")).status_code == 204
    assert is_problem(await api.get("viewer", "/groups/hall-2"), 404)
    assert is_problem(await api.delete("operator", "/groups/hall-2"), 404)


async def test_a_group_of_nobody_or_with_a_bad_name_is_refused(api: Api) -> None:
    await some_robots(api, "r1")
    answer = await api.put("operator", "/groups/hall-2", {"robot_ids": ["r1", "nobody"]})
    assert is_problem(answer, 404)
    assert answer.json()["errors"][0]["where"] == "body.robot_ids.1"
    assert (await api.get("viewer", "/groups")).json() == []
    assert is_problem(await api.put("operator", "/groups/a b", {"robot_ids": ["r1"]}), 422)
    assert is_problem(await api.patch("operator", "/robots/r1", {"groups": ["ö"]}), 422)
    many = [f"g{n}" for n in range(20)]
    assert (await api.patch("operator", "/robots/r1", {"groups": many})).status_code == 200
    assert is_problem(await api.put("operator", "/groups/more", {"robot_ids": ["r1"]}), 422)
    assert is_problem(await api.put("viewer", "/groups/g1", {"robot_ids": ["r1"]}), 403)


async def test_a_route_may_be_for_groups(api: Api) -> None:
    await some_robots(api, "r1", "r2", "r3")
    await api.put("operator", "/groups/hall-2", {"robot_ids": ["r2"]})
    await api.put("operator", "/groups/hall-3", {"robot_ids": ["r3"]})
    target = await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook")
    route = {"name": "hall 2", "groups": ["hall-2", "hall-3"], "targets": [target]}
    answer = await api.post("admin", "/notifications/routes", route)
    assert answer.json()["groups"] == ["hall-2", "hall-3"]
    episodes = notified.Episodes(api.pool)
    _, inside = await episodes.open("r1", "r2")
    await episodes.open("", metric="events")
    await Router(api.pool, notified.now).route()
    rows = await api.rows("SELECT alert_id FROM notification_outbox WHERE target_id IS NOT NULL")
    assert [row["alert_id"] for row in rows] == [inside]


async def test_the_command_does_the_same(api: Api, monkeypatch: Any, tmp_path: Any) -> None:
    tonypi = command(groups, api.settings.postgres.dsn, monkeypatch, tmp_path)
    await some_robots(api, "r1", "r2")
    assert tonypi("groups", "list") == (0, "there are no groups\n")
    assert tonypi("groups", "add", "hall", "r1", "--dry-run")[1] == "would be in hall: r1\n"
    assert tonypi("groups", "add", "hall", "r1", "r2") == (0, "now in hall: r1, r2\n")
    assert tonypi("groups", "add", "hall", "r1") == (0, "now in hall: none new\n")
    assert tonypi("groups", "remove", "hall", "r1") == (0, "left hall: r1\n")
    assert tonypi("groups", "list", "hall")[1] == "r2\n"
    assert tonypi("groups", "list", "--json")[1] == '[{"name": "hall", "robots": 1}]\n'
    assert tonypi("groups", "add", "hall", "r1", "nobody")[0] == 1
    assert tonypi("groups", "add", "two words", "r1")[0] == 1

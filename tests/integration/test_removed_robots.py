"""A removed robot is gone wherever robots are shown or watched; its history is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from glue.settings import PROJECT
from tests.alert_stack import INTERVAL
from tests.api import Api, is_problem
from tests.events import consuming, own, talking

REMOVED = "/robots/tonypi_01"

VIEWS = ("limits", "rule_limits", "silence", "watched", "robots")
"""Of schema grafana: those that hold robots rather than history."""


async def test_it_leaves_every_view_that_rules_and_dashboards_read(api: Api) -> None:
    await api.rows("INSERT INTO heartbeats (name, beat_at, listened) VALUES ('events', now(), 99)")
    await api.rows("UPDATE robots SET heard_at = 5, last_seen = now(), status = 'online'")
    await api.rows("INSERT INTO jobs (robot_id, start_time) VALUES ('tonypi_01', now())")
    await api.add_alert()

    async def shown() -> set[str]:
        found = set()
        for view in (*VIEWS, "alerts", "jobs"):
            query = f"SELECT 1 FROM grafana.{view} WHERE robot_id = 'tonypi_01'"
            found |= {view} if await api.rows(query) else set()
        return found

    assert await shown() == {*VIEWS, "alerts", "jobs"}
    removed = await api.delete("operator", REMOVED)
    assert removed.status_code == 200, removed.text
    assert await shown() == {"alerts", "jobs"}
    (alert,) = await api.rows("SELECT robot_name FROM grafana.alerts")
    assert alert["robot_name"] == "TonyPi 01", "history still knows its name"
    for count in (
        "SELECT 1 FROM robot_watch WHERE in_use OR watched",
        "SELECT 1 FROM effective_limits",
    ):
        assert await api.rows(count) == []


async def test_dashboards_ask_for_robots_where_removed_ones_are_not() -> None:
    asked = 0
    for path in (PROJECT / "grafana" / "dashboards").glob("*.json"):
        text = path.read_text()
        assert "public.robots" not in text, path.name
        asked += text.count("FROM grafana.robots")
    assert asked >= 5


async def test_it_leaves_the_list_and_comes_back_as_it_was(api: Api) -> None:
    await api.put("operator", f"{REMOVED}/thresholds/cpu", {"warning": 50, "critical": 60})
    await api.put("operator", f"{REMOVED}/maintenance", {"reason": "broken"})
    robot = (await api.delete("operator", REMOVED)).json()
    assert (robot["is_active"], robot["status"], robot["removed_by"]) == (
        False,
        "offline",
        "operator",
    )
    assert (robot["maintenance_reason"], robot["still_sends"]) == (None, False)

    async def listed(**params: Any) -> list[str]:
        answer = await api.get("viewer", "/robots", **params)
        return [robot["robot_id"] for robot in answer.json()["items"]]

    assert await listed() == []
    assert await listed(removed="only") == await listed(removed="with") == ["tonypi_01"]
    assert (await api.get("viewer", REMOVED)).json() == robot

    # Nothing is done with it until it is back.
    assert is_problem(await api.delete("operator", REMOVED), 409)
    assert is_problem(await api.patch("operator", REMOVED, {"is_active": True}), 409)
    assert is_problem(await api.put("operator", f"{REMOVED}/maintenance", {}), 409)
    assert is_problem(await api.put("operator", f"{REMOVED}/thresholds/cpu", {}), 409)
    again = await api.post("operator", "/robots", {"robot_id": "tonypi_01"})
    assert is_problem(again, 409)
    assert "restore" in again.json()["detail"]
    # Nor by plain SQL.
    await api.rows("UPDATE robots SET is_active = true, status = 'online'")
    assert (await api.get("viewer", REMOVED)).json()["is_active"] is False

    back = (await api.post("operator", f"{REMOVED}/restore")).json()
    assert (back["is_active"], back["removed_at"], back["removed_by"]) == (True, None, None)
    assert await listed() == ["tonypi_01"]
    limits = (await api.get("viewer", f"{REMOVED}/thresholds")).json()["effective"]
    assert limits[0]["warning"] == 50 and all(limit["in_force"] for limit in limits)
    assert is_problem(await api.post("operator", f"{REMOVED}/restore"), 409)
    assert is_problem(await api.post("operator", "/robots/nobody/restore"), 404)
    verbs = [entry["message"].split(" robot ")[0] for entry in await api.logs("api")]
    assert verbs[-2:] == ["operator removed", "operator restored"]


async def test_one_that_was_not_active_comes_back_so(api: Api) -> None:
    await api.patch("operator", REMOVED, {"is_active": False})
    await api.delete("operator", REMOVED)
    assert (await api.post("operator", f"{REMOVED}/restore")).json()["is_active"] is False


async def test_what_no_rule_looks_after_is_closed_at_once(api: Api) -> None:
    by_hand = await api.add_alert(metric=None, severity="info")
    ruled = await api.add_alert(metric="servo_temp")
    other = await api.add_alert(metric=None, robot_id="r2")
    await api.delete("operator", REMOVED)
    alerts = {row["id"]: row for row in await api.rows("SELECT * FROM alerts")}
    assert alerts[by_hand]["resolve_reason"] == "robot removed"
    assert not alerts[ruled]["resolved"], "its rule closes it, at the next evaluation"
    assert not alerts[other]["resolved"]
    answer = (await api.get("viewer", f"/alerts/{by_hand}")).json()
    (told,) = answer["timeline"]
    assert (told["kind"], told["actor"], told["note"]) == ("resolved", "operator", "robot removed")


async def test_what_it_sends_is_counted_and_not_taken_in(mosquitto, database, settings_for) -> None:
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots, consuming(settings):
        robots.status("r1")
        await robots.until(lambda: robots.robot("r1"))
        robots.rows("UPDATE robots SET removed_at = now() - interval '1 h' WHERE robot_id = 'r1'")
        robots.status("r1", ip_address="192.0.2.7", emergency_stopped=True)
        robots.say("tonypi/logs/r1", {"message": "hello", "level": "INFO"})
        robots.say("tonypi/job/r1", {"status": "started", "task_name": "sort"})
        counted = "SELECT sum(count)::int FROM refused_messages WHERE reason = 'removed'"
        await robots.until(lambda: robots.rows(counted) == [(3,)])
        assert robots.robot("r1", "status, is_active, ip_address, emergency_stopped") == (
            "offline",
            False,
            None,
            False,
        )
        assert robots.robot("r1", "removed_heard_at > now() - interval '10 s'") == (True,)
        assert robots.rows("SELECT 1 FROM jobs") == []
        assert robots.rows("SELECT 1 FROM system_logs WHERE robot_id = 'r1'") == []
        # Restored, it is taken in again.
        robots.rows("UPDATE robots SET removed_at = NULL WHERE robot_id = 'r1'")
        robots.status("r1")
        await robots.until(lambda: robots.robot("r1", "status, is_active") == ("online", True))


async def test_it_is_shown_that_it_still_sends(api: Api) -> None:
    await api.delete("operator", REMOVED)
    # A message that was on its way is no news.
    await api.rows("UPDATE robots SET removed_heard_at = removed_at + interval '2 s'")
    assert (await api.get("viewer", REMOVED)).json()["still_sends"] is False
    await api.rows("UPDATE robots SET removed_heard_at = removed_at + interval '1 min'")
    assert (await api.get("viewer", REMOVED)).json()["still_sends"] is True
    found = (await api.get("viewer", "/robots", removed="only", still_sends=True)).json()["items"]
    assert [robot["robot_id"] for robot in found] == ["tonypi_01"]


async def test_a_status_that_is_none_registers_nobody(mosquitto, database, settings_for) -> None:
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots, consuming(settings):
        robots.status("ghost", ["online"])
        robots.status("ghost", True, ip_address="192.0.2.7")
        robots.say("tonypi/location/ghost", {"x": "here"})
        robots.say("tonypi/battery/living", {"percentage": 50})
        robots.status("half", "online", ip_address="nowhere")
        await robots.until(lambda: robots.robot("living") and robots.robot("half"))
        assert robots.robot("ghost") is None
        refused = (
            "SELECT topic, sum(count)::int FROM refused_messages GROUP BY topic ORDER BY topic"
        )
        assert robots.rows(refused) == [("location", 1), ("status", 3)]
        # One of a robot that is known is still a sign of life.
        robots.rows("UPDATE robots SET status = 'offline', last_seen = NULL")
        robots.status("living", ["online"])
        await robots.until(lambda: robots.robot("living") == ("online",))


@pytest.fixture(params=["with_grafana", "without_grafana"])
def stack(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("removed_at = now()", "robot removed"),
        ("status = 'maintenance', maintenance_until = now() + interval '1 h'", "maintenance"),
    ],
)
def test_its_open_alerts_end_with_the_reason(stack, what: str, reason: str) -> None:
    record, feeder = stack
    robot = f"{reason[:4]}_{record.evaluator()}"
    record.add_robot(robot, f"{robot}_2")
    feeder.servo(robot, 45)
    feeder.servo(f"{robot}_2", 45)
    time.sleep(2 * INTERVAL)
    feeder.servo(robot, 66)
    record.await_alert(robot, lambda alert: not alert["resolved"])
    record.run(f"UPDATE robots SET {what} WHERE robot_id = %s", robot)
    over = record.await_alert(robot, lambda alert: alert["resolved"], within=20)
    assert over["resolve_reason"] == reason
    # It goes on sending, hot, and stays quiet until it is back.
    time.sleep(3 * INTERVAL)
    assert len(record.alerts(robot)) == 1
    record.run("UPDATE robots SET removed_at = NULL, status = 'offline' WHERE robot_id = %s", robot)
    record.await_alert(robot, lambda alert: not alert["resolved"])
    assert len(record.alerts(robot)) == 2
    for one in (robot, f"{robot}_2"):
        feeder.forget(one)

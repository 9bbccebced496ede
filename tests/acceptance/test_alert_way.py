"""A servo overheats: the alert opens, rises, is acknowledged and closes; with Grafana and without.

Each test has robots of its own. ``only_robots`` makes the fleet exactly those: a fleet of one is
the case where Grafana joins a series with a limit whatever their labels are.
"""

import time
from datetime import UTC, datetime

import httpx
import pytest

from glue.core.rules import RULES
from tests.alert_stack import INTERVAL


@pytest.fixture(params=["with_grafana", "without_grafana"])
def stack(request):
    return request.getfixturevalue(request.param)


def evaluations(count):
    time.sleep(count * INTERVAL)


def only_robots(record, *robots):
    record.run("DELETE FROM robots")
    record.add_robot(*robots)


@pytest.mark.parametrize("fleet", [1, 2])
def test_servo_warning_opens_rises_and_resolves(stack, fleet):
    record, feeder = stack
    robots = [f"way{fleet}_{record.evaluator()}_{n}" for n in range(fleet)]
    only_robots(record, *robots)
    for robot in robots:
        feeder.servo(robot, 45)
    evaluations(2)  # that find all well
    hot, *cool = robots
    crossed = feeder.servo(hot, 66)
    opened = record.await_alert(hot, lambda a: a["severity"] == "warning")
    assert (opened["value"], opened["threshold"], opened["source"]) == (66, 60, "servo_3")
    assert (opened["alert_type"], opened["metric"]) == ("servo", "servo_temp")
    assert (opened["created_at"] - crossed).total_seconds() < 6
    feeder.servo(hot, 79)
    risen = record.await_alert(hot, lambda a: a["severity"] == "critical")
    assert (risen["id"], risen["value"], risen["threshold"]) == (opened["id"], 79, 75)
    feeder.servo(hot, 50)
    over = record.await_alert(hot, lambda a: a["resolved"])
    assert over["id"] == opened["id"], "one episode"
    assert over["resolve_reason"] == "recovered"
    assert len(record.alerts(hot)) == 1
    for robot in cool:
        assert record.alerts(robot) == []
    for robot in robots:
        feeder.forget(robot)


def test_a_fleet_of_one_unregistered_robot_raises_nothing(stack):
    record, feeder = stack
    only_robots(record)
    robot = f"stranger_{record.evaluator()}"
    record.run("INSERT INTO robots (robot_id, registration) VALUES (%s, 'pending')", robot)
    feeder.servo(robot, 90)
    evaluations(6)
    assert record.alerts(robot) == []
    feeder.forget(robot)


def test_a_changed_limit_is_in_force_at_the_next_evaluation(stack):
    record, feeder = stack
    robot = f"limit_{record.evaluator()}"
    only_robots(record, robot)
    feeder.servo(robot, 55)
    evaluations(2)
    assert record.alerts(robot) == []
    changed = datetime.now(UTC)
    record.run(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold) VALUES (%s, 'servo_temp', 50, 90)",
        robot,
    )
    alert = record.await_alert(robot, lambda a: not a["resolved"])
    assert alert["threshold"] == 50
    assert (alert["created_at"] - changed).total_seconds() < 6
    record.run("UPDATE alert_thresholds SET warning_threshold = 70 WHERE robot_id = %s", robot)
    record.await_alert(robot, lambda a: a["resolved"])
    feeder.forget(robot)


def test_a_changed_limit_writes_nothing_to_grafana(with_grafana, fast_grafana):
    record, _ = with_grafana
    there = fast_grafana.grafana
    auth = there.admin_user, there.admin_password.get_secret_value()
    with httpx.Client(base_url=there.url, auth=auth) as client:

        def versions():
            found = client.get("/api/ruler/grafana/api/v1/rules").json()
            return {
                rule["grafana_alert"]["uid"]: rule["grafana_alert"]["version"]
                for groups in found.values()
                for group in groups
                for rule in group["rules"]
            }

        before = versions()
        record.run(
            "UPDATE alert_thresholds SET warning_threshold = 61 WHERE robot_id IS NULL"
            " AND metric_type = 'servo_temp'"
        )
        evaluations(2)
        record.run(
            "UPDATE alert_thresholds SET warning_threshold = 60 WHERE robot_id IS NULL"
            " AND metric_type = 'servo_temp'"
        )
        assert versions() == before
        assert before.keys() == {rule.uid for rule in RULES}


def test_refires_within_thirty_seconds_are_all_recorded(stack):
    record, feeder = stack
    robot = f"refire_{record.evaluator()}"
    only_robots(record, robot)
    for episode in range(1, 4):
        feeder.servo(robot, 66)
        record.await_alert(robot, lambda a: not a["resolved"])
        feeder.servo(robot, 40)
        record.await_alert(robot, lambda a: a["resolved"])
        assert len(record.alerts(robot)) == episode
    feeder.forget(robot)


def test_resolved_by_hand_stays_resolved_while_it_fires(stack):
    record, feeder = stack
    robot = f"hand_{record.evaluator()}"
    only_robots(record, robot)
    feeder.servo(robot, 66)
    alert = record.await_alert(robot, lambda a: not a["resolved"])
    record.run(
        "UPDATE alerts SET resolved = true, resolved_at = now(), resolve_reason = 'by hand'"
        " WHERE id = %s",
        alert["id"],
    )
    evaluations(9)  # and as many posts; two or three looks at Grafana's state
    assert len(record.alerts(robot)) == 1
    feeder.servo(robot, 40)
    evaluations(9)
    feeder.servo(robot, 66)
    record.await_alert(robot, lambda a: a["id"] != alert["id"])
    feeder.forget(robot)

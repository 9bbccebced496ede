"""An alert while something is away: the same ledger every time, one episode, none lost."""

import signal
import time

import pytest

from tests import notified
from tests.alert_stack import INTERVAL, Feeder, Record, running_glue


@pytest.fixture
def robots(fast_grafana):
    """Makes the fleet exactly these robots."""
    record = Record(fast_grafana)

    def only(*names):
        record.run("DELETE FROM robots")
        record.add_robot(*names)

    return only


def ledger(record, robot):
    """(severity, resolved, reason) of every episode of the robot."""
    return [(a["severity"], a["resolved"], a["resolve_reason"]) for a in record.alerts(robot)]


def test_an_alert_that_fired_while_the_glue_was_down_is_recorded(
    ground, mosquitto, fast_grafana, robots
):
    robot = "down_1"
    with Feeder(fast_grafana) as feeder:
        with running_glue(ground, fast_grafana) as record:
            robots(robot)
            record.await_evaluator("grafana")
            feeder.servo(robot, 66)
            record.await_alert(robot, lambda a: not a["resolved"])
        feeder.servo(robot, 79)  # rises while nobody listens
        time.sleep(4 * INTERVAL)
        with running_glue(ground, fast_grafana) as record:
            record.await_alert(robot, lambda a: a["severity"] == "critical")
        feeder.servo(robot, 40)  # ends while nobody listens
        time.sleep(4 * INTERVAL)
        with running_glue(ground, fast_grafana) as record:
            record.await_alert(robot, lambda a: a["resolved"])
            assert ledger(record, robot) == [("critical", True, "recovered")]


def test_standby_takes_over_from_a_killed_grafana_and_hands_back_the_same_episode(
    ground, mosquitto, fast_grafana, robots
):
    hot, later = "over_1", "over_2"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(hot, later)
        feeder.servo(hot, 66)
        feeder.servo(later, 40)
        record.await_evaluator("grafana")
        opened = record.await_alert(hot, lambda a: not a["resolved"])
        part, process = ground.running["grafana-fast"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        record.await_evaluator("standby")
        feeder.servo(later, 66)
        record.await_alert(later, lambda a: a["origin"] == "standby")
        ground.start(part)
        record.await_evaluator("grafana")
        time.sleep(6 * INTERVAL)
        for robot in (hot, later):
            assert ledger(record, robot) == [("warning", False, None)], robot
            feeder.servo(robot, 40)
        for robot in (hot, later):
            over = record.await_alert(robot, lambda a: a["resolved"])
            assert over["resolve_reason"] == "recovered"
        assert len(record.alerts(hot) + record.alerts(later)) == 2
        assert record.alerts(hot)[0]["id"] == opened["id"]


TOLD = (
    "SELECT occasion, count(*) FROM notification_outbox WHERE state = 'delivered' AND alert_id = %s"
    " GROUP BY occasion ORDER BY occasion"
)


def test_between_its_limits_an_alert_outlasts_take_over_and_hand_back_and_is_told_once(
    ground, mosquitto, fast_grafana, robots
):
    """Limit 60, recovery limit 57: Grafana never saw ``later`` fire, and calls 58 normal."""
    hot, later = "band_1", "band_2"
    record = Record(fast_grafana)
    with notified.web() as web:
        notified.told_to(fast_grafana, web.url)
        with running_glue(ground, fast_grafana), Feeder(fast_grafana) as feeder:
            robots(hot, later)
            feeder.servo(hot, 66)
            feeder.servo(later, 40)
            record.await_evaluator("grafana")
            record.await_alert(hot, lambda a: not a["resolved"])
            feeder.servo(hot, 58)
            part, process = ground.running["grafana-fast"]
            process.send_signal(signal.SIGKILL)
            process.wait()
            record.await_evaluator("standby")
            feeder.servo(later, 66)
            record.await_alert(later, lambda a: a["origin"] == "standby")
            feeder.servo(later, 58)
            ground.start(part)
            record.await_evaluator("grafana")
            time.sleep(8 * INTERVAL)
            for robot in (hot, later):
                assert ledger(record, robot) == [("warning", False, None)], robot
            feeder.servo(later, 66)  # fires in Grafana, which is the same occurrence
            time.sleep(8 * INTERVAL)
            for robot in (hot, later):
                assert ledger(record, robot) == [("warning", False, None)], robot
                feeder.servo(robot, 56)
            for robot in (hot, later):
                over = record.await_alert(robot, lambda a: a["resolved"])
                assert ledger(record, robot) == [("warning", True, "recovered")]
                until = time.monotonic() + 20
                while len(told := record.rows(TOLD, over["id"])) < 2:
                    assert time.monotonic() < until, f"{robot}: told {told}"
                    time.sleep(0.2)
                assert [tuple(row.values()) for row in told] == [("opened", 1), ("resolved", 1)]
            record.run("DELETE FROM notification_routes")


def test_an_error_in_grafana_does_not_end_an_alert_between_its_limits(
    ground, mosquitto, fast_grafana, robots
):
    """Grafana 11 forgets what fired when an evaluation fails; 58 is normal to it then."""
    robot = "pg_band"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(robot)
        feeder.servo(robot, 66)
        record.await_evaluator("grafana")
        record.await_alert(robot, lambda a: not a["resolved"])
        feeder.servo(robot, 58)
        time.sleep(3 * INTERVAL)
        part, _ = ground.running["postgres"]
        ground.stop("postgres")
        time.sleep(8 * INTERVAL)
        ground.start(part)
        record.await_evaluator("grafana")
        time.sleep(10 * INTERVAL)
        assert ledger(record, robot) == [("warning", False, None)]
        feeder.servo(robot, 56)
        record.await_alert(robot, lambda a: a["resolved"])
        assert ledger(record, robot) == [("warning", True, "recovered")]


def test_postgresql_away_for_seconds_closes_and_repeats_nothing(
    ground, mosquitto, fast_grafana, robots
):
    robot = "pg_1"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(robot)
        feeder.servo(robot, 66)
        record.await_evaluator("grafana")
        record.await_alert(robot, lambda a: not a["resolved"])
        part, _ = ground.running["postgres"]
        ground.stop("postgres")
        time.sleep(8 * INTERVAL)
        ground.start(part)
        time.sleep(10 * INTERVAL)
        assert ledger(record, robot) == [("warning", False, None)]
        feeder.servo(robot, 40)
        record.await_alert(robot, lambda a: a["resolved"])
        assert ledger(record, robot) == [("warning", True, "recovered")]

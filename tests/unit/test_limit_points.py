"""Limits as points: what is written, and what a robot without limits is written as."""

from dataclasses import dataclass

import pytest

from glue.core import limit_points
from glue.core.limit_points import OUT_OF_REACH, differing, line, nothing, sentinel, wanted
from glue.core.metrics import METRICS
from glue.core.robot_id import is_robot_id
from glue.core.rule import RECOVERS_BELOW, SeriesReading, margin
from glue.core.rules import RULES

FLEET = "robot_metrics/tonypi"


@dataclass(frozen=True)
class Row:
    robot_id: str
    metric: str
    warning: float = 70
    warning_recovery: float = 65
    critical: float = 90
    critical_recovery: float = 85
    enabled: bool = True
    watched: bool = True


def rows(robot, **changed):
    return [Row(robot, metric, **changed) for metric in METRICS]


def test_a_robots_limits_are_a_point_a_measurement_with_a_pair_a_rule():
    points = wanted(rows("r1"), FLEET)
    assert {m for robot, m in points if robot == "r1"} == {*limit_points.MEASUREMENTS}
    assert points["r1", "performance"]["memory_critical"] == 90
    assert points["r1", "performance"]["memory_critical_recovery"] == 85
    assert points["r1", "clock"] == {
        "clock_warning": 60,
        "clock_warning_recovery": 30,
    }
    assert len(points["r1", "performance"]) == 3 * 2 * 2


def test_a_metric_that_is_switched_off_is_out_of_reach_and_the_others_stay():
    found = wanted([*rows("r1")[:-1], Row("r1", "servo_temp", enabled=False)], FLEET)
    assert found["r1", "servos"] == nothing()["servos"]
    assert found["r1", "battery"] != nothing()["battery"]
    # Who switched every metric off still has a clock.
    found = wanted(rows("r1", enabled=False), FLEET)
    assert found["r1", "clock"]["clock_warning"] == 60


@pytest.mark.parametrize("row", [{"robot": "r1", "watched": False}, {"robot": "an adopted one"}])
def test_a_robot_that_is_not_watched_or_cannot_send_has_no_points(row):
    assert wanted(rows(**row), FLEET) == sentinel(FLEET)


def test_no_robot_has_the_sentinels_id():
    assert not is_robot_id(limit_points.SENTINEL)


@pytest.mark.parametrize("direction", ["high", "low"])
@pytest.mark.parametrize("reading", [-1e12, 0, 1e12])
def test_nothing_reaches_a_limit_that_is_none(direction, reading):
    assert margin(reading, *OUT_OF_REACH[direction]) < 100 * RECOVERS_BELOW


def test_every_rule_on_series_of_robots_has_its_limits_there():
    of_series = [r for r in RULES if r.per_robot and isinstance(r.reading, SeriesReading)]
    assert {rule.uid for rule in limit_points.RULES} == {rule.uid for rule in of_series}


def test_only_what_differs_is_written():
    stored = wanted([*rows("r1"), *rows("r2")], FLEET)
    assert differing(stored, stored) == {}
    changed = wanted([*rows("r1"), *rows("r2", warning=60)], FLEET)
    assert {robot for robot, _ in differing(changed, stored)} == {"r2"}
    assert differing(changed, {}) == changed


def test_a_robot_that_is_gone_is_put_out_of_reach_once():
    stored = wanted(rows("r1"), FLEET)
    off = differing(sentinel(FLEET), stored)
    assert off == {("r1", m): fields for m, fields in nothing().items()}
    assert differing(sentinel(FLEET), stored | off) == {}


def test_the_sentinel_says_whose_limits_they_are():
    assert limit_points.owner(wanted(rows("r1"), FLEET)) == FLEET
    assert limit_points.owner({}) == ""


def test_a_point_is_always_of_the_same_moment():
    text = line(("r1", "clock"), {"fleet": 'a "b"', "clock_warning": 60.0})
    assert text == 'clock,robot_id=r1 fleet="a \\"b\\"",clock_warning=60.0 4102444800000000000'

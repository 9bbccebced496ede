"""What a robot's own time is worth."""

from datetime import UTC, datetime, timedelta

import pytest

from glue.core.robot_time import RobotClocks, Spoken, instant

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
BERLIN = RobotClocks("Europe/Berlin", {"r2": "Asia/Tokyo"}, {"r3": "America/New_York"})


@pytest.mark.parametrize(
    ("robot_id", "local"),
    [("r1", "2026-07-01T13:59:00"), ("r2", "2026-07-01T20:59:00"), ("r3", "2026-07-01T07:59:00")],
)
def test_naive_times_are_in_the_robots_zone(robot_id, local):
    assert BERLIN.at(robot_id, local, NOW) == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    "stamp",
    [
        *("2026-07-01T11:59:00Z", "2026-07-01T13:59:00+02:00"),
        *(1782907140 * unit for unit in (1, 10**3, 10**6, 10**9)),
    ],
)
def test_times_with_an_offset_and_unix_times_mean_what_they_say(stamp):
    assert BERLIN.at("r1", stamp, NOW) == NOW - timedelta(minutes=1)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", True, float("inf"), -1e300, {}, 10**400,
                                   10**19, 5])  # fmt: skip
def test_what_is_no_time_is_arrival(stamp):
    assert BERLIN.at("r1", stamp, NOW) == NOW


@pytest.mark.parametrize(("off", "true"), [(59, True), (61, False), (-599, True), (-601, False)])
def test_what_cannot_be_true_is_arrival(off, true):
    clocks = RobotClocks(behind_s=600, ahead_s=60)
    stamp = (NOW + timedelta(seconds=off)).replace(tzinfo=None).isoformat()
    assert clocks.at("r1", stamp, NOW) == (NOW + timedelta(seconds=off) if true else NOW)


def test_a_message_that_waited_in_the_broker_keeps_its_time():
    clocks = RobotClocks(behind_s=600, waited_s=3600)
    hour_ago = NOW - timedelta(hours=1)
    assert clocks.at("r1", hour_ago.replace(tzinfo=None).isoformat(), NOW) == hour_ago
    assert clocks.seen(hour_ago, NOW) == hour_ago
    # Nothing waits: a clock five minutes behind does not make the robot look away.
    assert RobotClocks(waited_s=2).seen(hour_ago, NOW) == NOW


def test_an_unknown_zone_of_a_robot_gives_way_to_the_fleets():
    clocks = RobotClocks("Europe/Berlin", {}, {"r1": "Mars/Base"})
    assert clocks.said("r1", "2026-07-01T14:00:00") == NOW
    assert instant("2026-07-01T12:00:00", UTC) == NOW


def believed(*messages):
    """Which of (seconds on the robot's clock, seconds on ours) become the robot's newest."""
    newest, found = None, []
    for said, arrival in messages:
        later = Spoken(NOW + timedelta(seconds=said), NOW + timedelta(seconds=arrival))
        newest = later if newest is None else newest.then(later)
        found.append(newest == later)
    return found


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        # A last will, written when the robot connected, the same again, and the robot is back.
        ([(0, 0), (300, 300), (0, 390), (0, 400), (500, 500)], [True, True, False, False, True]),
        # Wills of two connections that came to nothing.
        ([(300, 300), (0, 390), (200, 401)], [True, False, False]),
        # Threads of a robot, a little out of order; a queue that is worked off.
        ([(10, 10), (8, 10.1), (12, 12)], [True, True, True]),
        ([(0, 0), (10, 600), (20, 600), (30, 601)], [True] * 4),
        # A clock that is years off, either way; one that is set back by two hours.
        ([(-9e7, 0), (-9e7 + 10, 10)], [True, True]),
        ([(7200, 0), (7210, 10), (20, 20), (30, 30), (40, 40)], [True, True, False, True, True]),
        # Set back, and its first messages wait.
        ([(7200, 0), (20, 50), (30, 50), (40, 51)], [True, False, True, True]),
    ],
)
def test_a_message_that_is_older_than_the_one_before_is_doubted_until_the_clock_goes_on(
    messages, expected
):
    assert believed(*messages) == expected

"""Which alerts are quiet, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from glue.core.quiet import Mute, Subject, change, covers, quiet

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALERT = Subject(1, "servo_temp", "lab-1", "warning", "servo", frozenset({"hall-2", "blue"}))


@pytest.mark.parametrize(
    ("mute", "does"),
    [
        (Mute(1, robots=("lab-1",)), True),
        (Mute(1, robots=("hall-*", "lab-*")), True),
        (Mute(1, robots=("LAB-*",)), False),
        (Mute(1, groups=("hall-*",)), True),
        (Mute(1, groups=("red",)), False),
        (Mute(1, metrics=("servo_*",), types=("servo",)), True),
        (Mute(1, metrics=("servo_temp",)), True),
        (Mute(1, metrics=("battery", "servo_temp")), True),
        (Mute(1, metrics=("battery_*", "wifi")), False),
        (Mute(1, robots=("lab-1",), metrics=("battery",)), False),
        (Mute(1, types=("*",)), True),
        (Mute(1, robots=("lab-1",), until=T0 + HOUR), True),
        (Mute(1, robots=("lab-1",), until=T0), False),
    ],
)
def test_a_mute_covers_what_all_its_conditions_name_until_its_time(mute, does):
    assert covers(mute, ALERT, T0) is does


@pytest.mark.parametrize("mute", [Mute(1, robots=("*",)), Mute(1, groups=("*",))])
def test_what_concerns_the_stack_is_no_robots(mute):
    assert not covers(mute, replace(ALERT, robot_id="", groups=frozenset()), T0)


def test_the_mute_of_one_alert_comes_before_what_covers_many():
    mutes = [
        Mute(7, types=("servo",), by="ben", comment="oil"),
        Mute(8, types=("servo",), by="eve"),
    ]
    own = replace(ALERT, muted_by="ann", muted_until=T0 + HOUR)
    assert quiet(own, mutes, T0).reason == "muted by ann"
    assert quiet(own, mutes, T0 + HOUR).reason == "mute 7 by ben: oil"
    assert quiet(own, [], T0 + HOUR) is None
    assert quiet(replace(own, muted_until=None), [], T0 + 1000 * HOUR).by == "ann"


def test_what_stands_there_already_is_not_written_again():
    found = quiet(ALERT, [Mute(7, types=("servo",), by="ben")], T0)
    written = replace(ALERT, quiet_reason=found.reason)
    assert change(ALERT, found).kind == "muted"
    assert change(written, found) is None
    assert change(written, None).kind == "unmuted"
    assert change(ALERT, None) is None
    assert change(replace(ALERT, is_open=False), found) is None, "what is over has its last word"

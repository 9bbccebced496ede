"""Which alerts a silence of Grafana covers, and that ours are those that are wanted."""

import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core.quiet import Mute, Subject, quiet
from glue.core.silences import (
    LASTS,
    LookedAfter,
    Matcher,
    Silence,
    covers,
    is_like,
    is_understood,
    labels,
    plan,
)

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOT = labels("servo_temp", "warning", "lab-1")


def silence(*matchers: Matcher, **more: object) -> Silence:
    made = Silence("s1", matchers, T0 - HOUR, T0 + HOUR, "ben", "oil")
    return replace(made, **more)


@pytest.mark.parametrize(
    ("matchers", "does"),
    [
        ([Matcher("robot_id", "lab-1")], True),
        ([Matcher("robot_id", "lab-2")], False),
        ([Matcher("robot_id", "lab-2", is_equal=False)], True),
        ([Matcher("robot_id", "lab-.*|hall-.*", is_regex=True)], True),
        ([Matcher("robot_id", "ab-1", is_regex=True)], False),
        ([Matcher("robot_id", "hall.*", is_regex=True, is_equal=False)], True),
        ([Matcher("metric", "servo_temp"), Matcher("severity", "critical")], False),
        ([Matcher("alertname", HOT["alertname"])], True),
        ([Matcher("team", "")], True),
        ([Matcher("team", "x")], False),
        ([Matcher("robot_id", "(", is_regex=True)], False),
        ([Matcher("robot_id", "(", is_regex=True, is_equal=False)], False),
        ([], False),
    ],
)
def test_all_matchers_must_be_true(matchers, does):
    assert covers(silence(*matchers), HOT, T0) is does


def test_it_holds_from_its_start_until_its_end():
    one = silence(Matcher("robot_id", "lab-1"))
    ends = [T0 - HOUR - HOUR, T0 - HOUR, T0 + HOUR - HOUR / 60, T0 + HOUR]
    assert [covers(one, HOT, at) for at in ends] == [False, True, True, False]


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a*)*", "a*a*a*a*b", "(a|a){9}b", "x" * 301])
def test_an_expression_that_could_take_for_ever_is_not_tried(pattern):
    began = time.monotonic()
    assert is_like(pattern, "a" * 50) is None
    assert not is_understood(Matcher("robot_id", pattern, is_regex=True))
    assert time.monotonic() - began < 2


def test_rules_of_others_are_known_by_the_labels_they_came_with():
    assert labels("rule:disk", "warning", "", {"alertname": "Disk", "n": 5}) == {
        "alertname": "Disk",
        "n": "5",
    }
    assert labels("rule:disk", "warning", "") == {}


def test_a_silence_of_somebody_keeps_an_alert_quiet_one_of_ours_does_not():
    alert = Subject(5, "servo_temp", "lab-1", "warning", "servo", labels=HOT)
    theirs = silence(Matcher("robot_id", "lab-1"))
    assert quiet(alert, [], T0, {}, [theirs]).reason == "silenced in Grafana by ben: oil"
    (ours,) = plan([LookedAfter(5, HOT, "ann")], [], T0).write
    assert covers(ours, HOT, T0) and ours.alert_id == 5
    assert quiet(alert, [], T0, {}, [ours]) is None
    forged = replace(ours, created_by="ben")
    assert quiet(alert, [], T0, {}, [forged]) is not None, "ours are made by us"
    mute = Mute(3, types=("servo",), by="eve")
    assert quiet(alert, [mute], T0, {}, [theirs]).reason == "mute 3 by eve"


alerts = st.builds(
    LookedAfter,
    st.integers(1, 6),
    st.sampled_from([HOT, labels("cpu", "critical", "r1"), labels("events", "critical", "")]),
    st.just("ann"),
)


@given(st.lists(st.lists(alerts, unique_by=lambda one: one.alert_id), max_size=8), st.data())
def test_whatever_is_lost_or_done_twice_ours_become_those_that_are_wanted(steps, data):
    there: dict[str, Silence] = {}
    ids = (f"id-{n}" for n in itertools.count())
    now = T0

    def write(one: Silence) -> None:
        made = one if one.id else replace(one, id=next(ids))
        there[made.id] = made

    def look(wanted, loss: bool) -> None:
        found = plan(wanted, list(there.values()), now)
        for one in found.expire:
            if not (loss and data.draw(st.booleans())):
                del there[one]
        for one in found.write:
            for _ in range(data.draw(st.integers(0, 2)) if loss else 1):
                write(one)

    for wanted in steps:
        now += timedelta(hours=data.draw(st.integers(0, 20)))
        there = {i: one for i, one in there.items() if one.ends_at > now}
        look(wanted, loss=True)
        look(wanted, loss=False)
        look(wanted, loss=False)
        found = {one.alert_id: one for one in there.values()}
        assert len(found) == len(there) == len(wanted)
        for alert in wanted:
            assert covers(found[alert.alert_id], alert.labels, now)
            assert now + LASTS >= found[alert.alert_id].ends_at > now + LASTS / 2

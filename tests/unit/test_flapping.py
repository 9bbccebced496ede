"""What is called flapping, from when and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core.flapping import Flap, FlapRule, Opening, began, has_settled, is_worse
from glue.settings import SettingsError, load

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULE = FlapRule(3, timedelta(minutes=10))


def openings(*minutes: float) -> list[Opening]:
    return [Opening(n, T0 + timedelta(minutes=at)) for n, at in enumerate(minutes, 1)]


def test_the_opening_that_makes_it_one_is_the_nth_within_the_time():
    assert began(openings(0, 5, 10), {3}, RULE) == 2
    assert began(openings(0, 5, 10.1), {3}, RULE) is None
    assert began(openings(0, 20, 25, 30), {4}, RULE) == 3
    assert began(openings(0, 5), {2}, RULE) is None


def test_what_people_were_told_of_before_makes_none():
    assert began(openings(0, 1, 2, 30), {4}, RULE) is None
    assert began(openings(0, 1, 2, 3), {4}, RULE) == 3
    assert began(openings(0, 1, 2, 3, 4), {3, 4, 5}, RULE) == 2


def test_it_settles_after_half_the_time_without_another_opening():
    flap = Flap(1, "cpu", "r1", "warning", 3, T0)
    assert not has_settled(flap, RULE, T0 + timedelta(minutes=4.9))
    assert has_settled(flap, RULE, T0 + timedelta(minutes=5))
    assert has_settled(flap, FlapRule(0, timedelta(hours=1)), T0), "it is switched off by now"
    assert is_worse(flap, "critical") and not is_worse(flap, "warning")


@given(st.lists(st.floats(0, 600), max_size=12), st.integers(0, 6), st.integers(1, 300))
def test_a_flap_begins_exactly_when_so_many_openings_lie_within_the_time(at, count, within):
    found = openings(*sorted(at))
    rule = FlapRule(count, timedelta(minutes=within))
    dense = [
        n
        for n in range(len(found))
        if count and sum(found[n].at - rule.within <= o.at for o in found[: n + 1]) >= count
    ]
    assert began(found, {o.alert_id for o in found}, rule) == (dense[0] if dense else None)


def test_the_figures_are_settings_of_each_metric():
    rules = load({"RULE_FLAP_OPENINGS": "4", "RULE_FLAP_METRICS": "cpu=0/60, rule:x =9/90"}).rules
    assert [rules.flapping(one) for one in ("cpu", "rule:x", "battery")] == [
        (0, 60),
        (9, 90),
        (4, 1800),
    ]


@pytest.mark.parametrize("wrong", ["cpu", "cpu=3", "cpu=3/0", "cpu=3/60;"])
def test_figures_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SettingsError, match="RULE_FLAP_METRICS"):
        load({"RULE_FLAP_METRICS": wrong})

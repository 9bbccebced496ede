"""What a battery's charge over time says of its use and its age."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core.report.wear import ENOUGH, Sample, Wear, added, fade, wear

TEN = 600.0


def ride(
    *percents: float, charging: bool | None = None, current: float | None = None
) -> list[Sample]:
    return [Sample(n * TEN, p, charging, current) for n, p in enumerate(percents)]


def test_what_is_taken_out_makes_cycles_and_hours_a_charge() -> None:
    found = wear(ride(100, 90, 80, 70, 60, charging=False), 1500)
    assert found.taken == 40 and found.cycles == pytest.approx(0.4)
    assert found.hours_a_charge == pytest.approx(40 / 60 * 100 / 40)
    assert found.capacity is None


def test_capacity_comes_from_the_current() -> None:
    found = wear(ride(100, 90, 80, charging=False, current=-3.0), 1500)
    assert found.capacity == pytest.approx(3.0 * (1200 / 3600) / 20 * 100)


def test_charging_is_not_use_also_where_the_robot_does_not_say_that_it_charges() -> None:
    for said in (True, None):
        charging = [Sample(n * TEN, p, said) for n, p in enumerate((20, 40, 60, 80))]
        found = wear([Sample(-TEN, 22, False), *charging], 1500)
        assert found.put == 60
        assert found.charges == 1


def test_a_gap_tells_nothing() -> None:
    found = wear([Sample(0, 90, False), Sample(7200, 30, False), Sample(7800, 28, False)], 1500)
    assert found.taken == 2


def test_going_below_ten_percent_is_counted_once() -> None:
    found = wear(ride(12, 9, 8, 11, 9.5, charging=False), 1500)
    assert found.deep == 2


def test_fading_is_the_line_through_the_days() -> None:
    falling = [10 - 0.1 * day for day in range(10)]
    assert fade(falling) == pytest.approx(0.1 * 30 / 9.55 * 100)
    assert fade([*falling[:3], None, *falling[4:]]) == pytest.approx(fade(falling), rel=0.01)
    assert fade([5.0] * 10) == 0
    assert fade([5.0, 4.0, None]) is None


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=60), st.sampled_from([True, False, None]))
def test_never_more_is_taken_than_went_down(percents: list[float], charging: bool | None) -> None:
    found = wear(ride(*percents, charging=charging), 1500)
    downs = sum(max(a - b, 0) for a, b in pairwise(percents))
    ups = sum(max(b - a, 0) for a, b in pairwise(percents))
    assert 0 <= found.taken <= downs + 1e-6
    assert found.put == pytest.approx(ups)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_parts_add_up(percents: list[float]) -> None:
    one = wear(ride(*percents, charging=False), 1500)
    assert added([one, Wear(), one]).taken == pytest.approx(2 * one.taken)
    assert one.hours_a_charge is None or one.taken >= ENOUGH

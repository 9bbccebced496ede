"""Windows follow the clock on the wall, also on the days on which it jumps."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core.maintenance_windows import (
    Schedule,
    mistake,
    moment,
    next_ones,
    occurrences,
    to_keep,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]

locals_ = st.datetimes(
    datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-01-01")
).map(lambda at: at.replace(second=0, microsecond=0, fold=0))
zones = st.sampled_from(ZONES)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def shown(schedule: Schedule, after: str, count: int) -> list[str]:
    found = next_ones(schedule, at(after), count)
    return [f"{one.starts_at:%m-%d %H:%M} {one.ends_at:%m-%d %H:%M}" for one in found]


def test_a_window_that_happens_once_is_over_after_its_end():
    once = Schedule("Europe/Berlin", at("2026-07-01T22:00"), at("2026-07-02T02:00"))
    assert shown(once, "2026-07-01T23:59Z", 5) == ["07-01 20:00 07-02 00:00"]
    assert shown(once, "2026-07-02T00:00Z", 5) == []


def test_a_nightly_window_is_from_ten_to_two_in_summer_and_in_winter():
    nightly = Schedule(
        "Europe/Berlin", at("2026-10-01T22:00"), at("2026-10-02T02:00"), frozenset(range(1, 8))
    )
    assert shown(nightly, "2026-10-24T12:00Z", 3) == [
        "10-24 20:00 10-25 00:00",
        "10-25 21:00 10-26 01:00",
        "10-26 21:00 10-27 01:00",
    ]


def test_a_time_in_a_skipped_hour_is_read_with_the_offset_before_it():
    # 2026-03-29: 02:00 is followed by 03:00.
    daily = frozenset(range(1, 8))
    into = Schedule("Europe/Berlin", at("2026-03-28T01:30"), at("2026-03-28T02:30"), daily)
    assert shown(into, "2026-03-28T12:00Z", 1) == ["03-29 00:30 03-29 01:30"]
    out_of = Schedule("Europe/Berlin", at("2026-03-28T02:50"), at("2026-03-28T03:10"), daily)
    # 02:50 is 03:50 that day; it is as long as ever.
    assert shown(out_of, "2026-03-28T12:00Z", 1) == ["03-29 01:50 03-29 02:10"]
    inside = Schedule("Europe/Berlin", at("2026-03-28T02:10"), at("2026-03-28T02:50"), daily)
    assert shown(inside, "2026-03-28T12:00Z", 1) == ["03-29 01:10 03-29 01:50"]
    once = Schedule("Europe/Berlin", at("2026-03-29T02:30"), at("2026-03-29T02:45"))
    assert mistake(once, NOW) == ""
    assert shown(once, "2026-01-01T00:00Z", 1) == ["03-29 01:30 03-29 01:45"]


def test_an_hour_shown_twice_is_the_first():
    assert moment(at("2026-10-25T02:30"), BERLIN) == at("2026-10-25T00:30Z")


def test_every_other_week_is_counted_from_the_first_one():
    schedule = Schedule(
        "UTC",
        at("2026-01-07T10:00"),  # a Wednesday
        at("2026-01-07T11:00"),
        frozenset({1, 3}),
        every_weeks=2,
        last_day=date(2026, 2, 4),
    )
    assert [one[:5] for one in shown(schedule, "2020-01-01T00:00Z", 9)] == [
        *("01-07", "01-19", "01-21", "02-02", "02-04")
    ]


def test_a_year_of_dates_ends_without_an_error():
    schedule = Schedule("UTC", at("9999-12-30T10:00"), at("9999-12-30T11:00"), frozenset({5}))
    assert len(list(occurrences(schedule, at("2026-01-01T00:00Z")))) == 1


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (Schedule("UTC", at("2026-01-02T00:00"), at("2026-01-01T00:00")), "not after"),
        (Schedule("UTC", at("2026-01-02T00:00"), at("2026-01-02T00:00")), "not after"),
        (Schedule("UTC", at("2026-01-02T00:00"), at("2027-02-02T00:00")), "a year"),
        (Schedule("UTC", at("2026-01-02T00:00"), at("2026-01-12T00:00"), frozenset({1})), "week"),
        (
            Schedule(
                *("UTC", at("2026-01-02T00:00"), at("2026-01-03T00:00"), frozenset({1})),
                last_day=date(2026, 1, 1),
            ),
            "last day",
        ),
        (Schedule("UTC", at("2026-01-02T00:00"), at("2026-03-02T00:00")), ""),
        # 02:30 is 03:30 there, which is after 03:15.
        (Schedule("Europe/Berlin", at("2026-03-29T02:30"), at("2026-03-29T03:15")), "skip"),
        (Schedule("Europe/Berlin", at("2026-03-29T02:30"), at("2026-03-29T03:45")), ""),
        (Schedule("UTC", at("2025-12-02T00:00"), at("2026-01-01T00:00")), "in the past"),
        (Schedule("UTC", at("2025-12-02T00:00"), at("2026-01-01T00:01")), ""),
        (
            Schedule(
                *("UTC", at("2025-12-02T00:00"), at("2025-12-03T00:00"), frozenset({1})),
                last_day=date(2025, 12, 30),
            ),
            "in the past",
        ),
        (Schedule("UTC", at("2020-01-02T00:00"), at("2020-01-03T00:00"), frozenset({1})), ""),
    ],
)
def test_what_makes_no_sense_is_said(schedule, why):
    assert why in mistake(schedule, NOW)
    assert bool(mistake(schedule, NOW)) == bool(why)


@given(locals_, zones)
def test_the_clock_shows_the_time_or_is_as_far_beyond_it_as_it_jumped(local, zone):
    place = ZoneInfo(zone)
    found = moment(local, place)
    beyond = found.astimezone(place).replace(tzinfo=None) - local
    before = (found - timedelta(hours=3)).astimezone(place).utcoffset()
    assert beyond in (timedelta(), found.astimezone(place).utcoffset() - before)


@st.composite
def schedules(draw):
    start = draw(locals_)
    return Schedule(
        draw(zones),
        start,
        start + timedelta(minutes=draw(st.integers(1, 7 * 1440))),
        draw(st.frozensets(st.integers(1, 7))),
        draw(st.integers(1, 5)),
        draw(st.none() | st.integers(0, 400).map(lambda days: start.date() + timedelta(days=days))),
    )


@given(schedules(), st.integers(-100, 900))
def test_from_wherever_one_looks_the_occurrences_are_the_same(schedule, days):
    begin = schedule.start.replace(tzinfo=UTC) - timedelta(days=40)
    look = begin + timedelta(days=days)
    every = list(islice(occurrences(schedule, begin), 400))
    late = list(islice(occurrences(schedule, look), 20))
    reach = every[-1].starts_at if every else begin
    expected = [one for one in every if one.ends_at > look][: len(late)]
    assert [one for one in late if one.starts_at <= reach] == expected[: len(late)]
    assert all(one.starts_at < one.ends_at for one in every)
    assert every == sorted(every, key=lambda one: one.starts_at)
    kept = to_keep(schedule, look, timedelta(days=30), 3)
    assert kept == list(islice(occurrences(schedule, look), len(kept)))

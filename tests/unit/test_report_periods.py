"""Periods of reports: local days, the period before, and what a schedule covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core.report import periods
from glue.core.report.content import Period

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Kathmandu",
     "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)  # fmt: skip
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)


def period(since: datetime, until: datetime) -> Period:
    return Period(since=since, until=until)


def berlin(*at: int) -> datetime:
    return datetime(*at, tzinfo=BERLIN)  # type: ignore[arg-type,misc]


@settings(deadline=None)
@given(MOMENTS, st.integers(300, 40 * 86400), ZONES)
def test_days_cover_the_period_and_meet_at_local_midnights(
    since: datetime, seconds: int, zone: ZoneInfo
) -> None:
    whole = period(since, since + timedelta(seconds=seconds))
    days = periods.days(whole, zone)
    assert days[0].since == whole.since and days[-1].until == whole.until
    for one, two in pairwise(days):
        assert one.until == two.since
        local = two.since.astimezone(zone)
        assert local == periods.midnight(local)
    assert all(timedelta(0) < d.until - d.since <= timedelta(hours=25) for d in days)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_a_day_on_which_the_clocks_change_is_one_day(day: tuple[int, int, int], hours: int) -> None:
    at = berlin(*day, 12)
    found = periods.last("day", at + timedelta(days=1), BERLIN)
    assert found.until - found.since == timedelta(hours=hours)
    assert len(periods.days(found, BERLIN)) == 1
    assert periods.before(found, BERLIN).until == found.since


def test_the_period_before_a_month_is_the_month_before() -> None:
    march = period(berlin(2026, 3, 1), berlin(2026, 4, 1))
    was = periods.before(march, BERLIN)
    assert was == period(berlin(2026, 2, 1), berlin(2026, 3, 1))
    assert periods.before(was, BERLIN).since == berlin(2026, 1, 1)


def test_the_period_before_a_week_are_seven_local_days() -> None:
    week = period(berlin(2026, 3, 30), berlin(2026, 4, 6))
    assert periods.before(week, BERLIN) == period(berlin(2026, 3, 23), berlin(2026, 3, 30))


def test_the_period_before_some_hours_is_as_long() -> None:
    hours = period(berlin(2026, 3, 29, 1), berlin(2026, 3, 29, 9))
    was = periods.before(hours, BERLIN)
    assert was.until - was.since == hours.until - hours.since


@settings(deadline=None)
@given(MOMENTS, ZONES, st.sampled_from(["day", "week", "month"]))
def test_what_a_schedule_covers_is_over_and_begins_at_midnight(
    at: datetime, zone: ZoneInfo, covers: periods.Covers
) -> None:
    found = periods.last(covers, at, zone)
    assert found.since < found.until <= at
    for edge in (found.since, found.until):
        assert edge.astimezone(zone) == periods.midnight(edge.astimezone(zone))
    if covers == "month":
        assert found.until.astimezone(zone).day == 1
    assert at - found.until < timedelta(days=32)


@settings(deadline=None)
@given(st.integers(300, 366 * 86400))
def test_a_line_has_few_points(seconds: int) -> None:
    since = berlin(2026, 1, 1)
    every = periods.window(period(since, since + timedelta(seconds=seconds)))
    assert seconds / every <= periods.MOST_WINDOWS


def test_a_period_has_a_name_or_a_length() -> None:
    at = berlin(2026, 3, 30, 15, 20)
    for name, since, until in (
        ("24h", at - timedelta(hours=24), at),
        ("1h30m", at - timedelta(minutes=90), at),
        ("today", berlin(2026, 3, 30), at),
        ("yesterday", berlin(2026, 3, 29), berlin(2026, 3, 30)),
        ("day", berlin(2026, 3, 29), berlin(2026, 3, 30)),
    ):
        assert periods.named(name, at, BERLIN) == period(since, until), name
    for wrong in ("fortnight", "", "1x"):
        with pytest.raises(ValueError, match="day, week, month, today, yesterday"):
            periods.named(wrong, at, BERLIN)

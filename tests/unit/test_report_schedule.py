"""When scheduled reports are due, in local time, across the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glue.core.report import schedule
from glue.core.report.schedule import BadSchedule, Due

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe"]
).map(ZoneInfo)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
CRONS = st.sampled_from(
    ["0 6 * * *", "30 2 * * *", "15 0 * * 1", "0 9 1 * *", "*/10 * * * *", "30 1 * * 0"]
)


def berlin(*at: int) -> datetime:
    return datetime(*at, tzinfo=BERLIN)  # type: ignore[arg-type,misc]


def runs(expression: str, since: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        since = schedule.following(expression, BERLIN, since)
        found.append(since)
    return found


def test_every_day_at_six_is_six_in_summer_and_winter() -> None:
    for begin in (berlin(2026, 3, 27, 12), berlin(2026, 10, 23, 12)):
        local = [at.astimezone(BERLIN) for at in runs("0 6 * * *", begin, 4)]
        assert [at.hour for at in local] == [6] * 4
        assert [b.date() - a.date() for a, b in pairwise(local)] == [timedelta(days=1)] * 3


def test_a_time_that_the_clocks_skip_is_due_when_they_go_on() -> None:
    (first, second) = runs("30 2 * * *", berlin(2026, 3, 28, 12), 2)
    assert first.astimezone(BERLIN).date().isoformat() == "2026-03-29"
    assert first.astimezone(BERLIN).hour == 3
    assert second.astimezone(BERLIN) == berlin(2026, 3, 30, 2, 30)


def test_a_time_that_the_clocks_show_twice_is_due_once() -> None:
    days = [at.astimezone(BERLIN).date() for at in runs("30 2 * * *", berlin(2026, 10, 24, 12), 3)]
    assert len(set(days)) == 3


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        (("daily", "06:30"), "30 6 * * *"),
        (("weekly", "7:05", "sunday"), "5 7 * * 0"),
        (("weekly", "06:00", "monday"), "0 6 * * 1"),
        (("monthly", "00:00", "monday", 28), "0 0 28 * *"),
    ],
)
def test_words_become_cron(words: tuple[str, ...], cron: str) -> None:
    assert schedule.cron(*words) == cron  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "x y z a b"]
)
def test_what_is_no_cron_or_never_due_is_refused(wrong: str) -> None:
    with pytest.raises(BadSchedule):
        schedule.check(wrong)


@pytest.mark.parametrize("words", [("daily", "24:00"), ("daily", "noon"), ("weekly", "06:00", "mo"),
                                   ("monthly", "06:00", "monday", 31)])  # fmt: skip
def test_words_that_mean_no_time_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BadSchedule):
        schedule.cron(*words)  # type: ignore[arg-type]


def test_missed_runs_are_made_up_for_once() -> None:
    planned = berlin(2026, 11, 10, 6)
    now = berlin(2026, 11, 13, 9)
    assert schedule.due("0 6 * * *", BERLIN, planned, now) == Due(
        berlin(2026, 11, 13, 6), 3, berlin(2026, 11, 14, 6)
    )
    assert schedule.due("0 6 * * *", BERLIN, planned, planned - timedelta(seconds=1)) is None
    on_time = schedule.due("0 6 * * *", BERLIN, planned, planned)
    assert on_time == Due(planned, 0, berlin(2026, 11, 11, 6))


def test_a_week_away_with_a_run_every_minute_is_one_run() -> None:
    planned = berlin(2026, 11, 1)
    found = schedule.due("* * * * *", BERLIN, planned, planned + timedelta(days=7))
    assert found is not None and found.at == planned + timedelta(days=7)
    assert found.missed == schedule.MOST_MISSED


@settings(deadline=None)
@example("30 1 * * 0", ZoneInfo("America/New_York"), datetime(2020, 11, 1, tzinfo=UTC), 1800)
@given(CRONS, ZONES, MOMENTS, st.integers(0, 90 * 86400))
def test_after_a_run_the_next_one_is_in_the_future(
    expression: str, zone: ZoneInfo, since: datetime, away: int
) -> None:
    planned = schedule.following(expression, zone, since)
    found = schedule.due(expression, zone, planned, planned + timedelta(seconds=away))
    assert found is not None
    assert planned <= found.at <= planned + timedelta(seconds=away) < found.next
    assert schedule.due(expression, zone, found.next, planned + timedelta(seconds=away)) is None


def test_the_report_of_a_run_is_of_the_time_before_it() -> None:
    kept = {"kind": "job", "robots": ["r1"]}
    asked = schedule.request_of(kept, "week", berlin(2026, 11, 23, 6), "Europe/Berlin")
    assert asked.since == berlin(2026, 11, 16) and asked.until == berlin(2026, 11, 23)
    assert asked.robots == ("r1",) and asked.zone == "Europe/Berlin"

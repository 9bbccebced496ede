"""Who is told, when: conditions, quiet hours, escalation, repetition."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core.routes import (
    Route,
    Told,
    Transition,
    Unanswered,
    Window,
    back_off,
    due,
    due_at_end,
    escalates,
    fits,
    repeats,
    spaced,
)

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
NIGHT = Window(time(22), time(6), "Europe/Berlin")

severities = st.sampled_from(["info", "warning", "critical"])
robots = st.sampled_from(["", "lab-1", "lab-2", "hall-1"])
moments = st.integers(0, 365 * 1440).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
windows = st.builds(
    Window,
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
    st.frozensets(st.integers(1, 7), min_size=1),
)
transitions = st.builds(
    Transition,
    st.just(1),
    st.just(1),
    st.sampled_from(["opened", "raised"]),
    severities,
    st.just("system"),
    st.sampled_from(["cpu", "silence"]),
    robots,
    st.sampled_from([None, None, "muted"]),
)


@st.composite
def routes(draw):
    return [
        Route(
            id=n,
            name=f"r{n}",
            targets=tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))),
            enabled=draw(st.booleans()),
            severities=draw(st.frozensets(severities)),
            robots=tuple(draw(st.lists(st.sampled_from(["lab-*", "*-1", "*"]), max_size=2))),
            hours=draw(st.none() | windows),
            quiet_hours=draw(st.none() | windows),
            go_on=draw(st.booleans()),
        )
        for n in range(draw(st.integers(0, 4)))
    ]


@settings(deadline=None)
@given(routes(), transitions, moments)
def test_each_target_is_told_once_by_the_first_route_that_names_it(listed, transition, now):
    found = due(transition, listed, now)
    assert len({one.target for one in found}) == len(found)
    for one in found:
        assert fits(one.route, transition, now) and one.target in one.route.targets
        before = listed[: listed.index(one.route)]
        fitting = [route for route in before if fits(route, transition, now)]
        assert all(route.go_on and one.target not in route.targets for route in fitting)
        assert one.at >= now
        if transition.severity == "critical":
            assert not one.held
        if one.held:
            assert one.route.quiet_hours.end_of(now) == one.at > now
        assert one.suppressed == transition.quiet
    if not found:
        assert not any(fits(route, transition, now) for route in listed)


@settings(deadline=None)
@given(windows, moments)
def test_a_window_ends_after_now_within_two_days_and_not_inside_of_itself(window, now):
    ends = window.end_of(now)
    if ends is None:
        return
    assert now < ends <= now + timedelta(hours=25)
    local = ends.astimezone(ZoneInfo(window.zone))
    # A time that the clocks skip is another one on the wall.
    assert local.minute == window.end.minute or ends.month in (3, 10, 11)


def test_a_night_belongs_to_the_day_on_which_it_starts():
    friday = Window(time(22), time(6), "Europe/Berlin", frozenset({5}))
    inside = datetime(2026, 3, 7, 3, tzinfo=UTC)  # Saturday, four o'clock there
    assert friday.end_of(inside) == datetime(2026, 3, 7, 5, tzinfo=UTC)
    assert friday.end_of(inside - timedelta(days=1)) is None
    assert friday.end_of(inside + timedelta(days=1)) is None


def test_a_night_in_which_the_clocks_change_ends_on_their_new_time():
    # Spring forward on 29 March 2026: six o'clock is 04:00 UTC, the day before it was 05:00.
    assert NIGHT.end_of(datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(
        2026, 3, 29, 4, tzinfo=UTC
    )
    assert NIGHT.end_of(datetime(2026, 3, 27, 23, tzinfo=UTC)) == datetime(
        2026, 3, 28, 5, tzinfo=UTC
    )


def test_the_end_is_told_to_who_was_told_of_the_beginning():
    loud, silent = Route(1, "a", (1,)), Route(2, "b", (2,), send_resolved=False)
    over = Transition(9, 1, "resolved", "warning")
    told = [Told(1, 1, False), Told(2, 2, False), Told(1, 3, True), Told(7, 4, False)]
    ends = due_at_end(over, told, [loud, silent], T0)
    assert [one.target for one in ends] == [1, 4], "4 was told through a route that is gone"


def test_escalation_and_repetition_when_their_time_has_come():
    route = Route(1, "a", (1,), escalate_after=600, escalate_to=(2,), repeat_every=1800)

    def open_(severity="critical", escalated=False, unsent=False):
        return Unanswered(severity, T0, T0, escalated, 0, unsent)

    def at(seconds):
        return T0 + timedelta(seconds=seconds)

    assert not escalates(route, open_(), at(599)) and escalates(route, open_(), at(600))
    assert not escalates(route, open_(escalated=True), at(9999))
    night = replace(route, quiet_hours=Window(time(0), time(0)))
    assert escalates(night, open_(), at(600))
    assert not escalates(night, open_("warning"), at(600))
    assert not repeats(route, open_(), at(1799)) and repeats(route, open_(), at(1800))
    assert not repeats(route, open_("warning"), at(1800))
    assert not repeats(route, open_(unsent=True), at(1800))


@settings(deadline=None)
@given(st.lists(st.floats(0, 600), max_size=30), st.floats(0, 120), st.floats(0, 10))
def test_messages_of_an_outage_keep_their_distance(gaps, interval, wait):
    last, now, sent = None, T0, set()
    for gap in gaps:
        now += timedelta(seconds=gap)
        at = spaced(now + timedelta(seconds=wait), last, now, interval)
        assert at >= now
        last = at
        sent.add(at)
    ordered = sorted(sent)
    for one, other in itertools.pairwise(ordered):
        assert (other - one).total_seconds() >= interval - 1e-3


@settings(deadline=None)
@given(st.integers(1, 10_000))
def test_waits_double_up_to_the_longest(attempts):
    assert back_off(1, 10, 3600) == 10 and back_off(2, 10, 3600) == 20
    assert 10 <= back_off(attempts, 10, 3600) <= 3600
    assert sum(back_off(n, 10, 3600) for n in range(1, 32)) > 0.9 * 86400

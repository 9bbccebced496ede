"""One episode per (metric, robot), opened once and closed once, whatever arrives how often."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core.episodes import (
    Circumstances,
    Instance,
    Known,
    Observation,
    decide,
    missing,
    why,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def seen(
    severity="warning", starts=0.0, ends=None, *, when=None, origin="push", reason="recovered"
):
    firing = ends is None
    when = when if when is not None else (starts if firing else ends)
    return Observation(
        metric="servo_temp",
        robot_id="r1",
        severity=severity,
        firing=firing,
        starts_at=at(starts),
        seen_at=at(when),
        ended_at=None if firing else at(ends),
        origin=origin,
        reason=reason,
    )


def play(*observations):
    known, ids = Known(), itertools.count(1)
    changes = [c for o in observations for c in decide(known, o, ids)]
    return known, changes


def kinds(changes):
    return [(c.kind, c.episode.severity) for c in changes]


def test_warning_rises_to_critical_falls_back_and_ends_as_one_episode():
    known, changes = play(
        seen("warning", 0),
        seen("critical", 20),
        seen("critical", 20, 40),
        seen("warning", 0, 60),
    )
    assert kinds(changes) == [
        ("opened", "warning"),
        ("raised", "critical"),
        ("lowered", "warning"),
        ("resolved", "warning"),
    ]
    assert {c.episode.id for c in changes} == {1}
    assert known.episode is None
    assert changes[-1].episode.resolved_at == at(60)


def test_repeats_and_late_news_of_an_ended_occurrence_say_nothing_new():
    _, changes = play(
        seen("warning", 0),
        seen("warning", 0),
        seen("warning", 0, 30),
        seen("warning", 0),
        seen("warning", 0, 30),
    )
    assert kinds(changes) == [("opened", "warning"), ("resolved", "warning")]


def test_end_without_a_beginning_is_recorded_with_both():
    _, changes = play(seen("critical", 10, 25))
    assert kinds(changes) == [("opened", "critical"), ("resolved", "critical")]
    assert (changes[0].at, changes[1].at) == (at(10), at(25))


def test_late_end_of_an_earlier_occurrence_does_not_close_the_present_one():
    known, changes = play(
        seen("warning", 0), seen("warning", 0, 10), seen("warning", 20), seen("warning", 0, 10)
    )
    assert kinds(changes) == [("opened", "warning"), ("resolved", "warning"), ("opened", "warning")]
    assert known.episode is not None


def test_state_read_after_the_end_reopens_even_when_it_began_before():
    # The standby closed it by mistake; Grafana says that it has been firing all along.
    known, _ = play(
        seen("warning", 0),
        seen("warning", 0, 10, origin="standby"),
        seen("warning", 0, when=30, origin="pull"),
    )
    assert known.episode is not None


def test_resolved_by_hand_stays_resolved_until_normal_was_reported_once():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    known.episode = None  # a person resolved it
    for late in (5, 10, 15):
        assert decide(known, seen("warning", 0, when=late, origin="pull"), ids) == []
    assert decide(known, seen("warning", 0, 20), ids) == []
    assert kinds(decide(known, seen("warning", 30), ids)) == [("opened", "warning")]


def test_what_grafana_no_longer_lists_is_missing_unless_it_began_after_its_evaluation():
    def firing(severity, starts):
        return Instance("cpu", "r1", severity, True, at(starts), None, at(starts), "", "push", 1)

    held = [firing("warning", 0), firing("critical", 50)]
    evaluated = {"cpu/warning": at(40), "cpu/critical": at(40)}
    assert missing(held, set(), evaluated) == [held[0]]
    assert missing(held, {("cpu", "r1", "warning")}, evaluated) == []
    assert missing(held, set(), {}) == [], "a rule that is not evaluated says nothing"


def test_reasons():
    gone = Circumstances(has_recent_point=False)
    there = Circumstances(has_recent_point=True)
    assert why(False, gone) == "recovered"
    assert why(True, gone) == "no data"
    assert why(True, Circumstances()) == "no data", "never recovered when nobody could look"
    assert why(True, there) == "recovered"
    assert why(True, Circumstances(True, charging=True)) == "charging"
    assert why(True, Circumstances(True, in_maintenance=True)) == "maintenance"
    assert why(True, Circumstances(True, removed=True)) == "robot removed"
    assert why(True, Circumstances(True, has_limit=False)) == "limit changed"


@st.composite
def truths(draw):
    """Occurrences per severity that do not overlap, as Grafana makes them: (start, end)."""
    truth = {}
    for severity in ("warning", "critical"):
        marks = sorted(draw(st.sets(st.integers(0, 300), min_size=0, max_size=8)))
        pairs = list(zip(marks[::2], marks[1::2], strict=False))
        truth[severity] = [(a, b) for a, b in pairs if b > a]
    return truth


@settings(max_examples=300, deadline=None)
@given(truths(), st.data())
def test_any_loss_repetition_and_order_of_posts_ends_with_nothing_open_and_no_pair_open_twice(
    truth, data
):
    posts = []
    for severity, occurrences in truth.items():
        for start, end in occurrences:
            posts += [seen(severity, start)] * data.draw(st.integers(0, 2))
            posts += [seen(severity, start, end)] * data.draw(st.integers(0, 2))
    posts = data.draw(st.permutations(posts))
    known, ids, open_ids = Known(), itertools.count(1), set()
    for post in posts:
        for change in decide(known, post, ids):
            if change.kind == "opened":
                assert not open_ids, "one open episode per pair"
                open_ids.add(change.episode.id)
            assert change.episode.id in open_ids
            if change.kind == "resolved":
                open_ids.discard(change.episode.id)
    # The pull is the truth: Grafana says that nothing fires any more.
    held = [i for i in known.instances.values() if i.firing]
    for instance in missing(held, set(), {f"servo_temp/{s}": at(1000) for s in truth}):
        decide(known, seen(instance.severity, 0, 1000, origin="pull"), ids)
    assert known.episode is None
    assert not any(i.firing for i in known.instances.values())


@settings(max_examples=200, deadline=None)
@given(truths())
def test_told_in_order_every_occurrence_is_inside_an_episode_of_its_severity(truth):
    events = sorted(
        (moment, begins, severity, start, end)
        for severity, occurrences in truth.items()
        for start, end in occurrences
        for moment, begins in ((start, 1), (end, 0))
    )
    _, changes = play(
        *(seen(sev, s) if begins else seen(sev, s, e) for _, begins, sev, s, e in events)
    )
    spans = {}
    for change in changes:
        span = spans.setdefault(change.episode.id, [change.at, None])
        if change.kind == "resolved":
            span[1] = change.at
    for occurrences in truth.values():
        for start, end in occurrences:
            assert any(a <= at(start) and at(end) <= b for a, b in spans.values())

"""One episode per (metric, robot), opened once and closed once, whatever arrives how often."""

import itertools
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core import episodes
from glue.core.endings import Circumstances, Limit, missing, why
from glue.core.episodes import Known, decide, news
from glue.core.occurrences import RANK, Observation, Occurrence

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLES = int(os.environ.get("EPISODE_EXAMPLES", "250"))
"""Of each property; more for a long search."""


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def seen(
    severity="warning",
    starts=0.0,
    ends=None,
    *,
    when=None,
    origin="push",
    reason="recovered",
    by_look=False,
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
        by_look=by_look,
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


def close_by_hand(known, when, who="olga"):
    closed = episodes.close_by_hand(known.episode, who, at(when))
    known.episodes[closed.id] = closed


def test_resolved_by_hand_stays_resolved_until_normal_was_reported_once():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    close_by_hand(known, 3)
    for late in (5, 10, 15):
        assert decide(known, seen("warning", 0, when=late, origin="pull"), ids) == []
    assert decide(known, seen("warning", 0, 20), ids) == []
    assert known.episodes[1].resolved_at == at(3)
    assert kinds(decide(known, seen("warning", 30), ids)) == [("opened", "warning")]


def test_what_gets_worse_after_a_person_closed_it_is_an_alert_of_its_own():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    close_by_hand(known, 3)
    assert kinds(decide(known, seen("critical", 10), ids)) == [("opened", "critical")]
    with pytest.raises(episodes.AlreadyOver):
        episodes.close_by_hand(known.episodes[1], "ivan", at(11))


def test_the_first_who_acknowledges_is_kept():
    known, _ = play(seen("warning", 0))
    first = episodes.acknowledge(known.episode, "olga", at(5))
    again = episodes.acknowledge(first, "ivan", at(9))
    assert (again.acknowledged_by, again.acknowledged_at) == ("olga", at(5))


def test_who_acknowledged_a_warning_has_not_seen_that_it_became_critical():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    known.episodes[1] = episodes.acknowledge(known.episode, "olga", at(5))
    decide(known, seen("critical", 10), ids)
    assert known.episode.acknowledged_by is None
    known.episodes[1] = episodes.acknowledge(known.episode, "olga", at(15))
    decide(known, seen("critical", 10, 20), ids)
    decide(known, seen("critical", 30), ids)
    assert known.episode.acknowledged_by == "olga"


def test_occurrences_told_in_the_wrong_order_are_two_episodes():
    known, _ = play(seen("warning", 20, 30), seen("warning", 0, 10))
    assert spans(known) == [(0, 10), (20, 30)]


def test_an_end_that_was_lost_is_found_in_the_history():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    # It fires again; that it was over between is not told yet, so nobody hears of it a second time.
    assert decide(known, seen("warning", 50, when=60, origin="pull"), ids) == []
    told = decide(known, seen("warning", 0, 40, origin="pull"), ids)
    assert [(c.kind, c.episode.id, c.at) for c in told] == [
        ("resolved", 1, at(40)),
        ("opened", 2, at(50)),
    ]
    decide(known, seen("warning", 50, 80), ids)
    assert spans(known) == [(0, 40), (50, 80)]


def test_what_a_look_found_over_gets_its_true_end_and_nobody_hears_of_it_again():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0), ids)
    decide(known, seen("warning", 0, 30, origin="pull", by_look=True), ids)
    told = decide(known, seen("warning", 0, 22, origin="pull"), ids)
    assert kinds(told) == [("corrected", "warning")]
    assert spans(known) == [(0, 22)]


def test_a_critical_part_heard_of_late_is_told_once():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0, 60), ids)
    late = decide(known, seen("critical", 20, 40), ids)
    assert [(c.kind, c.severity, c.at) for c in late] == [
        ("raised", "critical", at(20)),
        ("lowered", "warning", at(40)),
    ]
    assert decide(known, seen("critical", 20, 40), ids) == []


def test_two_episodes_that_turn_out_to_be_one_are_joined_with_what_people_did():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("critical", 5, 7), ids)
    decide(known, seen("critical", 20, 22), ids)
    known.episodes[2] = episodes.acknowledge(known.episodes[2], "olga", at(21))
    told = decide(known, seen("warning", 0), ids)
    assert [(c.kind, c.episode.id, c.into) for c in told if c.kind == "joined"] == [
        ("joined", 2, 1)
    ]
    assert "reopened" in [c.kind for c in told]
    assert known.episode.acknowledged_by == "olga"
    assert list(known.episodes) == [1]


def test_neither_evaluator_cuts_what_the_other_saw():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 52, when=52, origin="standby"), ids)
    assert decide(known, seen("warning", 55, origin="push"), ids) == []
    decide(known, seen("warning", 60, 60, origin="standby"), ids)
    # Grafana comes back with what it knew before, finds it normal, and says so.
    assert decide(known, seen("warning", 55, 61, origin="push"), ids) == []
    assert decide(known, seen("warning", 61, 61, origin="pull"), ids) == []
    assert spans(known) == [(52, 60)]


def test_a_grafana_that_comes_back_with_a_state_of_before_ends_nothing_twice():
    known, ids = Known(), itertools.count(1)
    decide(known, seen("warning", 0, 20), ids)
    assert decide(known, seen("warning", 45, 45, origin="pull"), ids) == []
    assert decide(known, seen("warning", 0, 45), ids) == []
    assert spans(known) == [(0, 20)]


def test_an_open_row_without_occurrences_goes_on():
    known, ids = Known(), itertools.count(9)
    row = episodes.Episode(1, "servo_temp", "r1", "warning", at(0))
    known.episodes[1] = row
    assert kinds(decide(known, seen("critical", 10), ids)) == [("raised", "critical")]
    decide(known, seen("critical", 10, 20), ids)
    decide(known, seen("warning", 0, 30), ids)
    assert spans(known) == [(0, 30)]
    over = seen("warning", 0, 40, origin="pull", by_look=True)
    assert news(Known(episodes={1: row}), [over]) == [over]


def test_what_is_not_concerned_stays_as_its_row_says():
    # An older glue kept only the last occurrence of each rule: the row knows an earlier begin.
    row = episodes.Episode(1, "servo_temp", "r1", "warning", at(0), at(30), "recovered")
    known = Known(
        (Occurrence("servo_temp", "r1", "warning", at(20), at(30), end_known=True, alert_id=1),),
        {1: row},
    )
    assert kinds(decide(known, seen("warning", 50), itertools.count(2))) == [("opened", "warning")]
    assert known.episodes[1] == row


def test_what_says_something_new_after_what_came_before_it_in_its_batch_is_news():
    over = seen("warning", 5, 30, origin="pull", by_look=True)
    assert news(Known(), [over]) == []
    assert news(Known(), [seen("warning", 5), over, seen("warning", 5)]) == [
        seen("warning", 5),
        over,
    ]


def test_what_grafana_no_longer_lists_is_missing_unless_it_began_after_its_evaluation():
    def firing(severity, starts):
        return Occurrence("cpu", "r1", severity, at(starts), alert_id=1)

    held = [firing("warning", 0), firing("critical", 50)]
    assert missing(held, set(), lambda one: at(40)) == [(held[0], at(40))]
    assert missing(held, {("cpu", "r1", "warning")}, lambda one: at(40)) == []
    assert missing(held, set(), lambda one: None) == [], "a rule not evaluated says nothing"


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


def test_a_raised_limit_is_the_reason_while_the_reading_would_have_kept_firing():
    def ended(value, now):
        return why(False, Circumstances(True, value=value, limit_then=Limit(60, 57), limit_now=now))

    assert ended(66, Limit(70, 67)) == "limit changed"
    assert ended(58, Limit(70, 67)) == "limit changed", "inside the band it fired on"
    assert ended(50, Limit(70, 67)) == "recovered", "it would have ended anyway"
    assert ended(50, Limit(60, 57)) == "recovered"
    low = Circumstances(True, value=18, limit_then=Limit(20, 22), limit_now=Limit(15, 17))
    assert why(False, low) == "limit changed"
    assert why(False, Circumstances(True, value=66)) == "recovered", "nobody knows the limit"


@st.composite
def truths(draw):
    """Occurrences per severity that do not overlap, as Grafana makes them: (start, end)."""
    truth = {}
    for severity in ("warning", "critical"):
        marks = sorted(draw(st.sets(st.integers(0, 300), min_size=0, max_size=8)))
        pairs = list(zip(marks[::2], marks[1::2], strict=False))
        truth[severity] = [(a, b) for a, b in pairs if b > a]
    return truth


def spans(known):
    """(begin, end) of every episode, in seconds; None while it is open."""

    def seconds(moment):
        return None if moment is None else (moment - T0).total_seconds()

    return sorted((seconds(e.starts_at), seconds(e.resolved_at)) for e in known.episodes.values())


def made_of(truth, cuts=()):
    """{begin: (end, severity at the end)} of the episodes that ``truth`` makes."""
    found = []
    every = sorted((a, b, severity) for severity, pairs in truth.items() for a, b in pairs)
    for a, b, severity in every:
        last = found[-1] if found else None
        if last and a <= last[1] and not any(last[0] <= cut <= a for cut in cuts):
            last[2].append((b, severity))
            last[1] = max(last[1], b)
        else:
            found.append([a, b, [(b, severity)]])
    return {
        a: (b, max((s for end, s in parts if end == b), key=RANK.__getitem__))
        for a, b, parts in found
    }


@st.composite
def evidence(draw, truth):
    """Posts with losses and repetitions, looks, and all of the history, in any order."""
    heard, history = [], []
    for severity, occurrences in truth.items():
        for start, end in occurrences:
            known_start = draw(st.sampled_from([start, end]))  # Alertmanager may have forgotten it
            heard += [seen(severity, start)] * draw(st.integers(0, 2))
            heard += [seen(severity, known_start, end)] * draw(st.integers(0, 2))
            history.append(seen(severity, start, end, origin="pull"))
        for when in draw(st.lists(st.integers(0, 320), max_size=4)):
            fires = next((a for a, b in occurrences if a <= when < b), None)
            look = {"when": when, "origin": "pull"}
            heard.append(
                seen(severity, 0, when, by_look=True, **look)
                if fires is None
                else seen(severity, fires, **look)
            )
    return draw(st.permutations(heard + history)), history


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_order_loss_and_repetition_ends_in_the_episodes_of_the_truth(data):
    truth = data.draw(truths())
    heard, history = data.draw(evidence(truth))
    known, ids, rows = Known(), itertools.count(1), set()
    for one in [*heard, *history]:
        for change in decide(known, one, ids):
            if change.kind == "opened":
                assert change.episode.id not in rows
                rows.add(change.episode.id)
            assert change.episode.id in rows
            if change.kind == "joined":
                rows.remove(change.episode.id)
        assert sum(e.resolved_at is None for e in known.episodes.values()) <= 1
        assert known.episodes.keys() == rows == {o.alert_id for o in known.occurrences}
    assert {
        (e.starts_at - T0).total_seconds(): ((e.resolved_at - T0).total_seconds(), e.severity)
        for e in known.episodes.values()
    } == made_of(truth)
    for severity, occurrences in truth.items():
        held = [o for o in known.occurrences if o.severity == severity]
        assert [(o.starts_at, o.ended_at) for o in held] == [(at(a), at(b)) for a, b in occurrences]
        assert all(o.start_known and o.end_known for o in held)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_what_people_did_between_stays_and_the_rest_is_the_truth(data):
    truth = data.draw(truths())
    heard, history = data.draw(evidence(truth))
    known, ids, cuts, seen_by, went = Known(), itertools.count(1), [], set(), {}

    def row_of(alert_id):
        while alert_id in went:
            alert_id = went[alert_id]
        return alert_id

    for one in [*heard, *history]:
        changes = decide(known, one, ids)
        went |= {c.episode.id: c.into for c in changes if c.kind == "joined"}
        unseen = {
            c.episode.id for c in changes if c.kind == "raised" and not c.episode.acknowledged_at
        }
        seen_by = {i for i in seen_by if row_of(i) not in unseen}
        episode = known.episode
        act = data.draw(st.sampled_from(["nothing", "nothing", "acknowledge", "close"]))
        if episode is None or act == "nothing":
            continue
        since = (episode.starts_at - T0).total_seconds()
        when = since + data.draw(st.integers(0, 60)) + 0.5
        if act == "acknowledge":
            known.episodes[episode.id] = episodes.acknowledge(episode, "olga", at(when))
            seen_by.add(episode.id)
        else:
            close_by_hand(known, when)
            cuts.append(when)
    expected = made_of(truth, cuts)
    rows = {(e.starts_at - T0).total_seconds(): e for e in known.episodes.values()}
    assert rows.keys() == expected.keys()
    for start, (end, severity) in expected.items():
        if rows[start].cut is None:
            assert (rows[start].resolved_at, rows[start].severity) == (at(end), severity)
    assert {e.cut for e in rows.values() if e.cut} <= {at(cut) for cut in cuts}
    assert all(known.episodes[row_of(i)].acknowledged_by == "olga" for i in seen_by)


@settings(max_examples=300, deadline=None)
@given(truths(), st.data())
def test_without_history_nothing_stays_open_and_no_pair_is_open_twice(truth, data):
    posts = []
    for severity, occurrences in truth.items():
        for start, end in occurrences:
            posts += [seen(severity, start)] * data.draw(st.integers(0, 2))
            posts += [seen(severity, start, end)] * data.draw(st.integers(0, 2))
    known, ids = Known(), itertools.count(1)
    for post in data.draw(st.permutations(posts)):
        decide(known, post, ids)
        assert sum(e.resolved_at is None for e in known.episodes.values()) <= 1
    # The pull is the truth: Grafana says that nothing fires any more.
    held = [o for o in known.occurrences if o.firing]
    for one, when in missing(held, set(), lambda one: at(1000)):
        assert when == at(1000)
        decide(known, seen(one.severity, 0, 1000, origin="pull", by_look=True), ids)
    assert known.episode is None
    assert not any(o.firing for o in known.occurrences)


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

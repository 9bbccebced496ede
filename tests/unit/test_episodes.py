"""One episode per (metric, robot), opened once and closed once, whatever arrives how often."""

import itertools

import pytest

from glue.core import episodes
from glue.core.endings import Circumstances, Limit, missing, why
from glue.core.episodes import Known, decide, news
from glue.core.occurrences import Occurrence
from tests.observed import at, close_by_hand, kinds, play, seen, spans


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
        ("resolved", "critical"),
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
    # Grafana is not given who is on the safe side, as a raised limit makes it be.
    raised = Circumstances(True, value=66, limit_then=Limit(60, 57), limit_now=Limit(90, 87))
    assert why(True, raised) == "limit changed"

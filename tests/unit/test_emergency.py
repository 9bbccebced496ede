"""Emergency stops as observations: in order, repeated, over before they were heard."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from glue.core.emergency import METRIC, Moment, Stopped, differences, observation, rounds
from glue.core.endings import missing
from glue.core.episodes import Change, Known, decide
from glue.core.occurrences import Occurrence
from glue.core.rules import RULES

T0 = datetime(2026, 5, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def stop(seconds: float, reason: str | None = None) -> Moment:
    return Moment("r1", True, at(seconds), reason)


def resume(seconds: float) -> Moment:
    return Moment("r1", False, at(seconds))


def told(*moments: Moment, known: Known | None = None) -> list[tuple[str, float]]:
    known, ids = known or Known(), itertools.count(1)
    changes: list[Change] = []
    for moment in moments:
        changes += decide(known, observation(moment), ids)
    return [(c.kind, (c.at - T0).total_seconds()) for c in changes]


def test_a_stop_is_one_alert_however_often_it_is_said() -> None:
    once = [("opened", 0), ("resolved", 20)]
    assert told(stop(0), stop(10), resume(20), resume(30)) == once
    assert told(stop(0), resume(20), stop(40)) == [*once, ("opened", 40)]


def test_a_batch_that_is_told_again_tells_nothing_new() -> None:
    known = Known()
    batch = (stop(0), resume(20), stop(40), resume(60))
    assert len(told(*batch, known=known)) == 4
    assert told(*batch, known=known) == []


def test_an_end_without_a_beginning_is_none() -> None:
    assert told(resume(0)) == []


def test_each_robot_is_told_of_once_a_round_in_its_order() -> None:
    other = Moment("r2", True, at(5))
    told = rounds([stop(0), stop(1), other, resume(2), resume(3), stop(4)])
    assert [[(o.robot_id, o.firing, o.seen_at) for o in one] for one in told] == [
        [("r1", True, at(0)), ("r2", True, at(5))],
        [("r1", False, at(2))],
        [("r1", True, at(4))],
    ]


def test_neither_grafanas_state_nor_the_standby_speaks_of_it() -> None:
    known = Known()
    decide(known, observation(stop(0)), itertools.count(1))
    evaluated = {(rule.metric, rule.severity): at(100) for rule in RULES}
    assert missing(known.occurrences, set(), lambda o: evaluated.get((o.metric, o.severity))) == []
    assert METRIC not in {rule.metric for rule in RULES}


def test_what_postgresql_holds_makes_up_for_what_was_not_told() -> None:
    def instance(robot_id: str, metric: str = METRIC) -> Occurrence:
        return Occurrence(metric, robot_id, "critical", at(0), origin="events", alert_id=1)

    rows = [
        Stopped("new", at(5), "button", True),
        Stopped("undated", None, None, True),
        Stopped("known", at(0), None, True),
        Stopped("care", at(0), None, False),
        Stopped("pending", at(0), None, False),
    ]
    held = [*map(instance, ("known", "care", "moving")), instance("hot", "servo_temp")]
    seen, gone = differences(rows, held, at(30))
    opened = {o.robot_id: (o.starts_at, o.seen_at) for o in seen if o.firing}
    assert opened == {"new": (at(5), at(30)), "undated": (at(30), at(30))}
    assert {o.robot_id: o.ended_at for o in seen if not o.firing} == {
        "care": at(30),
        "moving": at(30),
    }
    assert gone == {(METRIC, "care", "critical")}
    assert "button" in next(o.message for o in seen if o.robot_id == "new")

"""The ledger itself: what is lost, told twice or never was is seen."""

from datetime import UTC, datetime, timedelta

from tests.ledger import Crossing, Evaluations, Row, settle

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def crossing(hot, cool, robot="r1"):
    return Crossing(robot, 70.0, 60.0, (at(hot), at(hot + 0.1)), (at(cool), at(cool + 0.1)))


def row(starts, ends, robot="r1"):
    return Row(robot, at(starts), None if ends is None else at(ends))


def counts(ledger, rows):
    found = settle(ledger, rows)
    return found.ok, len(found.lost), len(found.duplicate), len(found.unexpected)


TWICE = [crossing(0, 10), crossing(20, 30)]


def test_one_episode_a_crossing_is_clean():
    assert counts(TWICE, [row(1, 12), row(21, 31)]) == (4, 0, 0, 0)
    found = settle(TWICE, [row(1, 12), row(21, 31)])
    assert found.clean
    assert max(found.late) == 1.9


def test_what_is_missing_is_lost():
    assert counts(TWICE, [row(1, 12)]) == (2, 2, 0, 0)
    assert counts(TWICE, [row(1, None), row(21, 31)]) == (3, 1, 0, 0)
    assert counts(TWICE, []) == (0, 4, 0, 0)


def test_two_crossings_in_one_episode_are_a_lost_end_and_a_lost_crossing():
    assert counts(TWICE, [row(1, 31)]) == (1, 3, 0, 0)


def test_an_end_before_its_time_and_a_second_episode_are_seen():
    assert counts(TWICE, [row(1, 4), row(5, 12), row(21, 31)]) == (3, 1, 1, 0)


def test_what_never_was_is_unexpected():
    assert counts(TWICE, [row(1, 12), row(14, 15), row(21, 31)]) == (4, 0, 0, 1)
    assert counts(TWICE, [row(-9, -8), row(1, 12), row(21, 31)]) == (4, 0, 0, 1)
    assert counts(TWICE[:1], [row(1, 12), row(1, 12, "stranger")]) == (2, 0, 0, 1)


def test_what_nobody_could_see_is_counted_apart():
    evaluated = Evaluations()
    for second in (1, 2, 3, 25, 26, 33):
        evaluated.add(at(second))
    found = settle(TWICE, [row(1, 33)], evaluated)
    assert (found.ok, found.unseen, len(found.lost)) == (1, 3, 0)
    evaluated = Evaluations()
    for second in range(40):
        evaluated.add(at(second))
    found = settle(TWICE, [row(1, 33)], evaluated)
    assert (found.ok, found.unseen, len(found.lost)) == (1, 0, 3)

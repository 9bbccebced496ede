"""Who evaluates: three missed evaluations and the standby takes over, three good and it ends."""

from datetime import UTC, datetime, timedelta

from glue.core.charge import Look, at_start, judge

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def follow(charge, looks):
    evaluators = []
    for now, evaluated in looks:
        look = Look(at(now), None if evaluated is None else at(evaluated))
        charge = judge(charge, look, EVERY)
        evaluators.append(charge.evaluator)
    return charge, evaluators


def test_without_grafana_the_standby_is_in_charge_at_once():
    assert at_start(T0, has_grafana=False).evaluator == "standby"


def test_grafana_is_in_charge_from_its_first_evaluation():
    _, evaluators = follow(at_start(T0, True), [(5, None), (15, 10)])
    assert evaluators == ["nobody yet", "grafana"]


def test_grafana_that_never_shows_up_is_replaced_after_three_evaluations():
    charge, evaluators = follow(at_start(T0, True), [(15, None), (30, None), (45, None)])
    assert evaluators == ["nobody yet", "nobody yet", "standby"]
    assert charge.since == at(45)


def test_takes_over_after_three_missed_and_hands_back_after_three_good():
    start, _ = follow(at_start(T0, True), [(5, 0)])
    _, evaluators = follow(
        start,
        [(15, 0), (30, 0), (45, 0), (60, 60), (75, None), (80, 80), (90, 90), (100, 100)],
    )
    assert evaluators == [
        "grafana",
        "grafana",
        "standby",
        "standby",
        "standby",
        "standby",
        "standby",
        "grafana",
    ]


def test_a_missing_rule_counts_as_not_evaluating():
    start, _ = follow(at_start(T0, True), [(5, 0)])
    charge = judge(start, Look(at(60), at(60), "Grafana has no rule x"), EVERY)
    assert charge.evaluator == "standby"
    assert charge.reason == "Grafana has no rule x"

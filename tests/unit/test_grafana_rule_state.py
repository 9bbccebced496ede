"""Reading Grafana's rule state (shapes recorded from Grafana 11.0.0)."""

from datetime import UTC, datetime, timedelta

import pytest

from glue.core import limit_points
from glue.core.charge import Look, at_start, judge
from glue.core.grafana_alerts import read_state
from glue.core.occurrences import Occurrence
from glue.core.rules import BY_KEY, RULES
from tests.posts import NOW, foreign, identity


def rule_state(rule, alerts=(), evaluated="2026-11-23T20:44:50Z"):
    if not alerts:
        found = ("Normal", limit_points.SENTINEL), ("Normal (NoData)", None)
        alerts = [instance(rule, *found[rule.uid not in limit_points.UIDS])]
    return {
        "name": rule.title,
        "labels": {"metric": rule.metric, "severity": rule.severity},
        "lastEvaluation": evaluated,
        "alerts": list(alerts),
    }


def state_of(*rules):
    return read_state({"data": {"groups": [{"rules": list(rules)}]}})


def instance(rule, state, robot="r1"):
    labels = {"__alert_rule_uid__": rule.uid} | ({"robot_id": robot} if robot else {})
    return {"labels": labels, "state": state, "activeAt": "2026-11-23T20:44:10Z", "value": "1e+00"}


def test_state_tells_what_fires_what_is_normal_and_what_vanished():
    rule = BY_KEY["servo_temp", "critical"]
    state = state_of(
        rule_state(
            rule,
            [
                instance(rule, "Alerting", "a"),
                instance(rule, "Alerting (Error, KeepLast)", "b"),
                instance(rule, "Normal", "c"),
                instance(rule, "Normal (MissingSeries)", "d"),
                instance(rule, "Pending", "e"),
            ],
        )
    )
    assert [o.robot_id for o in state.firing] == ["a", "b"]
    assert state.firing[0].starts_at == datetime(2026, 11, 23, 20, 44, 10, tzinfo=UTC)
    assert state.normal == {("servo_temp", "c", "critical")}
    assert state.held == {("servo_temp", "e", "critical")}
    assert state.evaluated == {
        "servo_temp/critical": datetime(2026, 11, 23, 20, 44, 50, tzinfo=UTC)
    }


def test_rules_that_grafana_lacks_or_has_never_evaluated_are_named():
    full = state_of(*(rule_state(rule) for rule in RULES))
    assert full.missing_rules == []
    never = state_of(
        *(rule_state(r, evaluated="0001-01-01T00:00:00Z") for r in RULES[:1]),
        *(rule_state(r) for r in RULES[1:]),
    )
    assert never.missing_rules == [RULES[0].uid]
    assert len(state_of().missing_rules) == len(RULES)
    assert full.trouble == ""
    assert RULES[0].uid in never.trouble


def test_a_rule_that_only_keeps_its_last_state_is_not_evaluating():
    broken = instance(RULES[0], "Normal (Error, KeepLast)")
    state = state_of(rule_state(RULES[0], [broken]), *(rule_state(r) for r in RULES[1:]))
    assert RULES[0].title in state.trouble


@pytest.mark.parametrize("rule", [r for r in RULES if r.uid in limit_points.UIDS])
def test_a_rule_that_gets_no_limits_is_not_evaluating(rule):
    others = [rule_state(r) for r in RULES if r is not rule]
    answered = [instance(rule, "Alerting"), instance(rule, "Normal", limit_points.SENTINEL)]
    assert state_of(rule_state(rule, answered), *others).trouble == ""
    for gone in (
        [instance(rule, "Normal (NoData)", None)],
        [instance(rule, "Normal (NoData)", limit_points.SENTINEL)],
        [instance(rule, "Normal (MissingSeries)", limit_points.SENTINEL)],
        [instance(rule, "Alerting")],
    ):
        state = state_of(rule_state(rule, gone), *others)
        assert state.trouble == f"InfluxDB has no limits for {rule.title}", gone


def held(metric, robot="", severity="warning"):
    return Occurrence(metric, robot, severity, NOW)


def foreign_state(name="Door open", uid="door", evaluated="2026-11-23T20:44:00Z", **states):
    """A rule of somebody else's; ``states`` by robot."""
    labels = {"__alert_rule_uid__": uid, "__alert_rule_namespace_uid__": "x", "alertname": name}
    alerts = [
        {"labels": labels | ({"robot_id": robot} if robot else {}), "state": state}
        for robot, state in states.items()
    ]
    return {"name": name, "labels": {}, "lastEvaluation": evaluated, "alerts": alerts}


def door(robot="", uid="door", **changes):
    """Held since its post."""
    labels = {"alertname": "Door open"} | ({"robot_id": robot} if robot else {})
    return held(*identity(foreign(labels | changes, uid=uid)))


def test_a_rule_of_others_with_a_long_interval_does_not_make_ours_look_late():
    # Every minute, Grafana's usual interval.
    theirs = foreign_state(a="Alerting")
    every, now = timedelta(seconds=10), datetime(2026, 11, 23, 20, 44, 55, tzinfo=UTC)
    state = state_of(*(rule_state(rule) for rule in RULES), theirs)
    assert state.oldest == datetime(2026, 11, 23, 20, 44, 50, tzinfo=UTC)
    assert state.evaluated_at(door("a")) == now - timedelta(seconds=55)
    look = Look(now, state.oldest, state.trouble)
    assert judge(at_start(now, has_grafana=True), look, every).evaluator == "grafana"


def test_a_rule_of_others_tells_of_each_instance_whether_it_is_over():
    state = state_of(foreign_state(a="Alerting", b="Normal", c="Normal (MissingSeries)"))
    assert state.held == {door("a").key}
    assert state.is_normal(door("b")) and not state.is_normal(door("gone"))
    assert state.evaluated_at(door("b")) is not None
    assert state.evaluated_at(door("gone")) is None, "of what it does not list it says nothing"
    assert state.evaluated_at(door("b", uid="other")) is None, "nor of another rule of that title"
    not_yet = state_of(foreign_state(a="Alerting", evaluated="0001-01-01T00:00:00Z"))
    assert not_yet.evaluated_at(door("a")) is None
    assert door("a").metric in not_yet.others, "a Grafana that restarted still lists it"
    assert not_yet.held == {door("a").key}


def test_a_rule_with_the_labels_and_the_title_of_ours_is_not_ours():
    ours = BY_KEY["servo_temp", "critical"]
    copied = rule_state(ours, [instance(ours, "Alerting")])
    copied["alerts"][0]["labels"] |= {"__alert_rule_uid__": "copied", "metric": ours.metric}
    state = state_of(copied)
    assert (state.firing, state.evaluated) == ([], {})
    assert ours.uid in state.missing_rules


def test_that_a_rule_of_others_cannot_be_evaluated_ends_when_it_can_be():
    trouble = door(alertname="DatasourceError", rulename="Door open")
    failing = state_of(foreign_state(**{"": "Error"}))
    assert failing.held == {trouble.key}
    assert failing.evaluated_at(trouble) is not None
    works = state_of(foreign_state(**{"": "Normal"}))
    assert trouble.key not in works.held
    assert works.evaluated_at(trouble) is not None
    assert works.is_normal(trouble)

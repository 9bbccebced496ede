"""Reading Grafana's posts and its rule state (shapes recorded from Grafana 11.0.0)."""

from datetime import UTC, datetime, timedelta

import pytest

from glue.core.charge import Look, at_start, judge
from glue.core.grafana_alerts import MalformedPost, read_post, read_state
from glue.core.occurrences import Occurrence
from glue.core.rules import BY_KEY, RULES

NOW = datetime(2026, 11, 23, 20, 45, tzinfo=UTC)


def alert(**changes):
    made = {
        "status": "firing",
        "labels": {
            "alertname": "Servo temperature critical",
            "grafana_folder": "Robot rules",
            "metric": "servo_temp",
            "robot_id": "r1",
            "severity": "critical",
        },
        "annotations": {"summary": "r1: Servo temperature critical"},
        "startsAt": "2026-11-23T20:44:50.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "76da2a57fa28e24e",
        "values": {"C": 1, "L": 72, "M": 1.66, "R": 80, "W": 75},
    }
    made |= changes
    return made


def only(*alerts, **rest):
    return read_post({"alerts": list(alerts), **rest}, NOW)


def test_a_firing_alert_of_ours_is_complete():
    [seen] = only(alert()).observations
    assert (seen.metric, seen.robot_id, seen.severity, seen.firing) == (
        "servo_temp",
        "r1",
        "critical",
        True,
    )
    assert (seen.value, seen.limit, seen.alert_type) == (80, 75, "servo")
    assert seen.starts_at == datetime(2026, 11, 23, 20, 44, 50, 123000, tzinfo=UTC)
    assert seen.message == "Servo temperature is 80 °C, above the critical limit of 75 °C."
    assert seen.rule_uid == "tonypi-servo-temp-critical"


def test_a_resolved_alert_tells_when_and_whether_its_series_vanished():
    post = only(
        alert(
            status="resolved",
            endsAt="2026-11-23T20:44:58Z",
            annotations={"grafana_state_reason": "MissingSeries"},
        )
    )
    assert post.observations[0].ended_at == datetime(2026, 11, 23, 20, 44, 58, tzinfo=UTC)
    assert post.vanished == {("servo_temp", "r1", "critical")}


def test_rules_of_others_and_datasource_errors_are_recorded_under_their_own_name():
    theirs = alert(labels={"alertname": "Door open", "zone": "A"}, values=None)
    broken = alert(labels={"alertname": "DatasourceError", "rulename": "Door open"})
    first, second = only(theirs, broken).observations
    assert (first.metric, first.severity, first.robot_id) == ("rule:door_open", "warning", "")
    assert second.metric == "rule:datasourceerror_door_open"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"labels": []}, "labels"),
        ({"status": "pending"}, "status"),
        ({"startsAt": None}, "startsAt"),
        ({"labels": {"robot_id": "a/b"}}, "robot_id"),
        ({"labels": {"robot_id": 7}}, "robot_id"),
        ({"annotations": ["x"]}, "list"),
        ({"values": "x"}, "str"),
    ],
)
def test_an_unreadable_alert_does_not_take_the_others_with_it(change, field):
    post = only(alert(**change), alert())
    assert len(post.observations) == 1
    assert len(post.refused) == 1
    assert post.refused[0].startswith("alerts[0]")
    assert field in post.refused[0]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"alerts": None}, {"alerts": {}}])
def test_a_body_without_alerts_is_malformed(body):
    with pytest.raises(MalformedPost, match="alerts"):
        read_post(body, NOW)


def test_truncation_is_told():
    assert only(alert(), truncatedAlerts=3).truncated == 3
    assert only(alert(), truncatedAlerts=None).truncated == 0


def rule_state(rule, alerts=(), evaluated="2026-11-23T20:44:50Z"):
    return {
        "name": rule.title,
        "labels": {"metric": rule.metric, "severity": rule.severity},
        "lastEvaluation": evaluated,
        "alerts": list(alerts),
    }


def state_of(*rules):
    return read_state({"data": {"groups": [{"rules": list(rules)}]}})


def instance(rule, state, robot="r1"):
    labels = {"metric": rule.metric, "severity": rule.severity, "robot_id": robot}
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


def test_a_rule_of_others_with_a_long_interval_does_not_make_ours_look_late():
    theirs = {
        "name": "Door open",
        "labels": {},
        "lastEvaluation": "2026-11-23T20:44:00Z",  # every minute, Grafana's usual interval
        "alerts": [],
    }
    every, now = timedelta(seconds=10), datetime(2026, 11, 23, 20, 44, 55, tzinfo=UTC)
    state = state_of(*(rule_state(rule) for rule in RULES), theirs)
    assert state.oldest == datetime(2026, 11, 23, 20, 44, 50, tzinfo=UTC)
    assert state.evaluated_at(held("rule:door_open")) == now - timedelta(seconds=55)
    look = Look(now, state.oldest, state.trouble)
    assert judge(at_start(now, has_grafana=True), look, every).evaluator == "grafana"


def held(metric, robot="", severity="warning"):
    return Occurrence(metric, robot, severity, NOW)


def foreign(name="Door open", evaluated="2026-11-23T20:44:00Z", **states):
    """A rule of somebody else's; ``states`` by robot."""
    alerts = [
        {"labels": {"alertname": name, "robot_id": robot}, "state": state}
        for robot, state in states.items()
    ]
    return {"name": name, "labels": {}, "lastEvaluation": evaluated, "alerts": alerts}


def test_a_rule_of_others_tells_what_is_over_and_that_it_is_there():
    door = "rule:door_open"
    state = state_of(foreign(a="Alerting", b="Normal", c="Normal (MissingSeries)"))
    assert state.held == {(door, "a", "warning")}
    assert state.is_normal(held(door, "b")) and not state.is_normal(held(door, "gone"))
    assert state.lists_rule_of(held(door))
    assert not state.lists_rule_of(held("rule:window_open"))
    not_yet = state_of(foreign(evaluated="0001-01-01T00:00:00Z"))
    assert not_yet.lists_rule_of(held(door)), "it was not evaluated yet, and is there"
    assert not_yet.evaluated_at(held(door)) is None


def test_that_a_rule_of_others_cannot_be_evaluated_ends_when_it_can_be():
    trouble = held("rule:datasourceerror_door_open")
    failing = state_of(foreign(**{"": "Error"}))
    assert failing.held == {trouble.key}
    assert failing.evaluated_at(trouble) is not None
    works = state_of(foreign(**{"": "Normal"}))
    assert trouble.key not in works.held
    assert works.evaluated_at(trouble) is not None
    assert works.is_normal(trouble)
    broken = alert(labels={"alertname": "DatasourceError", "rulename": "Door open"})
    assert only(broken).observations[0].metric == trouble.metric, "as its post says"

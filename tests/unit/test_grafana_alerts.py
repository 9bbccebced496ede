"""Reading Grafana's posts and its rule state (shapes recorded from Grafana 11.0.0)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from glue.core import limit_points
from glue.core.charge import Look, at_start, judge
from glue.core.foreign_alerts import SEVERITIES, rule_of
from glue.core.grafana_alerts import MalformedPost, read_post, read_state
from glue.core.occurrences import Occurrence
from glue.core.rules import BY_KEY, RULES
from tests.posts import rule_url

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
        "generatorURL": rule_url("tonypi-servo-temp-critical"),
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


PROMETHEUS = "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0"


def foreign(labels=None, uid="door", **changes):
    """Of a rule that is not ours; ``uid`` None: of Prometheus, through Alertmanager."""
    labels = {"alertname": "Door open", "zone": "A"} if labels is None else labels
    source = PROMETHEUS if uid is None else rule_url(uid)
    return alert(**{"labels": labels, "generatorURL": source, "values": None} | changes)


def identity(one, **rest):
    [seen] = only(one, **rest).observations
    return (*seen.pair, seen.severity)


def test_rules_of_others_and_datasource_errors_are_recorded_under_their_own_name():
    broken = foreign({"alertname": "DatasourceError", "rulename": "Door open"})
    theirs, trouble = only(foreign(), broken).observations
    assert rule_of(theirs.metric) == "rule:door_open"
    assert (theirs.severity, theirs.robot_id, theirs.rule_uid) == ("warning", "", "door")
    assert rule_of(trouble.metric) == "rule:datasourceerror_door_open"


OWN = {"alertname": "Server memory", "metric": "memory", "severity": "warning", "instance": "pc1"}


@pytest.mark.parametrize(
    "one",
    [
        foreign(OWN),
        foreign(OWN, uid=None),
        foreign(OWN, generatorURL="http://["),
        alert(generatorURL=rule_url("theirs")),
        alert(generatorURL=rule_url("tonypi-servo-temp-critical", org=2)),
        alert(labels={"alertname": "DatasourceError", "rulename": "Servo temperature critical"}),
    ],
    ids=["labels of ours", "of Prometheus", "no address", "all labels", "another org", "trouble"],
)
def test_nothing_in_its_labels_makes_an_alert_ours(one):
    [seen] = only(one).observations
    assert seen.metric.startswith("rule:")
    assert seen.alert_type == "system"


def test_the_uid_alone_makes_an_alert_ours():
    [seen] = only(
        alert(labels={"robot_id": "r1", "metric": "cpu", "severity": "info"})
    ).observations
    assert (*seen.pair, seen.severity) == ("servo_temp", "r1", "critical")
    assert identity(alert(), orgId=1) == identity(alert())
    assert identity(alert(), orgId=2)[0].startswith("rule:"), "the post's organisation decides"


LONG = "The disk of the machine in the corner is almost full"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (foreign({"alertname": "温度过高"}), foreign({"alertname": "电池电量低"})),
        (foreign({"alertname": LONG + " (a)"}), foreign({"alertname": LONG + " (b)"})),
        (foreign({"instance": "pc-a"}), foreign({"instance": "pc-b"})),
        (foreign(), foreign(uid="of-the-same-title")),
        (foreign(), foreign(uid=None)),
        (foreign(), foreign(generatorURL=rule_url("door", org=2))),
        (foreign({"alertname": "!"}), foreign({"alertname": "?"})),
        (foreign({"a": "b"}), foreign({"a=b": ""})),
    ],
)
def test_what_differs_in_rule_or_labels_is_another_alert(first, second):
    one, other = identity(first), identity(second)
    assert one != other
    assert all(0 < len(metric) <= 50 for metric, _, _ in (one, other))
    ended = alert(**second | {"status": "resolved", "endsAt": "2026-11-23T20:45:00Z"})
    assert identity(ended) == other, "its end is that of the same alert"


def test_titles_in_any_script_are_readable_in_the_metric():
    assert rule_of(identity(foreign({"alertname": "温度过高"}))[0]) == "rule:温度过高"


def test_a_label_robot_id_that_is_none_leaves_the_robot_empty():
    [seen] = only(foreign({"alertname": "Door open", "robot_id": "lab pi 1"})).observations
    assert (seen.robot_id, seen.details["labels"]["robot_id"]) == ("", "lab pi 1")
    assert identity(foreign({"robot_id": "r1"}))[1] == "r1"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        *(
            (one, "critical")
            for one in ("critical", "Critical", " CRITICAL ", "P1", "page", "Error")
        ),
        *(
            (one, "warning")
            for one in ("warning", "WARN", "P3", "", "sehr schlimm", None, 7, ["x"])
        ),
        *((one, "info") for one in ("info", "Information", "p5", "none")),
    ],
)
def test_severities_of_others_are_ours_whatever_their_case(theirs, ours):
    assert identity(foreign({"alertname": "x", "severity": theirs}))[2] == ours


def test_the_docs_name_every_severity_of_others():
    text = (Path(__file__).parents[2] / "docs/alert-rules.md").read_text().casefold()
    missing = [one for many in SEVERITIES.values() for one in many if f"`{one}`" not in text]
    assert missing == []


TEST = {"alertname": "TestAlert", "instance": "Grafana"}


@pytest.mark.parametrize(
    ("one", "rest"),
    [
        (alert(labels=TEST, generatorURL="?orgId=1"), {}),
        (alert(labels={"alertname": "Mine"}), {"groupKey": "glue-57c6d9296de2ad39-1764335400"}),
    ],
    ids=["as Grafana fills it in", "with labels of one's own"],
)
def test_what_grafanas_test_button_sends_is_no_alert(one, rest):
    post = only(one, receiver="glue", **rest)
    assert (post.observations, post.refused, post.tests) == ([], [], 1)


def test_a_rule_that_is_called_like_grafanas_test_is_an_alert():
    key = '{}/{__grafana_receiver__="glue"}:{alertname="TestAlert"}'
    assert only(foreign(TEST), groupKey=key).tests == 0


def test_characters_and_numbers_that_postgresql_does_not_keep_cost_no_alert():
    odd = {"alertname": "a\x00b", "la\ud800bel": "x\udfff"}
    first, second = only(foreign(odd, values={"R": 10**400, "B": 1}), alert()).observations
    assert first.details["labels"] == {"alertname": "a\ufffdb", "la\ufffdbel": "x\ufffd"}
    assert (first.value, first.details["values"]) == (None, {"B": 1})
    assert second.metric == "servo_temp"
    deep = {}
    for _ in range(100):
        deep = {"x": deep}
    post = only(foreign(values=deep), alert())
    assert (len(post.observations), post.refused) == (2, [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"labels": []}, "labels"),
        ({"status": "pending"}, "status"),
        ({"startsAt": None}, "startsAt"),
        ({"labels": {"robot_id": "a/b"}}, "robot_id"),
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


@pytest.mark.parametrize(
    ("metric", "reason", "is_end"),
    [
        ("servo_temp", "NoData", False),
        ("servo_temp", "NoData, KeepLast", False),
        ("servo_temp", "MissingSeries", True),
        ("silence", "NoData", True),
    ],
)
def test_an_end_of_a_rule_without_limits_is_none(metric, reason, is_end):
    rule = BY_KEY[metric, "critical"]
    notes = {"grafana_state_reason": reason}
    gone = alert(status="resolved", generatorURL=rule_url(rule.uid), annotations=notes)
    post = only(gone, alert())
    assert (len(post.observations), post.no_answers) == (1 + is_end, 1 - is_end)


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

"""Reading Grafana's posts (shapes recorded from Grafana 11.0.0)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from glue.core.foreign_alerts import SEVERITIES, rule_of
from glue.core.grafana_alerts import MalformedPost, read_post
from glue.core.rules import BY_KEY
from tests.posts import NOW, alert, foreign, identity, only, rule_url


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

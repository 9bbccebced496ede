"""The standby evaluator's verdicts: limit, recovery limit, pending period, staleness."""

from datetime import UTC, datetime, timedelta

import pytest

from glue.core.evaluation import evaluate
from glue.core.metrics import METRICS
from glue.core.rule import margin, reading
from glue.core.rules import BY_KEY, RULES, configured
from glue.settings import PROJECT, Rules

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SERVO = BY_KEY["servo_temp", "warning"]
CPU = BY_KEY["cpu", "warning"]
BATTERY = BY_KEY["battery", "warning"]


def run(rule, values, limit, recovery, every=10, others=True):
    verdicts, states = {}, []
    for step, value in enumerate(values):
        readings = {} if value is None else {"r1": value}
        verdicts = evaluate(
            rule,
            readings,
            {"r1": (limit, recovery)},
            verdicts,
            T0 + timedelta(seconds=step * every),
            others=others,
        )
        states.append(verdicts["r1"].state if "r1" in verdicts else "gone")
        verdicts = {r: v for r, v in verdicts.items() if not v.vanished}
    return states


def test_fires_above_the_limit_and_recovers_only_below_the_recovery_limit():
    assert run(SERVO, [60, 60.1, 58, 57, 56.9, 58], 60, 57) == [
        "normal",
        "firing",
        "firing",
        "firing",
        "normal",
        "normal",
    ]


def test_low_is_bad_for_a_battery():
    assert run(BATTERY, [25, 20, 19, 21, 22.1], 20, 22) == [
        "normal",
        "normal",
        "firing",
        "firing",
        "normal",
    ]


def test_pending_period_must_be_crossed_throughout():
    assert run(CPU, [80, 80, 60, 80, 80, 80, 80], 70, 65) == [
        "pending",
        "pending",
        "normal",
        "pending",
        "pending",
        "pending",
        "firing",
    ]


def test_a_pending_alert_is_judged_by_the_recovery_limit_too():
    """As in Grafana 11, schedule/loaded_metrics_reader.go."""
    assert run(CPU, [71, 68, 68, 68], 70, 65) == ["pending", "pending", "pending", "firing"]
    assert run(CPU, [71, 68, 64.9, 68], 70, 65) == ["pending", "pending", "normal", "normal"]


def test_the_pending_period_is_a_setting_of_each_metric():
    assert {name: Rules().pending(name) for name in METRICS} == {
        name: metric.pending for name, metric in METRICS.items()
    }
    rules = {r.uid: r for r in configured(Rules.model_validate({"RULE_PENDING_CPU": 10}).pending)}
    assert run(rules["tonypi-cpu-warning"], [80, 80], 70, 65) == ["pending", "firing"]
    assert rules["tonypi-memory-warning"].pending == 30
    assert rules["tonypi-events-stopped"] == BY_KEY["events", "critical"]


def test_where_nothing_is_left_to_evaluate_all_end_at_once():
    assert run(SERVO, [70, None], 60, 57, others=False) == ["firing", "normal"]
    assert run(CPU, [80, None], 70, 65, others=False) == ["pending", "gone"]


def test_vanished_series_is_held_once_and_then_ends():
    assert run(SERVO, [70, None, None, None], 60, 57) == ["firing", "firing", "normal", "gone"]


def test_robot_without_a_limit_is_not_judged():
    assert evaluate(SERVO, {"r1": 99.0}, {}, {}, T0) == {}


@pytest.mark.parametrize(
    ("value", "limit", "recovery", "expected"),
    [(75, 70, 65, 1.0), (65, 70, 65, -1.0), (15, 20, 22, 2.5), (22, 20, 22, -1.0)],
)
def test_margin_is_above_zero_when_crossed_whichever_side_is_bad(value, limit, recovery, expected):
    assert margin(value, limit, recovery) == pytest.approx(expected)
    assert reading(margin(value, limit, recovery), limit, recovery) == pytest.approx(value)


def test_every_rule_has_a_uid_a_key_and_a_runbook_of_its_own():
    assert len(RULES) == 24
    assert len({rule.uid for rule in RULES}) == len(RULES)
    assert len({(rule.metric, rule.severity) for rule in RULES}) == len(RULES)
    for rule in RULES:
        page = PROJECT / "docs" / "runbooks" / rule.runbook
        assert rule.title.split(" warning")[0].split(" critical")[0] in page.read_text()

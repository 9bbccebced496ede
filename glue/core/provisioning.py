"""What Grafana's provisioning files say of our rules; rendered from :mod:`glue.core.rules`."""

from __future__ import annotations

from typing import Any

import yaml

from glue.core.limit_points import margin_influxql
from glue.core.metrics import METRICS
from glue.core.rule import (
    AHEAD,
    FIRES_ABOVE,
    RECOVERS_BELOW,
    WINDOW,
    Rule,
    TableReading,
)
from glue.core.rules import RULES

RULE_FOLDER = "Robot rules"
RULE_GROUP = "robots"
PREFIX = "tonypi-"
"""How the uids of our rules and dashboards begin."""
CONTACT_POINT = "glue"

RULES_POSTGRES = "postgres-rules"
"""The rules' own connections (provisioning/datasources/postgres.yml)."""

HEADER = "# Rendered from glue/core/rules.py by `tonypi rules render`; do not edit.\n"


INTERVAL_VARIABLE = "RULE_INTERVAL"
"""Environment variable of Grafana's that the file takes the interval from, for example ``10s``."""


PENDING_VARIABLE = "RULE_PENDING_{}"
"""Likewise the seconds of a metric's pending period, without a unit."""


def rules_file() -> str:
    """The text of ``provisioning/alerting/rules.yml``."""
    group = {
        "orgId": 1,
        "name": RULE_GROUP,
        "folder": RULE_FOLDER,
        "interval": f"${INTERVAL_VARIABLE}",
        "rules": [_rule(rule) for rule in RULES],
    }
    body = yaml.safe_dump(
        {"apiVersion": 1, "groups": [group]}, sort_keys=False, allow_unicode=True, width=100
    )
    return HEADER + body


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "for": _pending(rule),
        # An error keeps what was: PostgreSQL away for seconds must not close and reopen an alert.
        "execErrState": "KeepLast",
        "noDataState": "OK",
        "labels": {"severity": rule.severity, "metric": rule.metric},
        "annotations": _annotations(rule),
        "notification_settings": {
            "receiver": CONTACT_POINT,
            "group_by": ["grafana_folder", "alertname", "robot_id"],
            "group_wait": "0s",
            "group_interval": "10s",
            "repeat_interval": "4h",
        },
        "data": _queries(rule),
    }


def _pending(rule: Rule) -> str:
    if rule.metric in METRICS:
        return f"${{{PENDING_VARIABLE.format(rule.metric.upper())}}}s"
    return f"{rule.pending:.0f}s"


def _annotations(rule: Rule) -> dict[str, str]:
    # Unlike elsewhere in provisioning files, $ is not expanded here, so it is not doubled.
    side = "above" if rule.direction == "high" else "below"
    if rule.per_robot:
        who = "{{ $labels.robot_id }}: "
        # Grafana has the margin alone; the glue's messages have reading and limit.
        description = f"{rule.noun} is {side} its {rule.severity} limit."
    else:
        who = ""
        value, limit = (f'{{{{ printf "%.4g" $values.{ref}.Value }}}} {rule.unit}' for ref in "RW")
        description = f"{rule.noun} is {value}, {side} the {rule.severity} limit of {limit}."
    return {
        "summary": f"{who}{rule.noun} {rule.severity}",
        "description": description,
        "runbook_url": f"docs/runbooks/{rule.runbook}",
        "__dashboardUid__": rule.dashboard,
        "__panelId__": str(rule.panel),
    }


def _queries(rule: Rule) -> list[dict[str, Any]]:
    condition = {
        "evaluator": {"type": "gt", "params": [FIRES_ABOVE]},
        "unloadEvaluator": {"type": "lt", "params": [RECOVERS_BELOW]},
    }
    margins = _margin_of_each(rule) if rule.per_robot else _margin_of_all(rule)
    return [*margins, _expression("C", "threshold", expression="M", conditions=[condition])]


def _margin_of_each(rule: Rule) -> list[dict[str, Any]]:
    """``M`` by robot, worked out where the readings are. Not by Grafana, whose expressions compare
    every robot of one query with every robot of the other."""
    if isinstance(rule.reading, TableReading):
        return [_table("M", margin_sql(rule))]
    return _last("M", margin_influxql(rule))


def _margin_of_all(rule: Rule) -> list[dict[str, Any]]:
    reading = (
        [_table("R", rule.reading.sql)]
        if isinstance(rule.reading, TableReading)
        else _last("R", rule.reading.influxql)
    )
    # As glue.core.rule.margin, whichever side is bad.
    margin = _expression("M", "math", expression="($R - $W) / ($W - $L)")
    return [*reading, _table("W", rule.limit_sql), _table("L", rule.recovery_sql), margin]


def margin_sql(rule: Rule) -> str:
    """The margin of each robot of a rule that reads in PostgreSQL."""
    assert isinstance(rule.reading, TableReading)
    parts = {"r": rule.reading.sql, "w": rule.limit_sql, "l": rule.recovery_sql}
    joined = " JOIN ".join(
        f"({sql}) AS {name}(robot_id, {name})" + (" USING (robot_id)" if name != "r" else "")
        for name, sql in parts.items()
    )
    return f"SELECT robot_id, (r.r - w.w) / (w.w - l.l) AS margin FROM {joined}"


def _last(ref: str, influxql: str) -> list[dict[str, Any]]:
    """``ref`` by series, the last value of each."""
    return [_series("Q", influxql), _expression(ref, "reduce", expression="Q", reducer="last")]


def _series(ref: str, influxql: str) -> dict[str, Any]:
    model = {
        "refId": ref,
        "datasource": {"type": "influxdb", "uid": "influxdb"},
        "rawQuery": True,
        "query": influxql,
        "resultFormat": "time_series",
    }
    return _query(ref, "influxdb", model, WINDOW, -AHEAD)


def _table(ref: str, sql: str) -> dict[str, Any]:
    model = {
        "refId": ref,
        "datasource": {"type": "postgres", "uid": RULES_POSTGRES},
        "rawQuery": True,
        "rawSql": sql,
        "format": "table",
        "editorMode": "code",
    }
    return _query(ref, RULES_POSTGRES, model, WINDOW, 0)


def _expression(ref: str, kind: str, **rest: Any) -> dict[str, Any]:
    model = {
        "refId": ref,
        "type": kind,
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        **rest,
    }
    return _query(ref, "__expr__", model, 0, 0)


def _query(ref: str, source: str, model: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasourceUid": source,
        "relativeTimeRange": {"from": start, "to": end},
        "model": model,
    }

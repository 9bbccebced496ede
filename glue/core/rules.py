"""All alert rules, in the order in which Grafana shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from glue.core.limit_rules import LIMIT_RULES
from glue.core.metrics import METRICS
from glue.core.pipeline_rules import PIPELINE_RULES
from glue.core.rule import Rule

RULES: tuple[Rule, ...] = (*LIMIT_RULES, *PIPELINE_RULES)
BY_METRIC = {rule.metric: rule for rule in RULES}
"""Any rule of a metric: all of its severities read the same."""
BY_UID = {rule.uid: rule for rule in RULES}
BY_KEY: dict[tuple[str, str], Rule] = {(rule.metric, rule.severity): rule for rule in RULES}


def configured(pending: Callable[[str], float]) -> tuple[Rule, ...]:
    """The rules with the settings' pending period, seconds by metric."""
    return tuple(
        replace(rule, pending=pending(rule.metric)) if rule.metric in METRICS else rule
        for rule in RULES
    )

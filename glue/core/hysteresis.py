"""Ends that are none: Grafana says normal while the reading has not passed the recovery limit.

An alert that fires ends below its recovery limit, not below its limit. Grafana knows which of the
two applies from its own memory, and forgets it (11.0.0, ``schedule/loaded_metrics_reader.go``):

- an alert that the standby evaluator opened while Grafana was away, Grafana never saw fire;
- one that went through an evaluation with an error (PostgreSQL away for seconds) has a state with a
  reason, which does not count as firing;
- a rule whose definition changed starts anew.

Between the limits each of these comes out as normal. The record then keeps what it holds until the
reading has left the band, or Grafana fires again: to the record that is the same occurrence.
"""

from __future__ import annotations

from glue.core.episodes import Known, Observation
from glue.core.rule import RECOVERS_BELOW, margin
from glue.core.rules import BY_KEY


def is_beyond(reading: float, limit: float, recovery: float) -> bool:
    """Whether ``reading`` keeps an alert open that is."""
    return margin(reading, limit, recovery) >= RECOVERS_BELOW


def is_denied(seen: Observation, known: Known) -> bool:
    """Whether ``seen`` ends an alert that fires although the values it came with say otherwise.

    What Grafana posts has them: R the reading, W the limit, L the recovery limit.
    """
    instance = known.instances.get(seen.severity)
    if seen.firing or instance is None or not instance.firing:
        return False
    values = seen.details.get("values") or {}
    if (seen.metric, seen.severity) not in BY_KEY or not {"R", "W", "L"} <= values.keys():
        return False
    return values["W"] != values["L"] and is_beyond(values["R"], values["W"], values["L"])

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

from collections.abc import Mapping
from typing import Any

from glue.core.occurrences import Held, Observation
from glue.core.rule import RECOVERS_BELOW, margin
from glue.core.rules import BY_KEY


def is_beyond(reading: float, limit: float, recovery: float) -> bool:
    """Whether ``reading`` keeps an alert open that is."""
    return margin(reading, limit, recovery) >= RECOVERS_BELOW


def is_no_end(values: Mapping[str, Any]) -> bool:
    """Whether the margin M that an end came with says otherwise."""
    return "M" in values and values["M"] >= RECOVERS_BELOW


def is_denied(seen: Observation, held: Held) -> bool:
    """Whether ``seen`` ends what is known to fire, although what it came with says otherwise. The
    end of something unheard of is recorded: it has at least fired."""
    if seen.firing or (seen.metric, seen.severity) not in BY_KEY or seen.vanished:
        return False
    known = any(
        o.severity == seen.severity and o.starts_at < seen.stopped_at and o.reaches(seen.stopped_at)
        for o in held
    )
    return known and is_no_end(seen.details.get("values") or {})

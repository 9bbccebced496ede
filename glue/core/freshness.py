"""Whether the glue's loops still turn, judged by the age of their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping

from glue.settings import Settings

BEATS_MISSED = 4
"""A loop that missed this many turns is stuck; one late turn on a busy Raspberry Pi is not."""

LIMITS_S = 60.0
"""Seconds that the rules' limits may not be written: those of then are in force, so a restart of
InfluxDB is no trouble."""

SHORTEST = 15.0
"""Seconds. Below that a garbage collection or a slow disk would look like a stuck loop."""


def allowed_ages(settings: Settings, in_charge: str | None) -> dict[str, float]:
    """Seconds that the heartbeats which matter now may be old.

    ``in_charge`` is who evaluates the rules: for ``grafana`` our reading of its state matters
    (heartbeat ``pull``), for ``standby`` our own evaluation; None while nobody has decided.
    """
    intervals = {
        "events": settings.glue.heartbeat_interval,
        "evaluator": settings.glue.pull_interval,
    }
    if in_charge == "grafana":
        intervals["pull"] = settings.glue.pull_interval
    if in_charge == "standby":
        intervals["standby"] = settings.glue.evaluation_interval
    ages = {name: max(SHORTEST, BEATS_MISSED * every) for name, every in intervals.items()}
    return ages | {"limits": LIMITS_S}


def verdicts(ages: Mapping[str, float], allowed: Mapping[str, float]) -> dict[str, str]:
    """``ok``, or what is wrong, by loop. ``ages`` are seconds since each loop's last beat."""
    return {name: _verdict(ages.get(name), most) for name, most in allowed.items()}


def _verdict(age: float | None, most: float) -> str:
    if age is None:
        return "has not run yet"
    if age > most:
        return f"last ran {age:.0f} s ago, at most {most:.0f} s is normal"
    return "ok"

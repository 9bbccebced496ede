"""Whether loops turn."""

from __future__ import annotations

from glue import settings
from glue.core import freshness


def test_ages_follow_the_intervals_with_a_floor() -> None:
    loaded = settings.load({"TONYPI_HOME": "/nonexistent", "GLUE_PULL_INTERVAL": "30"})
    always = {"events": 15.0, "evaluator": 120.0, "limits": 60.0}
    assert freshness.allowed_ages(loaded, None) == always
    assert freshness.allowed_ages(loaded, "grafana") == always | {"pull": 120.0}
    assert freshness.allowed_ages(loaded, "standby") == always | {"standby": 40.0}


def test_verdicts() -> None:
    allowed = {"events": 15.0, "pull": 60.0, "standby": 40.0}
    said = freshness.verdicts({"events": 15.0, "pull": 61.2, "webhook": 1e9}, allowed)
    assert said == {
        "events": "ok",
        "pull": "last ran 61 s ago, at most 60 s is normal",
        "standby": "has not run yet",
    }

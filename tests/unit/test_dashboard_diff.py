"""What a copy has otherwise than ours, and what of it nobody meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from glue.core import dashboard_diff as diff
from tests.panel_queries import DASHBOARDS

ROBOT = DASHBOARDS["tonypi-robot"]


def copied() -> dict[str, Any]:
    """As Grafana's browser saves a copy."""
    made = copy.deepcopy(ROBOT) | {
        "id": 7,
        "uid": "ae1",
        "title": "Robot Copy",
        "version": 3,
        "tags": [],
        "gnetId": None,
        "weekStart": "",
        "liveNow": False,
    }
    made["templating"]["list"][0] |= {
        "current": {"text": "sim_01", "value": "sim_01"},
        "options": [],
        "definition": "",
        "skipUrlSync": False,
    }
    made["annotations"]["list"].insert(0, {"name": "Annotations & Alerts", "builtIn": 1})
    return made


def panel(model: dict[str, Any], title: str) -> dict[str, Any]:
    return next(p for p in model["panels"] if p["title"] == title)


def test_a_copy_that_nobody_changed_is_the_same() -> None:
    assert diff.compare(ROBOT, copied()).same


def test_the_original_is_found_by_its_panels_even_after_the_title_was_changed() -> None:
    theirs = copied() | {"title": "Night shift"}
    theirs["panels"] = theirs["panels"][5:]
    assert diff.original(theirs, DASHBOARDS) == "tonypi-robot"


def test_what_has_no_panel_of_ours_has_no_original() -> None:
    with pytest.raises(diff.NoOriginal):
        diff.original({"title": "Robot Copy", "panels": [{"id": 1, "title": "Mine"}]}, DASHBOARDS)


def test_a_changed_option_is_said_by_panel_and_path() -> None:
    theirs = copied()
    cpu = panel(theirs, "CPU load")
    cpu["fieldConfig"]["defaults"]["custom"]["lineWidth"] = 3
    # What the editor writes out with it.
    cpu["fieldConfig"]["defaults"]["custom"] |= {"axisPlacement": "auto", "pointSize": 5}
    cpu["fieldConfig"]["defaults"]["color"] = {"mode": "palette-classic"}
    cpu["pluginVersion"] = "11.0.0"
    theirs["time"]["from"] = "now-1h"
    assert diff.compare(ROBOT, theirs).changed == (
        diff.Difference(None, "time.from", "now-15m", "now-1h"),
        diff.Difference("CPU load", "fieldConfig.defaults.custom.lineWidth", 1.5, 3),
    )


def test_a_new_query_and_a_changed_override_do_not_shift_what_follows() -> None:
    theirs = copied()
    battery = panel(theirs, "Battery")
    battery["targets"].insert(0, {"refId": "A", "query": "SELECT 1"})
    overrides = battery["fieldConfig"]["overrides"]
    volts = next(o for o in overrides if o["matcher"]["options"] == "Voltage")
    next(p for p in volts["properties"] if p["id"] == "unit")["value"] = "mvolt"
    found = diff.compare(ROBOT, theirs).changed
    assert {one.path: (one.ours, one.theirs) for one in found} == {
        "targets.A": (None, {"refId": "A", "query": "SELECT 1"}),
        "fieldConfig.overrides.Voltage.properties.unit.value": ("suffix:V", "mvolt"),
    }


def test_a_renamed_panel_is_the_panel_of_its_number() -> None:
    theirs = copied()
    panel(theirs, "CPU load")["title"] = "Processor"
    (one,) = diff.compare(ROBOT, theirs).changed
    assert (one.panel, one.path, one.theirs) == ("CPU load", "title", "Processor")


def test_added_and_removed_panels_are_whole() -> None:
    theirs = copied()
    theirs["panels"].remove(panel(theirs, "Jobs"))
    theirs["panels"].append({"id": 99, "type": "text", "title": "Mine", "transparent": False})
    result = diff.compare(ROBOT, theirs)
    assert [p["title"] for p in result.removed] == ["Jobs"]
    assert result.added == ({"id": 99, "type": "text", "title": "Mine"},)
    assert result.changed == ()


def test_panels_in_a_collapsed_row_are_panels() -> None:
    theirs = copied()
    row = panel(theirs, "Work")
    row["collapsed"], row["panels"] = True, [panel(theirs, "Jobs")]
    theirs["panels"].remove(panel(theirs, "Jobs"))
    assert diff.compare(ROBOT, theirs).same

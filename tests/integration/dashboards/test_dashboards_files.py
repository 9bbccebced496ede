"""The dashboards as files and in Grafana: current, complete, one look, not to be edited by hand."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from glue.core.provisioning import RULE_FOLDER
from glue.core.rules import RULES
from glue.settings import PROJECT
from tests.integration.dashboards.fleet import DASHBOARDS, Shown

PANELS = [
    pytest.param(panel, id=f"{uid}-{panel['id']}")
    for uid, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]


def build(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grafana.build", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_files_are_what_the_code_says() -> None:
    command = [sys.executable, "-m", "glue.cli", "dashboards", "build", "--check"]
    checked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "dashboards are up to date\n")


def test_a_stale_file_is_named_and_left_alone(tmp_path: Path) -> None:
    assert build("--folder", str(tmp_path)).returncode == 0
    (tmp_path / "fleet.json").write_text("{}")
    checked = build("--check", "--folder", str(tmp_path))
    assert checked.returncode == 1
    assert "fleet.json is stale; run `tonypi dashboards build`" in checked.stderr
    assert "robot.json" not in checked.stderr
    assert (tmp_path / "fleet.json").read_text() == "{}"


def test_the_panels_that_rules_point_to_exist() -> None:
    there = {(uid, panel["id"]) for uid, d in DASHBOARDS.items() for panel in d["panels"]}
    assert {(rule.dashboard, rule.panel) for rule in RULES} <= there


def test_no_two_panels_share_a_number_or_a_place() -> None:
    for dashboard in DASHBOARDS.values():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))
        for one, other in itertools.combinations(dashboard["panels"], 2):
            assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
        assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in dashboard["panels"])


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return (
        a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    )


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_explains_itself_and_says_why_it_is_empty(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 30
    assert panel["fieldConfig"]["defaults"]["noValue"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] in {"influxdb", "postgres"}


@pytest.mark.parametrize("panel", PANELS)
def test_no_limit_stands_in_a_dashboard(panel: dict[str, Any]) -> None:
    # Only ages and counts have fixed colours; readings take theirs from the limits in force.
    allowed = {
        "Heartbeat, ago": {15, 30},
        "Without new points": {15, 30},
        "Readings, age": {15, 30},
        "State read, ago": {15, 30},
        "Posts failing for": {15, 30},
        # What is called a fall, and not an alert.
        "Tilt": {60},
        "Tilt now": {60},
        "Largest tilt": {60},
    }
    for override in panel["fieldConfig"]["overrides"]:
        for prop in override["properties"]:
            if prop["id"] == "thresholds":
                levels = {step["value"] for step in prop["value"]["steps"]} - {None}
                assert levels <= allowed.get(override["matcher"]["options"], {1})
    # Where the limits give none.
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    assert steps in ([], [{"value": None, "color": "text"}])


@pytest.mark.parametrize("panel", PANELS)
def test_what_is_painted_by_limits_has_no_colours_of_its_own(panel: dict[str, Any]) -> None:
    by_limits = [t for t in panel.get("transformations", []) if t["id"] == "configFromData"]
    for limits in by_limits:
        assert limits is panel["transformations"][0], "else its query is joined with others"
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["options"] == limits["options"]["applyTo"]["options"]:
                assert "thresholds" not in {prop["id"] for prop in override["properties"]}


@pytest.mark.parametrize("panel", PANELS)
def test_the_words_of_an_empty_panel_are_no_values(panel: dict[str, Any]) -> None:
    if panel["type"] in {"stat", "bargauge", "table", "geomap"}:
        return
    (values,) = (
        prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"] == {"id": "byRegexp", "options": ".*"}
        for prop in override["properties"]
        if prop["id"] == "noValue"
    )
    # Grafana draws what JavaScript can read as a number, a blank as 0, where there is no value.
    assert values == "\u200b"


def admin(shown: Shown) -> httpx.Client:
    grafana = shown.settings.grafana
    auth = (grafana.admin_user, grafana.admin_password.get_secret_value())
    return httpx.Client(base_url=shown.url, auth=auth, timeout=30, trust_env=False)


def test_grafana_has_them_in_their_folder(shown: Shown) -> None:
    wanted = {(uid, "Robots") for uid in DASHBOARDS}
    found = set()
    # What a viewer may find is worked out anew within some seconds.
    until = time.monotonic() + 30
    while found != wanted and time.monotonic() < until:
        listed = shown.viewer.get("/api/search", params={"type": "dash-db"}).json()
        found = {(d["uid"], d["folderTitle"]) for d in listed}
        time.sleep(0.2)
    assert found == wanted
    folders = [f["title"] for f in shown.viewer.get("/api/folders").json()]
    # Grafana adds "Shared with me" for who does not own a folder.
    assert set(folders) - {"Shared with me"} == {"Robots", RULE_FOLDER}


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_dashboard_cannot_be_edited_by_hand(shown: Shown, uid: str) -> None:
    with admin(shown) as client:
        there = client.get(f"/api/dashboards/uid/{uid}").json()
        assert there["meta"]["provisioned"]
        edited = there["dashboard"] | {"title": "Mine"}
        saved = client.post("/api/dashboards/db", json={"dashboard": edited, "overwrite": True})
        assert (saved.status_code, saved.json()["message"]) == (
            400,
            "Cannot save provisioned dashboard",
        )
        assert client.delete(f"/api/dashboards/uid/{uid}").status_code == 400
        assert client.get(f"/api/dashboards/uid/{uid}").json() == there

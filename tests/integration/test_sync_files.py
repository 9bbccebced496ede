"""Files and marks in Grafana follow what is here: on a real Grafana."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from glue.sync import files
from glue.sync.files import FilesError
from tests.sync import Synced, done


async def test_changes_of_the_fleet_become_marks_once(synced: Synced) -> None:
    for robot in ("m1", "m2"):
        synced.row("INSERT INTO robots (robot_id) VALUES (%s) ON CONFLICT DO NOTHING", robot)
    synced.row("UPDATE robots SET status = 'maintenance' WHERE robot_id IN ('m1', 'm2')")
    synced.row(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold) VALUES ('m1', 'cpu', 60, 85)"
    )
    async with synced.reconciler() as reconciler:
        outcome = await reconciler.apply()
        assert len([one for one in outcome.done if one.kind == "mark"]) == 4
        assert marks(synced, "robot:m1") == [
            "Limits of CPU load: warning 60, critical 85, for m1",
            "Maintenance for m1, m2",
            "Newly watched: for m1",
        ]
        assert (await reconciler.apply()).done == []
        synced.row("UPDATE robots SET status = 'offline' WHERE robot_id = 'm1'")
        await reconciler.apply()
        ended = [a for a in synced.get("/annotations", tags="robot:m1") if a["timeEnd"] > a["time"]]
        assert [a["text"] for a in ended] == ["Maintenance for m1"]
        assert marks(synced, "robot:m2") == ["Maintenance for m2", "Newly watched: for m2"]
        assert (await reconciler.apply()).done == []


def marks(synced: Synced, tag: str) -> list[str]:
    return sorted(one["text"] for one in synced.get("/annotations", tags=tag))


async def test_a_changed_file_is_loaded_and_hand_edits_are_refused(synced: Synced) -> None:
    points = synced.checkout / "provisioning" / "alerting" / "contact_points.yml"
    text = points.read_text()
    async with synced.reconciler() as reconciler:
        assert not (await reconciler.plan()).drift
        points.write_text(text.replace('maxAlerts: "2000"', 'maxAlerts: "1999"'))
        try:
            outcome = await reconciler.apply()
            assert done(outcome)[0].startswith("↻ files alerting: contact point glue")
            assert not outcome.left.drift
        finally:
            points.write_text(text)
        await reconciler.apply()
    dashboard = synced.get("/dashboards/uid/tonypi-robot")["dashboard"]
    answer = synced.direct.post(
        "/api/dashboards/db", json={"dashboard": dashboard, "overwrite": True}
    )
    assert answer.status_code == 400, answer.text
    rule = synced.get("/v1/provisioning/alert-rules/tonypi-cpu-warning")
    headers = {"X-Disable-Provenance": "true"}
    path = "/api/v1/provisioning/alert-rules/tonypi-cpu-warning"
    answer = synced.direct.put(path, json={**rule, "title": "mine"}, headers=headers)
    assert answer.status_code >= 400, answer.text


async def test_a_member_taken_out_of_a_rule_is_loaded(synced: Synced) -> None:
    rules = synced.checkout / "provisioning" / "alerting" / "rules.yml"
    text = rules.read_text()
    async with synced.reconciler() as reconciler:
        rules.write_text(text.replace("      runbook_url: docs/runbooks/cpu.md\n", "", 1))
        try:
            outcome = await reconciler.apply()
            assert [one.after for one in outcome.done] == [
                ["rule tonypi-cpu-warning annotations.runbook_url: docs/runbooks/cpu.md → None"]
            ]
            assert not outcome.left.drift
        finally:
            rules.write_text(text)
        await reconciler.apply()


async def test_what_was_taken_out_of_its_file_is_told_and_removed_by_a_prune(
    synced: Synced,
) -> None:
    rules = synced.checkout / "provisioning" / "alerting" / "rules.yml"
    dashboard = synced.checkout / "grafana" / "dashboards" / "robot.json"
    kept = {path: path.read_text() for path in (rules, dashboard)}
    told = yaml.safe_load(kept[rules])
    gone = told["groups"][0]["rules"].pop(0)["uid"]
    async with synced.reconciler() as reconciler:
        try:
            rules.write_text(yaml.safe_dump(told, sort_keys=False))
            dashboard.unlink()
            found = await reconciler.apply()
            assert not found.left.drift, done(found)
            left = [(one.kind, one.verb, one.key) for one in found.left.leftovers]
            assert left == [("files", "remove", "tonypi-robot"), ("files", "remove", gone)]
            outcome = await reconciler.apply(prune=True)
            assert outcome.refused == []
            assert not outcome.left.leftovers
            for path in (f"/v1/provisioning/alert-rules/{gone}", "/dashboards/uid/tonypi-robot"):
                assert synced.direct.get(f"/api{path}").status_code == 404
            assert not (rules.parent / "removed.yml").exists()
        finally:
            for path, text in kept.items():
                path.write_text(text)
        back = await reconciler.apply()
        assert not back.left.drift
    assert synced.get(f"/v1/provisioning/alert-rules/{gone}")["uid"] == gone


async def test_a_rule_is_not_pruned_where_no_file_can_be_written(tmp_path: Path) -> None:
    no = pytest.raises(FilesError, match="deleteRules: orgId 1, uid tonypi-x")
    with no, files.without_rule(tmp_path, "tonypi-x"):
        pytest.fail("there is no such folder")

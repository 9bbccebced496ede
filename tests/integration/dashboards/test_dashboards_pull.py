"""``tonypi dashboards pull`` on the real Grafana: copies, strangers, and who cannot be asked."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from glue.environment import exported
from tests.integration.dashboards.fleet import DASHBOARDS, Shown

Answer = subprocess.CompletedProcess[str]


def pull(shown: Shown, *words: str, **environ: str) -> Answer:
    return subprocess.run(
        [sys.executable, "-m", "glue.cli", "dashboards", "pull", *words],
        env=os.environ | exported(shown.settings) | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def of_people(model: dict[str, Any], uid: str) -> dict[str, Any]:
    """``model`` as somebody's own, in the folder for these."""
    return copy.deepcopy(model) | {"uid": uid, "id": None, "title": f"Anna's {model['title']} – 1"}


@pytest.fixture(scope="module")
def own(shown: Shown) -> Iterator[str]:
    """Uid of a copy of Robot with one option and one panel changed."""
    grafana = shown.settings.grafana
    auth = (grafana.admin_user, grafana.admin_password.get_secret_value())
    mine = of_people(DASHBOARDS["tonypi-robot"], "annas-robot")
    cpu = next(p for p in mine["panels"] if p["title"] == "CPU load")
    cpu["fieldConfig"]["defaults"]["decimals"] = 2
    mine["panels"] = [p for p in mine["panels"] if p["title"] != "Jobs"]
    with httpx.Client(base_url=shown.url, auth=auth, timeout=30, trust_env=False) as client:
        made = client.post("/api/folders", json={"uid": "own", "title": "Own dashboards"})
        assert made.status_code == 200, made.text
        strange = {"uid": "stranger", "title": "Weather", "panels": [{"id": 1, "title": "Rain"}]}
        for model in (mine, strange):
            saved = client.post("/api/dashboards/db", json={"dashboard": model, "folderUid": "own"})
            assert saved.status_code == 200, saved.text
        yield "annas-robot"
        client.delete("/api/folders/own")


def test_a_copys_difference_reads_by_panel_and_option(shown: Shown, own: str) -> None:
    told = pull(shown, own)
    assert (told.returncode, told.stderr) == (2, "")
    assert told.stdout.splitlines() == [
        "robot (ours) → Anna's Robot – 1 in Own dashboards (annas-robot)",
        'panel "CPU load"',
        "  fieldConfig.defaults.decimals: 0 → 2",
        '- panel "Jobs" (table, number 60)',
    ]


def test_scripts_read_the_same_as_one_object(shown: Shown, own: str) -> None:
    told = json.loads(pull(shown, own, "--json").stdout)
    assert (told["against"], told["same"]) == ("robot", False)
    assert told["changed"] == [
        {
            "panel": "CPU load",
            "path": "fieldConfig.defaults.decimals",
            "ours": 0,
            "theirs": 2,
        }
    ]
    assert [panel["title"] for panel in told["removed"]] == ["Jobs"]


def test_our_own_dashboard_has_no_difference_from_itself(shown: Shown) -> None:
    told = pull(shown, "tonypi-servos")
    assert (told.returncode, told.stdout.splitlines()[1:]) == (0, ["  no difference"])


def test_a_stranger_is_compared_with_what_is_asked_for(shown: Shown, own: str) -> None:
    told = pull(shown, "stranger")
    assert told.returncode == 1
    assert "Weather has no panel of ours" in told.stderr
    assert "say --against, one of alerts, fleet," in told.stderr
    told = pull(shown, "stranger", "--against", "logs")
    assert told.returncode == 2
    assert '+ panel "Rain"' in told.stdout
    assert (
        "there is no dashboard of ours that is called x"
        in pull(shown, "stranger", "--against", "x").stderr
    )


def test_an_unknown_uid_is_answered_with_those_that_there_are(shown: Shown, own: str) -> None:
    told = pull(shown, "nothing")
    assert told.returncode == 1
    assert "has no dashboard with the uid nothing" in told.stderr
    assert "annas-robot (Anna's Robot – 1), stranger (Weather)" in told.stderr


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"GRAFANA_URL": ""}, "there is no Grafana here"),
        ({"GRAFANA_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_who_cannot_be_asked_is_said_with_the_reason(
    shown: Shown, environ: dict[str, str], said: str
) -> None:
    told = pull(shown, "tonypi-robot", **environ)
    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr

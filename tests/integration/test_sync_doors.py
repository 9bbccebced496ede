"""``tonypi sync`` and its routes: plan, apply, status, exit codes; without a Grafana too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from glue.cli import sync as command
from glue.environment import exported
from tests.api import Api, is_problem
from tests.sync import Synced


@pytest.fixture
def tonypi(synced: Synced, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``tonypi("plan", "--json")``, with the settings of the running programs."""
    for name, value in exported(synced.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("glue.sync.reconciler.PROJECT", synced.checkout)

    def run(*words: str) -> Result:
        return CliRunner().invoke(command.app, list(words), catch_exceptions=False)

    return run


def test_plan_apply_status_and_their_exit_codes(synced: Synced, tonypi: Any) -> None:
    assert tonypi("plan").exit_code == 0
    synced.add_user("pia", "operator")
    plan = tonypi("plan")
    assert plan.exit_code == 2
    assert plan.output.splitlines() == [
        "+ user pia: login pia, email pia@example.org, name pia, role Editor",
        "+ member pia in TonyPi operators: pia",
        "2 changes to write",
    ]
    told = json.loads(tonypi("plan", "--json").output)
    assert [one["kind"] for one in told["changes"]] == ["user", "member"]
    assert tonypi("apply", "--dry-run").exit_code == 2
    synced.proxy.forget()
    applied = tonypi("apply")
    assert applied.exit_code == 0
    assert "2 changes written" in applied.output
    assert len(synced.proxy.writes) == 3  # the account, its role, its team
    assert tonypi("plan").exit_code == 0


def test_what_is_left_over_is_named_and_pruned_only_when_asked(synced: Synced, tonypi: Any) -> None:
    synced.add_user("quin")
    tonypi("apply")
    synced.row("DELETE FROM users")
    tonypi("apply")
    plan = tonypi("plan")
    assert plan.exit_code == 0
    assert "1 change of ours no longer wanted: --prune removes them" in plan.output
    assert "- user quin" in tonypi("plan", "--prune").output
    assert tonypi("apply", "--prune").exit_code == 0
    assert (
        synced.direct.get("/api/users/lookup", params={"loginOrEmail": "quin"}).status_code == 404
    )


def test_status_before_and_after_the_glue_compared(synced: Synced, tonypi: Any) -> None:
    synced.row("DELETE FROM heartbeats WHERE name = 'sync'")
    assert tonypi("status").exit_code == 1
    synced.row(
        "INSERT INTO heartbeats (name, beat_at, details) VALUES ('sync', now(), %s)",
        json.dumps({"requests": 19, "writes": 0, "drift": 1, "refused": ["+ user x: no"]}),
    )
    found = tonypi("status")
    assert found.exit_code == 2
    assert "1 change not done" in found.output
    assert "! + user x: no" in found.output
    assert json.loads(tonypi("status", "--json").output)["requests"] == 19


def test_what_is_away_is_said(synced: Synced, tonypi: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    synced.proxy.break_next("refuse", lambda *_: True, times=50, status=503)
    assert tonypi("plan").exit_code == 1
    monkeypatch.setenv("GRAFANA_URL", "")
    none = tonypi("plan")
    assert (none.exit_code, none.stderr) == (
        1,
        "tonypi sync plan: there is no Grafana here (GRAFANA_URL is empty)\n",
    )


async def test_routes_with_a_grafana(api: Api, synced: Synced) -> None:
    synced.add_user("rex", "admin")
    async with synced.reconciler() as reconciler:
        api.app.state.reconciler = reconciler
        plan = (await api.get("admin", "/sync/plan")).json()
        assert plan["changes"][0]["text"].startswith("+ user rex")
        done = (await api.post("admin", "/sync/apply", {"prune": False})).json()
        assert [one["kind"] for one in done["done"]] == ["user", "member"]
        assert done["left"]["changes"] == []
        synced.proxy.break_next("refuse", lambda *_: True, times=50, status=401)
        assert is_problem(await api.get("admin", "/sync/plan"), 502)
    assert (await api.get("viewer", "/sync")).status_code == 200
    assert (await api.logs("api"))[-1]["message"] == "admin had Grafana's plan applied: 2 changes"


async def test_routes_without_a_grafana(api: Api) -> None:
    assert is_problem(await api.get("admin", "/sync/plan"), 409)
    assert is_problem(await api.post("admin", "/sync/apply"), 409)
    assert (await api.get("viewer", "/sync")).json()["at"] is None

"""Times are written in one way, whoever takes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.cli import maintenance, mutes, reports, thresholds
from tests import notified
from tests.api import Api, is_problem
from tests.command import command

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("written", ["90m", "now-90m", "1h30m"])
async def test_lists_take_relative_times(api: Api, written: str) -> None:
    now = datetime.now(UTC)
    await api.add_alert(created_at=now - 2 * HOUR)
    recent = await api.add_alert(created_at=now - HOUR)
    found = (await api.get("viewer", "/alerts", since=written)).json()["items"]
    assert [one["id"] for one in found] == [recent]
    assert len((await api.get("viewer", "/alerts", since="yesterday")).json()["items"]) == 2
    for wrong in ("soon", "24", "2h ago"):
        answer = await api.get("viewer", "/alerts", since=wrong)
        assert is_problem(answer, 422)


async def test_what_ends_takes_a_time_from_now(api: Api) -> None:
    about = datetime.now(UTC) + 2 * HOUR
    for path, body in (
        ("/mutes", {"types": ["battery"], "until": "2h"}),
        ("/robots/maintenance", {"robot_ids": ["tonypi_01"], "until": "now+2h"}),
    ):
        assert (await api.post("operator", path, body)).is_success
    (mute,) = (await api.get("viewer", "/mutes")).json()
    robot = (await api.get("viewer", "/robots/tonypi_01")).json()
    for until in (mute["until"], robot["maintenance_until"]):
        assert abs(datetime.fromisoformat(until) - about) < timedelta(minutes=2)
    assert is_problem(
        await api.post("operator", "/mutes", {"types": ["*"], "until": "now-2h"}), 422
    )


async def test_a_route_takes_durations(api: Api) -> None:
    assert await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook") == 1
    route = {"name": "r", "targets": [1], "escalate_to": [1]}
    times = {"escalate_after": "15m", "repeat_every": "1h30m", "group_wait": 5}
    made = await api.post("admin", "/notifications/routes", route | times)
    assert made.status_code == 201, made.text
    kept = made.json()
    assert [kept[name] for name in times] == [900, 5400, 5]
    for wrong in ("soon", "8d", -1, "0s"):
        answer = await api.post("admin", "/notifications/routes", route | {"escalate_after": wrong})
        assert is_problem(answer, 422), wrong


async def test_a_window_in_the_past_is_refused(api: Api) -> None:
    local = {"name": "w", "fleet": True, "zone": "Europe/Berlin"}
    for start, end, why in (
        ("2020-01-01T20:00", "2020-01-01T22:00", "all of it is in the past"),
        ("2031-03-30T02:30", "2031-03-30T03:15", "the clocks skip"),
    ):
        body = {**local, "start": start, "end": end}
        answer = await api.post("admin", "/maintenance-windows", body)
        assert is_problem(answer, 422) and why in answer.text
    night = {"zone": "Europe/Berlin", "start": "2031-03-30T02:15", "end": "2031-03-30T02:45"}
    answer = await api.post("admin", "/maintenance-windows/preview", night)
    (when,) = answer.json()["occurrences"]
    assert when == {"starts_at": "2031-03-30T01:15:00Z", "ends_at": "2031-03-30T01:45:00Z"}


async def test_a_report_is_asked_for_from_so_long_ago_until_now(api: Api) -> None:
    made = await api.post("viewer", "/reports", {"type": "job", "since": "24h"})
    assert made.status_code == 202, made.text
    job = (await api.call("viewer", "GET", made.headers["location"])).json()["request"]
    since, until = (datetime.fromisoformat(job[name]) for name in ("since", "until"))
    assert until - since == timedelta(days=1) or abs(until - since - 24 * HOUR) < HOUR / 60


async def test_commands_take_the_same(api: Api, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("FLEET_TZ", "Europe/Berlin")

    def run(module: Any, words: str) -> tuple[int, str]:
        return command(module, api.settings.postgres.dsn, monkeypatch, tmp_path)(*words.split())

    for option in ("--last 24h", "--since 24h", "--since now-24h --until now"):
        code, out = run(reports, f"reports build job {option} --dry-run")
        assert code == 0, out
        asked = json.loads(out)["would_make"]
        since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
        assert abs(until - since - 24 * HOUR) < HOUR / 60, option
    code, out = run(reports, "reports build job --since 2026-01-31 --until 2026-02-01 --dry-run")
    assert json.loads(out)["would_make"]["since"] == "2026-01-30T23:00:00Z"
    for module, words in (
        (reports, "reports build job --since soon"),
        (reports, "reports build job --last soon"),
        (mutes, "mutes add --type battery --until soon"),
        (thresholds, "thresholds suggest --fleet --since soon"),
        (maintenance, "maintenance add w --fleet --start soon --end 2h"),
        (maintenance, "maintenance add w --fleet --start now --end 2h --on mon --last-day soon"),
    ):
        code, out = run(module, words)
        assert (code in (1, 2) and "soon" in out and "24h" in out) or "2h" in out, (words, out)
        assert "Traceback" not in out and "isoformat" not in out
    code, out = run(mutes, "mutes add --type battery --until 2030-01-31T18:00 --dry-run")
    assert "until 2030-01-31 17:00 UTC" in out
    code, out = run(maintenance, "maintenance add w --fleet --start now --end 1h30m --json")
    (times,) = json.loads(out)["occurrences"]
    begin, end = (datetime.fromisoformat(times[name]) for name in ("starts_at", "ends_at"))
    assert end - begin == timedelta(minutes=90)
    code, out = run(maintenance, "maintenance add x --fleet --start 2020-01-01T10:00 --end 1h")
    assert (code, "all of it is in the past" in out) == (1, True)

"""Logs through the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api import Api, is_problem

START = datetime(2026, 1, 31, 8, tzinfo=UTC)


async def add(api: Api, **values: Any) -> int:
    row = {"level": "INFO", "category": "mqtt", "message": "hello", "timestamp": START, **values}
    names = ", ".join(row)
    marks = ", ".join(f"%({name})s" for name in row)
    made = await api.rows(f"INSERT INTO system_logs ({names}) VALUES ({marks}) RETURNING id", **row)
    return int(made[0]["id"])


async def ids(api: Api, role: str = "viewer", **params: Any) -> list[int]:
    answer = await api.get(role, "/logs", **params)
    assert answer.status_code == 200, answer.text
    return [entry["id"] for entry in answer.json()["items"]]


async def test_filters_and_sorts(api: Api) -> None:
    info = await add(api, message="Servo 3 moved")
    error = await add(api, level="ERROR", robot_id="r1", timestamp=START + timedelta(hours=1))
    critical = await add(
        api,
        level="CRITICAL",
        category="system",
        robot_id="r2",
        timestamp=START + timedelta(hours=2),
    )
    warning = await add(api, level="WARNING", category="api", timestamp=START + timedelta(hours=3))
    assert await ids(api) == [warning, critical, error, info]
    assert await ids(api, sort="level,id") == [info, warning, error, critical]
    assert await ids(api, level=["ERROR", "INFO"]) == [error, info]
    assert await ids(api, at_least="ERROR") == [critical, error]
    assert await ids(api, at_least="INFO", level="INFO") == [info]
    assert await ids(api, category=["api", "system"]) == [warning, critical]
    assert await ids(api, robot_id=["r1", "r2"]) == [critical, error]
    assert await ids(api, text="SERVO 3") == [info]
    assert await ids(api, text="%") == []
    one, three = START + timedelta(hours=1), START + timedelta(hours=3)
    assert await ids(api, since=one.isoformat(), until=three.isoformat()) == [critical, error]


async def test_sign_ins_are_for_admins(api: Api) -> None:
    secret = await add(api, category="auth", message="olga logged in")
    older = await add(api, category="mqtt", message="once Auth")
    await api.rows("ALTER TABLE system_logs DROP CONSTRAINT system_logs_category")
    misnamed = await add(api, category="Authentication", message="ivan logged in")
    assert set(await ids(api, "admin")) >= {secret, older, misnamed}
    for role in ("viewer", "operator"):
        assert await ids(api, role) == [older]
        assert is_problem(await api.get(role, "/logs", category="auth"), 403)
        assert is_problem(await api.get(role, "/logs", category=["mqtt", "auth"]), 403)
        for hidden in (secret, misnamed):
            assert is_problem(await api.get(role, f"/logs/{hidden}"), 404)
        exported = await api.get(role, "/logs/export", format="ndjson")
        assert "logged in" not in exported.text
        assert "once Auth" in exported.text
        range_ = {"since": START.isoformat(), "until": (START + timedelta(hours=1)).isoformat()}
        counted = (await api.get(role, "/logs/statistics", **range_)).json()
        assert counted["entries"] == 1
    assert (await api.get("admin", f"/logs/{secret}")).json()["message"] == "olga logged in"


async def test_one_entry_with_what_an_older_row_has_mended(api: Api) -> None:
    await api.rows("ALTER TABLE system_logs DROP CONSTRAINT system_logs_level")
    entry = await add(api, level="warn", message="x", details=None)
    answer = await api.get("viewer", f"/logs/{entry}")
    assert answer.json()["level"] == "WARNING"
    assert answer.json()["timestamp"] == "2026-01-31T08:00:00Z"
    etag = answer.headers["etag"]
    again = await api.call(
        "viewer", "GET", f"/api/v1/logs/{entry}", headers={"If-None-Match": f'"x", W/{etag}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert is_problem(await api.get("viewer", "/logs/999999"), 404)


async def test_statistics_of_a_range(api: Api) -> None:
    for minutes, level in ((0, "INFO"), (59, "ERROR"), (61, "CRITICAL"), (200, "WARNING")):
        at = START + timedelta(minutes=minutes)
        await add(api, level=level, timestamp=at, robot_id="r1" if minutes else None)
    until = START + timedelta(minutes=200)
    answer = await api.get(
        "viewer", "/logs/statistics", since=START.isoformat(), until=until.isoformat()
    )
    got = answer.json()
    assert got["entries"] == 3
    assert {c["name"]: c["entries"] for c in got["by_level"]} == {
        "INFO": 1, "ERROR": 1, "CRITICAL": 1,
    }  # fmt: skip
    assert got["by_category"] == [{"name": "mqtt", "entries": 3}]
    assert got["by_robot"] == [{"name": "r1", "entries": 2}, {"name": None, "entries": 1}]
    assert got["by_hour"] == [
        {"hour": "2026-01-31T08:00:00Z", "entries": 2, "warnings": 0, "errors": 1},
        {"hour": "2026-01-31T09:00:00Z", "entries": 1, "warnings": 0, "errors": 1},
    ]
    narrow = await api.get(
        "viewer", "/logs/statistics", since=START.isoformat(), until=until.isoformat(), level="INFO"
    )
    assert narrow.json()["entries"] == 1


async def test_statistics_of_nothing_and_of_too_much(api: Api) -> None:
    empty = (await api.get("viewer", "/logs/statistics", robot_id="tonypi_01")).json()
    assert (empty["entries"], empty["by_hour"]) == (0, [])
    for query in (
        "since=2025-01-01T00:00:00Z&until=2026-01-01T00:00:00Z",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "since=2026-01-01T00:00:00",
        "until=0001-01-01T00:00:00Z",
    ):
        answer = await api.call("viewer", "GET", f"/api/v1/logs/statistics?{query}")
        assert is_problem(answer, 422)


async def test_entries_of_somebody(api: Api) -> None:
    await add(api, message="nobody's")
    by_name = await add(api, details=json.dumps({"username": "olga"}))
    by = await add(api, details=json.dumps({"by": "olga"}), category="api")
    await add(api, details=json.dumps({"username": "ivan"}))
    assert await ids(api, actor="olga", sort="id") == [by_name, by]
    assert await ids(api, actor=["olga", "ivan"], category="api") == [by]

"""Alerts through the API."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api import Api, is_problem

START = datetime(2026, 1, 31, 8, tzinfo=UTC)


async def ids(api: Api, **params: Any) -> list[int]:
    answer = await api.get("viewer", "/alerts", **params)
    assert answer.status_code == 200, answer.text
    return [alert["id"] for alert in answer.json()["items"]]


async def test_the_list_is_newest_first_and_filtered(api: Api) -> None:
    old = await api.add_alert(created_at=START)
    critical = await api.add_alert(
        created_at=START + timedelta(hours=1), severity="critical", alert_type="battery"
    )
    ours = await api.add_alert(
        created_at=START + timedelta(hours=2), robot_id=None, alert_type="system"
    )
    over = await api.add_alert(
        created_at=START + timedelta(hours=3),
        robot_id="gone",
        resolved=True,
        resolved_at=START,
        acknowledged=True,
        acknowledged_at=START,
    )
    assert await ids(api) == [over, ours, critical, old]
    assert await ids(api, robot_id="tonypi_01") == [critical, old]
    assert await ids(api, severity="critical") == [critical]
    assert await ids(api, severity=["critical", "warning"], robot_id="gone") == [over]
    assert await ids(api, type=["battery", "system"]) == [ours, critical]
    assert await ids(api, acknowledged=True) == await ids(api, resolved=True) == [over]
    assert await ids(api, resolved=False) == [ours, critical, old]
    one, two = "2026-01-31T09:00:00Z", "2026-01-31T12:00:00+02:00"
    assert await ids(api, since=one, until=two) == [critical]


async def test_pages_neither_repeat_nor_hide_while_alerts_arrive(api: Api) -> None:
    made = [await api.add_alert(created_at=START) for _ in range(5)]  # all at the same moment
    first = (await api.get("viewer", "/alerts", limit=2)).json()
    await api.add_alert(created_at=START + timedelta(hours=1))
    second = (await api.get("viewer", "/alerts", limit=2, cursor=first["next"])).json()
    third = (await api.get("viewer", "/alerts", limit=2, cursor=second["next"])).json()
    seen = [alert["id"] for page in (first, second, third) for alert in page["items"]]
    assert seen == made[::-1]
    assert third["next"] is None


async def test_acknowledge_and_resolve_with_comments(api: Api) -> None:
    alert = await api.add_alert(value=71.5, threshold=60, source="servo_3", metric="servo_temp")
    path = f"/alerts/{alert}"
    answer = await api.post("operator", f"{path}/acknowledge", {"comment": "looking"})
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert (got["acknowledged"], got["acknowledged_by"], got["comment"]) == (
        True,
        "operator",
        "looking",
    )
    assert got["acknowledged_at"].endswith("Z")
    again = (await api.post("admin", f"{path}/acknowledge", {"comment": "me too"})).json()
    assert again["acknowledged_by"] == "operator"

    got = (await api.post("admin", f"{path}/resolve")).json()
    assert (got["resolved"], got["resolved_by"]) == (True, "admin")
    assert is_problem(await api.post("admin", f"{path}/resolve", {}), 409)
    read = (await api.get("viewer", path)).json()
    assert read == got
    assert [(e["kind"], e["actor"], e["note"]) for e in read["timeline"][:2]] == [
        ("acknowledged", "operator", "looking"),
        ("commented", "admin", "me too"),
    ]
    assert read["timeline"][2]["kind"] == "resolved"
    assert (read["value"], read["threshold"], read["source"]) == (71.5, 60, "servo_3")


async def test_two_who_resolve_at_once_do_it_once(api: Api) -> None:
    alert = await api.add_alert(metric="servo_temp")
    answers = await asyncio.gather(
        *(api.post(role, f"/alerts/{alert}/resolve") for role in ("operator", "admin") * 3)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


async def test_what_is_not_there(api: Api) -> None:
    for method, path in (
        ("GET", "/alerts/7"),
        ("POST", "/alerts/7/acknowledge"),
        ("POST", "/alerts/7/resolve"),
    ):
        assert is_problem(await api.call("operator", method, f"/api/v1{path}"), 404)
        for bad in ("0", "-1", "x", str(2**31), "9" * 30, "1%00"):
            answer = await api.call("operator", method, f"/api/v1{path.replace('7', bad)}")
            assert is_problem(answer, 422)


async def test_comments_that_are_none(api: Api) -> None:
    alert = await api.add_alert()
    for comment in ("", "x" * 2001, "\x00", 5, ["a"]):
        answer = await api.post("operator", f"/alerts/{alert}/acknowledge", {"comment": comment})
        assert is_problem(answer, 422)


BAD_QUERIES: list[str] = [
    "since=yesterday",
    "since=2026-01-31T08:00:00",  # no zone: whose?
    "since=99999999999999999999",
    "since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z",
    "severity=loud",
    "severity=info&severity=info&severity=info&severity=info",
    "type=x",
    "robot_id=%00",
    "cursor=WyJ4Iiwx",
    "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwxXQ",  # a time without zone
    "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwxZTk5XQ",
    "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ",
]


async def test_bad_queries_are_refused(api: Api) -> None:
    for query in BAD_QUERIES:
        assert is_problem(await api.call("viewer", "GET", f"/api/v1/alerts?{query}"), 422)

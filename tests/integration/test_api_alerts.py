"""Alerts through the API."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.api.episodes import actions as alert_actions
from tests.api import Api, is_problem

START = datetime(2026, 1, 31, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


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


async def test_every_column_filters(api: Api) -> None:
    await api.rows("INSERT INTO robots (robot_id) VALUES ('r10')")
    await api.add_alert(created_at=START)
    wanted = await api.add_alert(
        created_at=START + timedelta(hours=1),
        robot_id="r9",
        severity="critical",
        alert_type="battery",
        metric="battery",
        source="servo_3",
        title="Akku 100% leer",
        message="Battery low",
        origin="pull",
        acknowledged=True,
        acknowledged_by="olga",
        acknowledged_at=START,
        resolved=True,
        resolved_at=START,
        resolved_by="ivan",
        resolve_reason="by hand",
        rule_uid="tonypi-battery-warning",
        fingerprint="f1",
        value=15,
        threshold=20,
        starts_at=START,
        comment="I am looking",
    )
    later = (START + timedelta(seconds=1)).isoformat()
    for query in (
        {"robot_id": ["r9", "r10"]},
        {"severity": "critical"},
        {"type": "battery"},
        {"alert_type": "battery"},
        {"rule_uid": ["tonypi-battery-warning", "x"]},
        {"fingerprint": "f1"},
        {"value_from": 15, "value_to": 15},
        {"threshold_from": 19, "threshold_to": 20},
        {"starts_since": START.isoformat(), "starts_until": later},
        {"acknowledged_since": START.isoformat(), "acknowledged_until": later},
        {"resolved_since": START.isoformat(), "resolved_until": later},
        {"comment": "LOOKING"},
        {"metric": ["cpu", "battery"]},
        {"source": "servo_3"},
        {"origin": ["pull", "push", "standby", "person", "events"]},
        {"acknowledged": True},
        {"acknowledged_by": "olga"},
        {"resolved": True},
        {"resolved_by": "ivan"},
        {"resolve_reason": "by hand"},
        {"since": (START + timedelta(minutes=1)).isoformat()},
        {"text": "AKKU 100%"},
        {"text": "battery l"},
    ):
        assert await ids(api, **query) == [wanted], query
    assert await ids(api, text="_") == []
    answer = await api.get("viewer", "/alerts", robot_id="R9")
    assert is_problem(answer, 422) and "R9 is no robot" in answer.text


async def test_instances_of_a_rule_of_others_are_counted_together(api: Api) -> None:
    for digest in ("0123456789ab", "ba9876543210"):
        await api.add_alert(metric=f"rule:disk_full:{digest}", robot_id=None)
    await api.add_alert(metric="rule:disk_full", robot_id=None)
    got = (await api.get("viewer", "/alerts/statistics", since=START.isoformat())).json()
    assert got["by_metric"] == [{"name": "rule:disk_full", "alerts": 3, "open": 3}]
    assert len(await ids(api, metric="rule:disk_full")) == 3
    assert len(await ids(api, metric="rule:disk_full:0123456789ab")) == 1


async def test_what_is_stale_or_was_worse_is_told_and_filtered(api: Api) -> None:
    stale = await api.add_alert(
        severity="warning", worst_severity="critical", repeated_at=START, stale_since=START
    )
    await api.add_alert(severity="critical", resolved=True, resolved_at=START, stale_since=START)
    assert await ids(api, stale=True) == await ids(api, severity="warning") == [stale]
    assert stale in await ids(api, worst_severity="critical")
    shown = (await api.get("viewer", f"/alerts/{stale}")).json()
    assert (shown["severity"], shown["worst_severity"]) == ("warning", "critical")
    assert shown["stale_since"] == shown["repeated_at"] is not None


async def test_statistics_of_a_range(api: Api) -> None:
    def at(minutes: int) -> datetime:
        return START + timedelta(minutes=minutes)

    await api.add_alert(created_at=at(0), metric="cpu", robot_id="r1")
    # The second fell to a warning before it was over, the third has fallen.
    for seen, over, last in ((1, 2, "critical"), (3, 10, "warning"), (8, None, "warning")):
        await api.add_alert(
            created_at=at(0),
            robot_id="r2",
            severity=last,
            worst_severity="critical",
            acknowledged=True,
            acknowledged_at=at(seen),
            resolved=over is not None,
            resolved_at=at(over) if over else None,
        )
    await api.add_alert(created_at=at(-1), robot_id="r3", severity="info")
    answer = await api.get(
        "viewer", "/alerts/statistics", since=START.isoformat(), until=at(60).isoformat()
    )
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert got["open_now"] == {"critical": 0, "warning": 2, "info": 1}
    assert (got["alerts"], got["open"]) == (4, 2)
    assert got["by_severity"] == [
        {"name": "critical", "alerts": 3, "open": 1},
        {"name": "warning", "alerts": 1, "open": 1},
    ]
    assert got["by_metric"] == [
        {"name": None, "alerts": 3, "open": 1},
        {"name": "cpu", "alerts": 1, "open": 1},
    ]
    assert [c["name"] for c in got["by_robot"]] == ["r2", "r1"]
    assert got["to_acknowledge"] == {"alerts": 3, "mean_s": 240, "median_s": 180}
    assert got["to_resolve"] == {"alerts": 2, "mean_s": 360, "median_s": 360}
    nothing = (await api.get("viewer", "/alerts/statistics", robot_id="tonypi_01")).json()
    assert nothing["to_resolve"] == {"alerts": 0, "mean_s": None, "median_s": None}
    assert nothing["by_robot"] == []


async def test_many_are_acknowledged_with_an_answer_each(api: Api) -> None:
    one, two = await api.add_alert(), await api.add_alert(metric="cpu")
    await api.post("admin", f"/alerts/{two}/acknowledge")
    body = {"ids": [two, 999, one, one], "comment": "storm"}
    answer = await api.post("operator", "/alerts/acknowledge", body)
    assert answer.json() == {
        "items": [
            {"id": two, "outcome": "already"},
            {"id": 999, "outcome": "missing"},
            {"id": one, "outcome": "acknowledged"},
        ],
        "more": False,
    }
    got = (await api.get("viewer", f"/alerts/{one}")).json()
    assert (got["acknowledged_by"], got["comment"]) == ("operator", "storm")
    (event,) = got["timeline"]
    assert (event["kind"], event["actor"], event["note"]) == ("acknowledged", "operator", "storm")
    assert (await api.get("viewer", f"/alerts/{two}")).json()["acknowledged_by"] == "admin"
    entry = (await api.logs("api"))[-1]
    assert entry["details"] == {"username": "operator", "alerts": [one], "comment": "storm"}


async def test_many_are_acknowledged_by_a_filter(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_actions, "MOST", 2)
    made = [await api.add_alert(robot_id="r1", created_at=START + i * HOUR) for i in range(5)]
    other = await api.add_alert(robot_id="r2")
    body = {"filter": {"robot_id": ["r1"], "until": (START + 4 * HOUR).isoformat()}}
    first = (await api.post("operator", "/alerts/acknowledge", body)).json()
    assert [item["id"] for item in first["items"]] == [made[3], made[2]]
    assert first["more"]
    second = (await api.post("operator", "/alerts/acknowledge", body)).json()
    assert [item["id"] for item in second["items"]] == [made[1], made[0]]
    assert not second["more"]
    assert await ids(api, acknowledged=False) == [other, made[4]]


async def test_two_who_acknowledge_the_same_many_do_it_once(api: Api) -> None:
    made = [await api.add_alert(metric=f"m{i}") for i in range(40)]
    answers = await asyncio.gather(
        *(
            api.post(role, "/alerts/acknowledge", {"ids": made[::step]})
            for role, step in (("operator", 1), ("admin", -1)) * 3
        )
    )
    outcomes = [item["outcome"] for answer in answers for item in answer.json()["items"]]
    assert outcomes.count("acknowledged") == 40
    assert outcomes.count("already") == 200
    assert len(await api.rows("SELECT id FROM alert_timeline")) == 40


async def test_many_of_nothing(api: Api) -> None:
    for body in (
        {}, {"ids": []}, {"filter": {}}, {"ids": [1], "filter": {"robot_id": ["r1"]}},
        {"ids": [0]}, {"ids": ["1"]}, {"ids": list(range(1, 1002))}, {"filter": {"robot": ["r1"]}},
        {"filter": {"robot_id": "r1"}}, {"filter": {"resolved": "true"}},
        {"filter": {"since": "lately"}}, {"ids": [1], "comment": ""},
    ):  # fmt: skip
        assert is_problem(await api.post("operator", "/alerts/acknowledge", body), 422), body


async def test_comments_stand_in_the_timeline(api: Api) -> None:
    alert = await api.add_alert()
    for role, text in (("operator", "looking"), ("admin", "servo ordered")):
        answer = await api.post(role, f"/alerts/{alert}/comments", {"comment": text})
        assert answer.status_code == 201, answer.text
    timeline = (await api.get("viewer", f"/alerts/{alert}/timeline")).json()
    assert [(e["kind"], e["actor"], e["note"]) for e in timeline] == [
        ("commented", "operator", "looking"),
        ("commented", "admin", "servo ordered"),
    ]
    assert [e["message"] for e in await api.logs("api")] == [
        f"operator commented on alert {alert}",
        f"admin commented on alert {alert}",
    ]
    assert is_problem(await api.post("operator", f"/alerts/{alert}/comments", {}), 422)
    assert is_problem(await api.post("viewer", f"/alerts/{alert}/comments", {"comment": "x"}), 403)


async def test_nobody_overwrites_what_he_has_not_seen(api: Api) -> None:
    alert = await api.add_alert()
    read = await api.get("viewer", f"/alerts/{alert}")
    etag = read.headers["etag"]

    async def acting(verb: str, tag: str, body: Any = None) -> Any:
        path = f"/api/v1/alerts/{alert}/{verb}"
        return await api.call("operator", "POST", path, json=body, headers={"If-Match": tag})

    seen = await acting("acknowledge", f'"other", {etag}')
    assert seen.status_code == 200
    assert seen.headers["etag"] != etag
    for verb, body in (("acknowledge", None), ("resolve", None), ("comments", {"comment": "x"})):
        answer = await acting(verb, etag, body)
        assert is_problem(answer, 412)
        assert answer.headers["etag"] == seen.headers["etag"]
    assert is_problem(await acting("resolve", f"W/{seen.headers['etag']}"), 412)
    assert (await api.get("viewer", f"/alerts/{alert}")).json()["resolved"] is False
    assert (await acting("resolve", seen.headers["etag"])).status_code == 200
    assert (await acting("acknowledge", "*")).status_code == 200


async def test_who_has_the_newest_state_is_not_sent_it_again(api: Api) -> None:
    alert = await api.add_alert()
    etag = (await api.get("viewer", f"/alerts/{alert}")).headers["etag"]

    async def read() -> Any:
        headers = {"If-None-Match": etag}
        return await api.call("viewer", "GET", f"/api/v1/alerts/{alert}", headers=headers)

    same = await read()
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    await api.post("operator", f"/alerts/{alert}/acknowledge")
    assert (await read()).status_code == 200


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
    "since=lately",
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

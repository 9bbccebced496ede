"""Lists through the API: every sort, page by page, is PostgreSQL's own order."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.store.alert_reads import ALERTS
from tests.api import Api, is_problem

START = datetime(2026, 1, 31, 8, tzinfo=UTC)
FIELD = {"type": "alert_type"}
RANK = {"info": 1, "warning": 2, "critical": 3}


async def some_alerts(api: Api, count: int = 60) -> None:
    """Rows with many equal and many missing values."""
    pick = random.Random(7)
    for _ in range(count):
        over, seen = pick.random() < 0.5, pick.random() < 0.5
        await api.add_alert(
            created_at=START + timedelta(hours=pick.randrange(5)),
            starts_at=pick.choice([None, START, START + timedelta(microseconds=1)]),
            robot_id=pick.choice([None, "r1", "r2", "R10", "r10", "r-1"]),
            alert_type=pick.choice(["servo", "battery"]),
            title=pick.choice(["Servo hot", "servo hot", "Ärger"]),
            source=pick.choice([None, "servo_1", "servo_3"]),
            threshold=pick.choice([None, 60, 75.5]),
            severity=pick.choice(list(RANK)),
            metric=None,
            value=pick.choice([None, 1.5, -2.0, 0.1 + 0.2, float("nan"), float("inf")]),
            resolved=over,
            resolved_at=START + timedelta(days=1) if over else None,
            acknowledged=seen,
            acknowledged_at=START if seen else None,
        )


async def pages(api: Api, sort: str, limit: int, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = await api.get("viewer", "/alerts", sort=sort, limit=limit, **filters, **more)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return found


async def expected(api: Api, sort: str) -> list[int]:
    """By the plainest query that says the same."""
    steps = []
    for word in sort.split(","):
        name, down = word.removeprefix("-"), word.startswith("-")
        column = {
            "type": "alert_type",
            "robot_id": "robot_id COLLATE natural_order",
            "severity": "CASE severity WHEN 'info' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END",
        }.get(name, name)
        steps.append(f"{column} {'DESC' if down else 'ASC'} NULLS LAST")
    steps.append(f"id {steps[-1].split()[-3]}")
    rows = await api.rows(f"SELECT id FROM alerts ORDER BY {', '.join(steps)}")
    return [row["id"] for row in rows]


async def test_every_sort_gives_every_row_once_in_order(api: Api) -> None:
    await some_alerts(api)
    names = list(ALERTS.columns)
    sorts = [sign + name for name in names for sign in ("", "-")]
    pairs = list(itertools.permutations(sorts, 2))
    sorts += [",".join(p) for p in random.Random(3).sample(pairs, 40) if p[0][-4:] != p[1][-4:]]
    sorts += ["-severity,robot_id,-value,starts_at"]
    for sort in sorts:
        got = [alert["id"] for alert in await pages(api, sort, 7)]
        assert got == await expected(api, sort), sort


async def test_filters_and_sorts_go_together(api: Api) -> None:
    await some_alerts(api)
    got = await pages(api, "value,-id", 3, severity=["critical", "info"], resolved=False)
    rows = await api.rows(
        "SELECT id FROM alerts WHERE severity IN ('critical', 'info') AND NOT resolved"
        " ORDER BY value NULLS LAST, id DESC"
    )
    assert [alert["id"] for alert in got] == [row["id"] for row in rows]
    assert len(rows) > 3


async def test_a_cursor_goes_with_its_sort_only(api: Api) -> None:
    await some_alerts(api, 5)
    cursor = (await api.get("viewer", "/alerts", limit=2)).json()["next"]
    answer = await api.get("viewer", "/alerts", limit=2, sort="severity", cursor=cursor)
    assert is_problem(answer, 422)
    assert "another sort" in answer.json()["detail"]
    again = await api.get("viewer", "/alerts", limit=2, sort="-created_at", cursor=cursor)
    assert again.status_code == 200


@pytest.mark.parametrize("sort", ["message", "", "-", "id,id", "a.id", "id desc", "id;--", "\x00"])
async def test_a_sort_that_is_none_says_what_there_is(api: Api, sort: str) -> None:
    answer = await api.get("viewer", "/alerts", sort=sort)
    assert is_problem(answer, 422)
    assert answer.json()["errors"][0]["where"] == "query.sort"


async def test_the_document_names_the_columns(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    parameters = document["paths"]["/api/v1/alerts"]["get"]["parameters"]
    described = {p["name"]: p for p in parameters}
    assert "`resolved_at`" in described["sort"]["description"]
    assert described["sort"]["schema"]["default"] == "-created_at"

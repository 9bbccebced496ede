"""``POST /webhooks/grafana`` against a real PostgreSQL: what is taken, refused and bounded."""

import asyncio
import json
import time
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from glue import store
from glue.alerts.intake import Intake
from glue.api.app import create_app
from glue.series import Query

SECRET = "webhook-secret-of-this-test"


def alert(robot="r1", severity="warning", **changes):
    made = {
        "status": "firing",
        "labels": {
            "alertname": f"Servo temperature {severity}",
            "metric": "servo_temp",
            "robot_id": robot,
            "severity": severity,
        },
        "annotations": {},
        "startsAt": "2026-11-23T20:44:50Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"f{robot}{severity}",
        "values": {"R": 66, "W": 60, "L": 57},
    }
    return made | changes


@pytest.fixture
async def hook(ground, database, influx):
    settings = ground.settings(PGDATABASE=database.database, GLUE_WEBHOOK_SECRET=SECRET)
    looks = []
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        watch = SimpleNamespace(look_soon=lambda: looks.append(time.monotonic()))
        app = create_app(settings, pool, intake=Intake(pool, series), watch=watch)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://glue") as client:
            client.looks = looks
            client.dsn = settings.postgres.dsn
            yield client


async def post(hook, *alerts, secret=SECRET, content=None, **rest):
    body = content if content is not None else json.dumps({"alerts": list(alerts), **rest})
    headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
    return await hook.post("/webhooks/grafana", content=body, headers=headers)


def rows(hook, query="SELECT * FROM alerts ORDER BY id"):
    with psycopg.connect(hook.dsn, row_factory=dict_row) as conn:
        return conn.execute(query).fetchall()


async def test_several_alerts_in_one_post_of_robots_known_and_unknown(hook):
    answer = await post(hook, alert("a"), alert("never_registered"), alert("a", "critical"))
    assert answer.status_code == 200
    assert answer.json() | {"truncated": 0} == {
        "received": 3,
        "opened": 2,
        "resolved": 0,
        "refused": 0,
        "truncated": 0,
    }
    a, unknown = rows(hook)
    assert (a["robot_id"], a["severity"]) == ("a", "critical")
    assert (unknown["robot_id"], unknown["value"], unknown["threshold"]) == (
        "never_registered",
        66,
        60,
    )


async def test_repeats_and_reordering_leave_one_row(hook):
    cooled = {"R": 56, "W": 60, "L": 57}
    ended = alert(status="resolved", endsAt="2026-11-23T20:45:50Z", values=cooled)
    for _ in range(3):
        assert (await post(hook, alert())).status_code == 200
    await post(hook, ended)
    await post(hook, alert())
    await post(hook, ended)
    [row] = rows(hook)
    assert row["resolved"]
    assert row["resolve_reason"] == "recovered"


async def test_posts_that_come_at_once_are_recorded_in_their_order(hook):
    cooled = {"R": 56, "W": 60, "L": 57}
    ended = alert(status="resolved", endsAt="2026-11-23T20:45:50Z", values=cooled)
    again = alert(startsAt="2026-11-23T20:46:50Z")
    answers = await asyncio.gather(*(post(hook, one) for one in (alert(), ended, again, again)))
    assert [a.status_code for a in answers] == [200] * 4
    assert [row["resolved"] for row in rows(hook)] == [True, False]


async def test_resolved_without_firing_is_recorded_with_both_ends(hook):
    await post(hook, alert(status="resolved", endsAt="2026-11-23T20:45:50Z"))
    [row] = rows(hook)
    assert (row["resolved_at"] - row["starts_at"]).total_seconds() == 60


async def test_truncated_posts_ask_for_a_look(hook):
    answer = await post(hook, alert(), truncatedAlerts=7)
    assert answer.json()["truncated"] == 7
    assert len(hook.looks) == 1


async def test_datasource_errors_and_foreign_rules_are_kept(hook):
    await post(
        hook,
        alert(labels={"alertname": "DatasourceError", "rulename": "Their rule"}),
        alert(labels={"alertname": "Door open"}),
    )
    assert [r["metric"] for r in rows(hook)] == [
        "rule:datasourceerror_their_rule",
        "rule:door_open",
    ]


async def test_an_unreadable_alert_is_counted_and_the_rest_taken(hook):
    answer = await post(hook, {"status": "firing"}, alert())
    assert (answer.json()["received"], answer.json()["refused"]) == (1, 1)


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", "ünïcode"])
async def test_wrong_secret_is_401(hook, secret):
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}".encode()}
    answer = await hook.post("/webhooks/grafana", content=b"{}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert rows(hook) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"alerts": 1}', "[" * 100_000, "\x00"])
async def test_what_is_no_post_is_400(hook, content):
    answer = await post(hook, content=content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_larger_than_8_mib_is_413(hook):
    assert (await post(hook, content=b" " * (8 * 1024 * 1024 + 1))).status_code == 413


async def test_two_thousand_robots_fit_and_are_quick(hook):
    began = time.monotonic()
    answer = await post(
        hook, *(alert(f"bot_{n}", annotations={"x": "y" * 2000}) for n in range(2000))
    )
    took = time.monotonic() - began
    assert answer.json()["opened"] == 2000
    assert took < 10, f"{took:.1f} s"


async def test_postgresql_away_is_503_and_nothing_is_lost_when_it_is_back(ground, influx, hook):
    gone = ground.settings(PGPORT=9, GLUE_WEBHOOK_SECRET=SECRET)
    async with store.open_pool(gone.postgres) as pool, Query(gone.influx) as series:
        app = create_app(gone, pool, intake=Intake(pool, series))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://glue") as away:
            answer = await post(away, alert())
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert (await post(hook, alert())).status_code == 200
    assert len(rows(hook)) == 1

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
from glue.core.rules import BY_KEY
from glue.series import Query
from tests.posts import rule_url

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
        "generatorURL": rule_url(BY_KEY["servo_temp", severity].uid),
    }
    return made | changes


def foreign(name="Disk almost full", uid="", **changes):
    """Of a rule that is not ours; without a ``uid``, as Alertmanager posts it."""
    labels = {"alertname": name} | changes.pop("labels", {})
    source = rule_url(uid) if uid else "http://prometheus:9090/graph"
    return alert(labels=labels, values=None, generatorURL=source, **changes)


def ended(one):
    return one | {"status": "resolved", "endsAt": "2026-11-23T20:45:50Z"}


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


def opens(hook):
    """Title, part and whether it is open, of every alert."""
    return [(r["title"], r["source"], not r["resolved"]) for r in rows(hook)]


async def test_instances_of_one_rule_are_alerts_of_their_own(hook):
    a, b = (foreign(labels={"instance": one}) for one in ("pc-a", "pc-b"))
    await post(hook, a, b)
    await post(hook, ended(a), b)
    assert opens(hook) == [
        ("Disk almost full", "pc-a", False),
        ("Disk almost full", "pc-b", True),
    ]


async def test_titles_of_any_script_and_length_are_alerts_of_their_own(hook):
    long = "The disk of the machine in the corner is almost full"
    named = [foreign(name) for name in ("温度过高", "电池电量低", long + " a", long + " b")]
    await post(hook, *named)
    await post(hook, ended(named[0]), ended(named[2]))
    assert [(title, is_open) for title, _, is_open in opens(hook)] == [
        ("温度过高", False),
        ("电池电量低", True),
        (long + " a", False),
        (long + " b", True),
    ]


async def test_labels_that_look_like_ours_make_no_alert_of_ours(hook):
    labels = {"metric": "memory", "severity": "warning", "instance": "pc1"}
    await post(hook, foreign("Server memory", uid="theirs", labels=labels))
    assert opens(hook) == [("Server memory", "pc1", True)]


async def test_a_test_of_the_contact_point_is_no_alert(hook):
    test = foreign("TestAlert", labels={"instance": "Grafana"}) | {"generatorURL": "?orgId=1"}
    answer = await post(hook, test, receiver="glue", groupKey="glue-57c6d9296de2ad39-1764335400")
    assert (answer.status_code, answer.json()["refused"]) == (200, 0)
    assert rows(hook) == []


async def test_text_that_postgresql_does_not_keep_costs_no_alert(hook):
    odd = foreign("a\x00b", labels={"la\ud800bel": "x\x00", "robot_id": "lab pi 1"})
    answer = await post(hook, odd, alert())
    assert (answer.status_code, answer.json()["received"]) == (200, 2)
    first, second = sorted(rows(hook), key=lambda row: row["title"])
    assert (first["title"], first["robot_id"]) == ("a\ufffdb", None)
    assert first["details"]["labels"] == {
        "alertname": "a\ufffdb",
        "la\ufffdbel": "x\ufffd",
        "robot_id": "lab pi 1",
    }
    assert second["metric"] == "servo_temp"


async def test_numbers_that_postgresql_does_not_keep_cost_no_alert(hook):
    content = json.dumps({"alerts": [alert(), foreign(name="big")]})
    content = content.replace('"R": 66', '"R": NaN, "B": 1e999, "C": 9' + "9" * 400)
    assert (await post(hook, content=content)).status_code == 200
    assert len(rows(hook)) == 2


async def test_a_warning_and_a_critical_of_one_post_speak_of_the_critical_limit(hook):
    hot = alert(severity="critical", values={"R": 80, "W": 75, "L": 72})
    await post(hook, alert(values={"R": 80, "W": 60, "L": 57}), hot)
    [row] = rows(hook)
    assert (row["severity"], row["value"], row["threshold"]) == ("critical", 80, 75)
    assert row["message"] == "Servo temperature is 80 °C, above the critical limit of 75 °C."


async def test_an_alert_that_is_over_shows_and_counts_its_highest_severity(hook):
    hot = alert(severity="critical", values={"R": 80, "W": 75, "L": 72})
    cooled = {"R": 56, "W": 60, "L": 57}
    await post(hook, alert())
    await post(hook, hot)
    await post(hook, ended(hot) | {"values": cooled, "endsAt": "2026-11-23T20:45:10Z"})
    [row] = rows(hook)
    assert (row["severity"], row["worst_severity"]) == ("warning", "critical"), "it is open"
    await post(hook, ended(alert()) | {"values": cooled})
    [row] = rows(hook)
    assert (row["severity"], row["worst_severity"]) == ("critical", "critical")
    assert (row["value"], row["threshold"]) == (80, 75)
    assert row["message"] == "Servo temperature is 80 °C, above the critical limit of 75 °C."


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

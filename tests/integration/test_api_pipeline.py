"""How the pipeline is, through the API."""

from __future__ import annotations

from glue.retention import Retention
from glue.stack.probe import free_port
from glue.stack.report import pipeline
from tests.api import Api
from tests.conftest import SettingsFor


async def test_status_tells_each_loop_and_what_retention_did(
    api: Api, settings_for: SettingsFor
) -> None:
    empty = (await api.get("viewer", "/status")).json()
    assert (empty["evaluator"], empty["retention"], empty["live_streams"]) == (None, None, 0)
    await api.rows(
        "INSERT INTO heartbeats (name, beat_at, details) VALUES"
        " ('evaluator', now() - interval '9 s', '{\"evaluator\": \"standby\"}')"
    )
    await api.rows(
        "INSERT INTO system_logs (level, category, message, timestamp)"
        " VALUES ('INFO', 'api', 'old', now() - interval '40 days')"
    )
    settings = settings_for(
        PGDATABASE=api.settings.postgres.database, INFLUXDB_URL=f"http://127.0.0.1:{free_port()}"
    )
    await Retention(settings, api.pool).look()
    told = (await api.get("viewer", "/status")).json()
    assert told["evaluator"] == "standby"
    (evaluator,) = [loop for loop in told["loops"] if loop["name"] == "evaluator"]
    assert 8 < evaluator["age_s"] < 60
    assert told["retention"]["deleted"]["system_logs"] == 1
    assert "does not answer" in told["retention"]["errors"]["bucket"]
    assert told["retention"]["log_days"] == 30
    # The command tells the same.
    facts = await pipeline(settings)
    assert facts["retention"]["deleted"] == told["retention"]["deleted"]


async def test_refusals_come_with_an_example_and_its_time(
    api: Api, settings_for: SettingsFor
) -> None:
    assert (await api.get("viewer", "/refusals")).json() == {"items": [], "next": None}
    await api.rows(
        "INSERT INTO refused_messages (topic, reason, count, last_at, last_detail) VALUES"
        " ('status', 'bad_id', 3, '2026-01-01T00:00:00Z', '''a b'''),"
        " ('logs', 'not_json', 1, '2026-02-01T00:00:00Z', NULL)"
    )
    items = (await api.get("viewer", "/refusals")).json()["items"]
    assert [one["topic"] for one in items] == ["logs", "status"]
    assert items[1] == {
        "topic": "status",
        "reason": "bad_id",
        "count": 3,
        "last_at": "2026-01-01T00:00:00Z",
        "last_detail": "'a b'",
    }
    from glue.cli.stack import _last

    settings = settings_for(PGDATABASE=api.settings.postgres.database)
    # InfluxDB may hold refusals of other tests.
    told = [_last(one) for one in (await pipeline(settings))["refused"]]
    assert ", last 2026-01-01 00:00:00 UTC: 'a b'" in told

"""What goes after its time, what stays, and who is told: real PostgreSQL, each InfluxDB."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest

from glue import retention, store
from glue.retention import Retention
from glue.series import Query
from glue.series import retention as bucket
from glue.settings import Postgres, Settings
from glue.stack.probe import free_port
from glue.store import heartbeats, lock
from glue.store import retention as rows
from tests.conftest import SettingsFor

AGED = """
INSERT INTO system_logs (level, category, message, timestamp)
SELECT 'INFO', 'api', age, now() - age::interval
  FROM unnest(ARRAY['31 days', '30 days 1 minute', '29 days 23 hours', '0']) AS age;
INSERT INTO commands (id, type, asked_by, asked_at, sent_at)
SELECT gen_random_uuid(), 'stop', 'ann', now() - age::interval, now() - age::interval
  FROM unnest(ARRAY['31 days', '29 days']) AS age;
INSERT INTO command_answers (command_id, robot_id) SELECT id, 'r1' FROM commands;
INSERT INTO idempotency_keys (user_id, key, method, path, fingerprint, created_at)
SELECT 'u', age, 'POST', '/', '', now() - age::interval
  FROM unnest(ARRAY['2 days', '1 hour']) AS age;
INSERT INTO live_changes (txid, topic, key, at)
SELECT nr, 'robots', 'r1', now() - age::interval
  FROM unnest(ARRAY['3 hours', '2 hours', '1 minute']) WITH ORDINALITY AS t(age, nr);
INSERT INTO alerts (robot_id, alert_type, severity, title, created_at, resolved, resolved_at)
VALUES ('r1', 'servo', 'warning', 'old', now() - interval '9 years', true, now());
INSERT INTO reports (title, report_type, created_at)
VALUES ('old', 'system', now() - interval '9 years');
INSERT INTO users (id, username, email, password_hash) VALUES ('u', 'ann', 'a@example.org', '!');
INSERT INTO sessions (user_id, expires_at)
SELECT 'u', now() - age::interval FROM unnest(ARRAY['900 days', '-1 day']) AS age;
"""
LEFT = {
    "system_logs": 2,
    "commands": 1,
    "command_answers": 1,
    "idempotency_keys": 1,
    "alerts": 1,
    "reports": 1,
    "sessions": 1,
}


def execute(database: Postgres, statement: str) -> None:
    with psycopg.connect(database.dsn) as conn:
        conn.execute(statement)  # type: ignore[arg-type]


def counts(database: Postgres) -> dict[str, int]:
    with psycopg.connect(database.dsn) as conn:
        return {
            table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore
            for table in LEFT
        }


async def beaten(pool: store.Pool) -> dict[str, Any]:
    async with store.transaction(pool) as conn:
        return (await heartbeats.read(conn))["retention"].details


async def kept(settings: Settings) -> bucket.Kept:
    return await bucket.keep(settings.influx)


async def test_what_is_over_goes_and_the_rest_stays_and_it_is_told(
    settings: Settings, database: Postgres
) -> None:
    execute(database, AGED)
    async with store.open_pool(database) as pool:
        look = Retention(settings, pool)
        outcome = await look.look()
        assert outcome is not None and outcome.errors == {}
        assert outcome.deleted == {
            "system_logs": 2,
            "commands": 1,
            "idempotency_keys": 1,
            "live_changes": 1,  # by transaction: the newest of the old ones marks the gap
            "notification_outbox": 0,
            "sessions": 1,
        }
        assert counts(database) == LEFT
        told = await beaten(pool)
        assert (told["deleted"], told["errors"]) == (outcome.deleted, {})
        assert (told["log_days"], told["bucket_days"]) == (30, 7)
        again = await look.look()
        assert again is not None and set(again.deleted.values()) == {0}


async def test_the_buckets_retention_is_held_to_its_setting(
    settings: Settings, database: Postgres
) -> None:
    week, month = 7 * 86_400, 30 * 86_400
    longer, shorter = (
        settings.model_copy(update={"influx": settings.influx.model_copy(update={"retention": n})})
        for n in (30, 7)
    )
    try:
        async with store.open_pool(database) as pool:
            outcome = await Retention(longer, pool).look()
            assert outcome is not None and outcome.bucket == bucket.Kept(week, month)
            assert (await beaten(pool))["bucket_days_before"] == 7
        assert await kept(longer) == bucket.Kept(month, month)
        assert await kept(settings) == bucket.Kept(month, month), "nobody asked for less"
        async with store.open_pool(database) as pool:
            await Retention(settings, pool).look()
            async with store.transaction(pool) as conn:
                assert await heartbeats.kept_days(conn, settings.influx) == 30
                assert await heartbeats.kept_days(conn, shorter.influx) == 7
    finally:
        assert (await kept(shorter)).now == week
    assert await kept(settings) == bucket.Kept(week, week)
    # The points are still to be read: no policy and no bucket took the place of the first.
    async with Query(settings.influx) as series:
        await series.query('SELECT last("value") FROM "sensors"')


async def test_without_influxdb_the_rest_is_done_and_the_failure_is_told(
    settings_for: SettingsFor, database: Postgres
) -> None:
    execute(database, AGED)
    settings = settings_for(
        PGDATABASE=database.database, INFLUXDB_URL=f"http://127.0.0.1:{free_port()}"
    )
    async with store.open_pool(database) as pool:
        await Retention(settings, pool).look()
        assert counts(database) == LEFT
        told = await beaten(pool)
        assert list(told["errors"]) == ["bucket"]
        assert "does not answer" in told["errors"]["bucket"]


async def test_a_table_that_fails_does_not_keep_the_others(
    settings_for: SettingsFor, database: Postgres
) -> None:
    execute(database, AGED)
    execute(database, "ALTER TABLE system_logs RENAME TO elsewhere")
    settings = settings_for(PGDATABASE=database.database)
    async with store.open_pool(database) as pool:
        outcome = await Retention(settings, pool).look()
    assert outcome is not None
    assert "system_logs" in outcome.errors
    assert outcome.deleted["commands"] == 1


async def test_one_process_at_a_time(settings_for: SettingsFor, database: Postgres) -> None:
    execute(database, AGED)
    settings = settings_for(PGDATABASE=database.database)
    async with store.open_pool(database) as pool:
        async with lock.only_one(database.dsn, "retention") as held:
            assert held is not None
            assert await Retention(settings, pool).look() is None
            assert counts(database)["system_logs"] == 4
        both = await asyncio.gather(*(Retention(settings, pool).look() for _ in range(2)))
        assert sum(o.deleted["system_logs"] for o in both if o) == 2


async def test_many_rows_go_in_small_pieces_and_nobody_waits_for_them(
    settings_for: SettingsFor, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1000)
    execute(
        database,
        "INSERT INTO system_logs (level, category, message, timestamp)"
        " SELECT 'INFO', 'mqtt', 'x', now() - interval '40 days' FROM generate_series(1, 20500)",
    )
    settings = settings_for(PGDATABASE=database.database)
    waits: list[float] = []
    async with store.open_pool(database) as pool:
        task = asyncio.create_task(Retention(settings, pool).look())
        while not task.done():
            began = time.monotonic()
            async with store.transaction(pool) as conn:
                await conn.execute(
                    "INSERT INTO system_logs (level, category, message) VALUES ('INFO','api','y')"
                )
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
        outcome = await task
    assert outcome is not None and outcome.deleted["system_logs"] == 20500
    assert len(waits) > 20 and max(waits) < 1


async def test_sessions_go_in_small_pieces_too(database: Postgres) -> None:
    execute(
        database,
        "INSERT INTO users (id, username, email, password_hash)"
        " VALUES ('u', 'ann', 'a@example.org', '!');"
        " INSERT INTO sessions (user_id, expires_at)"
        " SELECT 'u', now() - interval '900 days' FROM generate_series(1, 25)",
    )
    async with store.open_pool(database) as pool:
        gone = []
        while not gone or gone[-1]:
            async with store.transaction(pool) as conn:
                gone.append(await rows.KINDS["sessions"](conn, 30, 10))
    assert gone == [10, 10, 5, 0]

"""The pool: transactions are whole, PostgreSQL away is one error of ours, and it comes back."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from glue import store
from glue.settings import Postgres
from glue.stack import probe


async def count(pool: store.Pool) -> int:
    async with store.transaction(pool) as conn:
        row = await (await conn.execute("SELECT count(*) FROM robots")).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_transaction_is_kept_as_a_whole_or_not_at_all(database: Postgres) -> None:
    async with store.open_pool(database) as pool:
        async with store.transaction(pool) as conn:
            await conn.execute("INSERT INTO robots (robot_id) VALUES ('kept')")

        async def fail() -> None:
            async with store.transaction(pool) as conn:
                await conn.execute("INSERT INTO robots (robot_id) VALUES ('lost')")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await count(pool) == 2


async def test_text_that_postgresql_does_not_keep_is_replaced_whoever_sent_it(
    database: Postgres,
) -> None:
    odd, kept = "a\x00b\ud800c\ud83d\ude00", "a\ufffdb\ufffdc😀"
    backslash = "\\u0000"
    async with store.open_pool(database) as pool, store.transaction(pool) as conn:
        row = await (
            await conn.execute(
                "SELECT %s::text, %s::text[], %s::jsonb",
                (odd, [odd, "é"], Jsonb({odd: [odd, {"n": 1}], "as it is": backslash})),
            )
        ).fetchone()
    assert row == (kept, [kept, "é"], {kept: [kept, {"n": 1}], "as it is": backslash})


async def test_times_are_utc_whatever_the_server_says(database: Postgres) -> None:
    async with store.open_pool(database) as pool, store.transaction(pool) as conn:
        row = await (await conn.execute("SHOW timezone")).fetchone()
    assert row == ("UTC",)


async def test_the_pool_grows_to_its_bound_and_then_says_so(
    database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glue.store.pool.WAIT", 0.3)
    small = database.model_copy(update={"pool_size": 1, "pool_max": 3})
    held = asyncio.Event()

    async def hold(pool: store.Pool) -> None:
        async with store.transaction(pool):
            await held.wait()

    async with store.open_pool(small) as pool:
        holders = [asyncio.create_task(hold(pool)) for _ in range(3)]
        while pool.get_stats().get("pool_available", 0) or pool.get_stats()["pool_size"] < 3:
            await asyncio.sleep(0.01)
        with pytest.raises(store.StoreUnavailable, match="no connection to PostgreSQL"):
            await count(pool)
        held.set()
        await asyncio.gather(*holders)
        assert await count(pool) == 1


async def test_postgresql_away_is_said_within_the_wait(
    database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glue.store.pool.WAIT", 0.5)
    away = database.model_copy(update={"port": probe.free_port()})
    began = time.monotonic()
    async with store.open_pool(away) as pool:
        with pytest.raises(store.StoreUnavailable, match="is it running"):
            await count(pool)
    assert time.monotonic() - began < 5


async def test_a_connection_cut_in_a_transaction_is_ours_and_the_next_one_works(
    database: Postgres,
) -> None:
    def cut() -> None:
        with psycopg.connect(database.dsn, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tonypi-glue' AND datname = current_database()"
            )

    async def write(pool: store.Pool) -> None:
        async with store.transaction(pool) as conn:
            await conn.execute("INSERT INTO robots (robot_id) VALUES ('lost')")
            cut()
            await conn.execute("SELECT 1")

    async with store.open_pool(database) as pool:
        with pytest.raises(store.StoreUnavailable):
            await write(pool)
        # Those that lay idle in the pool were cut too: nobody is given one of them.
        assert [await count(pool) for _ in range(5)] == [1] * 5


async def test_what_the_database_refuses_is_not_called_away(database: Postgres) -> None:
    async with store.open_pool(database) as pool:
        with pytest.raises(psycopg.errors.CheckViolation):
            async with store.transaction(pool) as conn:
                await conn.execute("UPDATE robots SET status = 'dancing'")

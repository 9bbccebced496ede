"""Changes of a real PostgreSQL, also one that cuts the connection or restarts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from glue.changes import ANYTHING, Change, Changes, Feed
from glue.settings import Postgres
from glue.stack.parts import postgres as postgres_part
from tests import programs
from tests.line import Line

WATCHED = {"robots", "users", "alert_thresholds"}


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[tuple[Changes, Feed]]:
    changes = Changes(dsn)
    with changes.subscribe(WATCHED) as feed:
        task = asyncio.create_task(changes.run())
        try:
            yield changes, feed
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert not changes.connected


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn) as conn:
        for one in statements:
            conn.execute(one)  # type: ignore[arg-type]


async def until(feed: Feed, wanted: Change, within: float = 30.0) -> list[Change]:
    """All changes up to ``wanted``."""
    seen: list[Change] = []
    deadline = time.monotonic() + within
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        seen += await feed.next(0.5)
    return seen


async def test_a_commit_is_heard_within_a_second_and_a_rollback_is_not(database: Postgres) -> None:
    async with listening(database.dsn) as (changes, feed):
        assert await feed.next(10) == [ANYTHING]
        assert changes.connected
        with psycopg.connect(database.dsn) as conn:
            conn.execute("INSERT INTO robots (robot_id) VALUES ('never')")
            conn.rollback()
        began = time.monotonic()
        execute(database.dsn, "INSERT INTO robots (robot_id) VALUES ('r1')")
        assert await feed.next(5) == [Change("robots", "r1")]
        assert time.monotonic() - began < 1
        execute(
            database.dsn,
            "UPDATE alert_thresholds SET warning_threshold = 71 WHERE metric_type = 'cpu'",
            "UPDATE robots SET last_seen = now(), heard_at = 5 WHERE robot_id = 'r1'",
            "UPDATE robots SET status = 'online' WHERE robot_id = 'r1'",
            "DELETE FROM robots WHERE robot_id = 'r1'",
        )
        # A sign of life is no change of the record; the update and the end are one hint.
        assert await feed.next(5) == [Change("alert_thresholds", None), Change("robots", "r1")]


async def test_a_heartbeat_alone_is_not_told(database: Postgres) -> None:
    execute(database.dsn, "INSERT INTO robots (robot_id, status) VALUES ('r1', 'online')")
    async with listening(database.dsn) as (_, feed):
        assert await feed.next(10) == [ANYTHING]
        execute(database.dsn, "UPDATE robots SET last_seen = now(), location = '{\"x\": 1}'")
        assert await feed.next(0.5) == []


async def test_a_whole_fleet_at_once_is_one_change(database: Postgres) -> None:
    async with listening(database.dsn) as (_, feed):
        assert await feed.next(10) == [ANYTHING]
        execute(
            database.dsn,
            "INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, 2000) AS n",
        )
        await asyncio.sleep(1)
        assert await feed.next(5) == [ANYTHING]


async def test_after_a_killed_backend_it_listens_again_and_says_so(database: Postgres) -> None:
    async with listening(database.dsn) as (_, feed):
        assert await feed.next(10) == [ANYTHING]
        for number in range(3):
            execute(
                database.dsn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tonypi-glue-changes'"
                " AND datname = current_database()",
            )
            assert await feed.next(10) == [ANYTHING]
            execute(database.dsn, f"INSERT INTO robots (robot_id) VALUES ('r{number}')")
            assert await feed.next(5) == [Change("robots", f"r{number}")]


async def test_a_cut_line_and_its_return(database: Postgres) -> None:
    async with Line("127.0.0.1", database.port) as line:
        cut = database.model_copy(update={"port": line.port})
        async with listening(cut.dsn) as (changes, feed):
            assert await feed.next(10) == [ANYTHING]
            await line.cut()
            execute(database.dsn, "INSERT INTO robots (robot_id) VALUES ('unheard')")
            assert await feed.next(1) == []
            assert not changes.connected
            await line.mend()
            assert await until(feed, ANYTHING) == [ANYTHING]
            execute(database.dsn, "INSERT INTO robots (robot_id) VALUES ('heard')")
            assert await until(feed, Change("robots", "heard"))


async def test_over_a_restart_of_postgresql() -> None:
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        fleet = cluster.create("fleet")
        async with listening(fleet.dsn) as (changes, feed):
            assert await feed.next(10) == [ANYTHING]
            await asyncio.to_thread(ground.stop, "postgres")
            assert await feed.next(1) == []
            assert not changes.connected
            part = postgres_part.part(ground.site(), programs.HASTY_POSTGRES)
            await asyncio.to_thread(ground.start, part)
            assert await until(feed, ANYTHING) == [ANYTHING]
            execute(
                fleet.dsn,
                "INSERT INTO users (id, username, email, password_hash)"
                " VALUES ('1', 'ann', 'ann@example.org', '!')",
            )
            assert await until(feed, Change("users", "ann"), 5)
    finally:
        ground.clear()

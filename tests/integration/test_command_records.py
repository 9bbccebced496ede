"""What is written of commands and their answers, against a real PostgreSQL without a broker."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue import store
from glue.commands import Commander, Order, orders
from glue.commands import commander as sessions
from glue.core import jobs as rules
from glue.core.commands import Answer
from glue.store import commands, jobs, live
from tests.api import Api

START = {"task_name": "sort", "items_total": 3}


@pytest.fixture
async def asked(api: Api) -> uuid.UUID:
    """A job that r1 was asked for just now; gives the command's id."""
    await api.rows(
        "INSERT INTO robots (robot_id, status) VALUES ('r1', 'online'), ('r2', 'online')"
    )
    sent = orders.new(Order("start_job", "r1", START, "operator"), 5)
    job = rules.asked("r1", sent.asked_at, str(sent.command_id), "sort", 3, None)
    async with store.transaction(api.pool) as conn:
        await commands.add(conn, sent)
        assert await jobs.ask(conn, job, "operator")
    return sent.command_id


async def say(api: Api, *answers: Answer) -> tuple[str, str]:
    """The states of job and command afterwards."""
    async with store.transaction(api.pool) as conn:
        await commands.answered(conn, answers)
    (row,) = await api.rows("SELECT j.status, c.state FROM jobs j, commands c")
    return row["status"], row["state"]


def said(command_id: uuid.UUID, success: bool, robot_id: str = "r1") -> Answer:
    return Answer(robot_id, command_id, success, "words", datetime.now(UTC))


async def test_a_refusal_of_the_robot_fails_the_job(api: Api, asked: uuid.UUID) -> None:
    assert await say(api, said(asked, False)) == ("failed", "refused")


async def test_another_robots_refusal_is_none(api: Api, asked: uuid.UUID) -> None:
    assert await say(api, said(asked, False, "r2")) == ("active", "sent")
    both = said(asked, True), said(asked, False, "r2")
    assert await say(api, *both) == ("active", "answered")


async def test_after_a_yes_a_no_does_not_count(api: Api, asked: uuid.UUID) -> None:
    assert await say(api, said(asked, True), said(asked, False)) == ("active", "answered")
    assert await say(api, said(asked, False)) == ("active", "answered")


async def test_a_record_that_is_owed_is_not_lost_while_another_is_paid(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "OWED_MOST", 2)
    commander = Commander(api.settings, api.pool)
    written: list[str] = []

    async def away(conn: Any) -> None:
        raise store.StoreUnavailable("away")

    def record(name: str) -> Any:
        async def write(conn: Any) -> None:
            if not written and name == "one":
                # PostgreSQL goes away again for others while this one is being written.
                monkeypatch.setattr(commander, "_write", away)
                await commander.keep(record("three"), 1)
                monkeypatch.undo()
            written.append(name)

        return write

    monkeypatch.setattr(commander, "_write", away)
    for name in ("one", "two"):
        await commander.keep(record(name), 1)
    monkeypatch.undo()
    await commander._pay()
    assert written == ["one", "two", "three"]


async def test_changes_of_one_large_transaction_do_not_stay_for_ever(api: Api) -> None:
    insert = (
        "INSERT INTO live_changes (txid, topic, key, at)"
        " SELECT %(txid)s, 'alerts', n::text, now() - interval '2 h'"
        " FROM generate_series(1, %(count)s) n"
    )
    await api.rows("DELETE FROM live_changes")
    for txid, count in ((1, 30), (2, 3), (3, 1)):
        await api.rows(insert, txid=txid, count=count)
    removed = []
    for _ in range(3):
        async with store.transaction(api.pool) as conn:
            removed.append(await live.prune(conn, timedelta(hours=1).total_seconds(), 10))
    assert removed == [30, 3, 0], "the newest of the old ones marks the gap"

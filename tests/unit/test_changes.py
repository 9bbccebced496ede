"""A subscriber's changes: coalesced, bounded, and never waited for in vain."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from psycopg import Notify

from glue.changes import ANYTHING, Change, Changes
from glue.store.changes import _change


def said(changes: Changes, *told: Change) -> None:
    changes._tell(list(told))


async def test_all_that_wait_come_at_once_each_once_in_order() -> None:
    changes = Changes("")
    with changes.subscribe({"robots", "users"}) as feed:
        said(changes, Change("robots", "r2"), Change("users", "ann"), Change("robots", "r2"))
        said(changes, Change("alerts", "1"), Change("robots", "r1"))
        expected = [Change("robots", "r2"), Change("users", "ann"), Change("robots", "r1")]
        assert await feed.next(1) == expected
        assert await feed.next(0.01) == []


async def test_who_is_slow_is_told_to_look_at_everything() -> None:
    changes = Changes("")
    with changes.subscribe({"robots"}, most=3) as slow, changes.subscribe({"robots"}) as quick:
        said(changes, *(Change("robots", f"r{n}") for n in range(10)))
        assert await slow.next(1) == [ANYTHING]
        assert len(await quick.next(1)) == 10
        said(changes, Change("robots", "r1"))
        assert await slow.next(1) == [Change("robots", "r1")]


async def test_anything_stands_for_what_waited_and_what_comes() -> None:
    changes = Changes("")
    with changes.subscribe({"robots"}) as feed:
        said(changes, Change("robots", "r1"), ANYTHING, Change("robots", "r2"))
        assert await feed.next(1) == [ANYTHING]


async def test_a_wait_ends_with_the_change_and_after_the_end_nothing_is_kept() -> None:
    changes = Changes("")
    with changes.subscribe({"robots"}) as feed:
        waiting = asyncio.create_task(feed.next(10))
        await asyncio.sleep(0)
        began = time.monotonic()
        said(changes, Change("robots", "r1"))
        assert await waiting == [Change("robots", "r1")]
        assert time.monotonic() - began < 5
    said(changes, Change("robots", "r2"))
    assert await feed.next(0.01) == []


async def test_a_cancel_that_comes_with_a_change_is_not_swallowed() -> None:
    changes = Changes("")
    with changes.subscribe({"robots"}) as feed:
        waiting = asyncio.create_task(feed.next(10))
        await asyncio.sleep(0)
        said(changes, Change("robots", "r1"))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # Nor is the change lost to who comes after it.
        assert await feed.next(1) == [Change("robots", "r1")]


@pytest.mark.parametrize(
    "payload",
    ["", "robots", "[]", "{}", '{"table": 1, "key": "a"}', '{"table": "a"}', "[" * 7000],
)
def test_what_our_triggers_did_not_write_is_no_change(payload: str) -> None:
    assert _change(Notify("tonypi_changes", payload, 1)) is None


def test_a_row_without_a_key_is_one() -> None:
    payload = json.dumps({"table": "alert_thresholds", "key": None})
    assert _change(Notify("tonypi_changes", payload, 1)) == Change("alert_thresholds", None)

"""Posts that wait are written together, and each is answered for itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from glue import store
from glue.alerts import gather
from glue.alerts.gather import Gather
from glue.alerts.intake import Outcome
from glue.core.episodes import Change, Episode, Observation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def seen(robot: str) -> Observation:
    return Observation("cpu", robot, "warning", True, NOW, NOW, "push")


class Slow:
    """An intake that is told when to go on; the robot ``bad`` cannot be stored."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go_on = asyncio.Event()
        self.away = False

    async def take(self, given, vanished) -> Outcome:
        self.batches.append([o.robot_id for o in given])
        await self.go_on.wait()
        if self.away:
            raise store.StoreUnavailable("PostgreSQL is away")
        if any(o.robot_id == "bad" for o in given):
            raise ValueError("bad")
        opened = [
            Change("opened", Episode(1, *o.pair, "warning", NOW), NOW, "warning", o) for o in given
        ]
        return Outcome(opened, len(given))


async def posted(intake: Slow, *robots: str) -> list[object]:
    """What became of one post for each robot; all come while the first is written."""
    posts = Gather(intake)
    tasks = []
    for robot in robots:
        tasks.append(asyncio.create_task(posts.take([seen(robot)], frozenset())))
        await asyncio.sleep(0.01)
    intake.go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_waits_while_one_is_written_goes_together():
    intake = Slow()
    found = await posted(intake, "r1", "r2", "r3", "r4")
    assert intake.batches == [["r1"], ["r2", "r3", "r4"]]
    assert [[c.episode.robot_id for c in one.changes] for one in found] == [
        ["r1"],
        ["r2"],
        ["r3"],
        ["r4"],
    ]


async def test_a_batch_has_an_end(monkeypatch):
    monkeypatch.setattr(gather, "MOST", 2)
    intake = Slow()
    await posted(intake, "r1", "r2", "r2", "r3")
    assert intake.batches == [["r1"], ["r2", "r2"], ["r3"]]


async def test_a_post_that_cannot_be_stored_fails_alone():
    intake = Slow()
    found = await posted(intake, "r1", "r2", "bad", "r3")
    assert [isinstance(one, Outcome) for one in found] == [True, True, False, True]


async def test_without_postgresql_all_are_told_so_and_tried_once():
    intake = Slow()
    intake.away = True
    found = await posted(intake, "r1", "r2", "r3")
    assert all(isinstance(one, store.StoreUnavailable) for one in found)
    assert intake.batches == [["r1"], ["r2", "r3"]]


async def test_who_gives_up_does_not_take_the_others_along():
    intake = Slow()
    posts = Gather(intake)
    first = asyncio.create_task(posts.take([seen("r1")], frozenset()))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(posts.take([seen("r2")], frozenset()))
    await asyncio.sleep(0.01)
    first.cancel()
    intake.go_on.set()
    assert (await second).seen == 1
    with pytest.raises(asyncio.CancelledError):
        await first
    assert intake.batches == [["r1"], ["r2"]]

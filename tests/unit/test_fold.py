"""A batch of robots' messages folded into what to write."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.broker import Message
from glue.core.robot_time import RobotClocks
from glue.events.fold import MAX_WORDS, Listening, Memory, Opened, Work, fold, opened
from glue.store.robots import Known

START = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
KNOWN = {"r1": Known("r1", "accepted")}


def said(topic: str, at: float, arrival: float, **more: Any) -> Opened:
    """A message of r1; times in seconds after START, ``at`` on the robot's clock."""
    stamp = (START + timedelta(seconds=at)).replace(tzinfo=None).isoformat()
    payload = json.dumps({"robot_id": "r1", "timestamp": stamp, **more}).encode()
    when = (START + timedelta(seconds=arrival)).timestamp()
    return opened(Message(topic, payload, arrived=arrival, at=when))


def status(at: float, arrival: float, word: str = "online") -> Opened:
    return said("tonypi/status/r1", at, arrival, status=word)


def line(at: float, arrival: float) -> Opened:
    return said("tonypi/logs/r1", at, arrival, level="info", message="m")


def folded(*batch: Opened, memory: Memory | None = None) -> Work:
    return fold(batch, KNOWN, RobotClocks(), Listening(), memory or Memory(), 5)


def will(arrival: float) -> Opened:
    """The last will, written when the robot connected."""
    return status(0, arrival, "offline")


@pytest.mark.parametrize(
    "before",
    [
        [status(300, 300)],
        [status(300, 300), line(-600, 300)],
        # A queue that the robot works off: it goes on at a clock's pace.
        [status(300, 300), line(-600, 300), line(-599, 300.1), line(-598, 300.2)],
        [line(300, 300), line(-600, 300)],
    ],
)
def test_a_last_will_after_queued_messages_is_no_goodbye(before: list[Opened]) -> None:
    work = folded(*before, will(400))
    assert work.heard["r1"].status != "offline"
    assert not work.heard["r1"].clean_offline
    later = folded(will(401), memory=Memory(spoken=work.spoken))
    assert "r1" not in later.heard


def test_a_goodbye_after_queued_messages_is_one() -> None:
    work = folded(status(300, 300), line(-600, 300), status(305, 305, "offline"))
    assert work.heard["r1"].clean_offline


def test_a_clock_that_was_set_back_shows_in_the_statuses() -> None:
    work = folded(status(7200, 0), line(5, 5), status(10, 10), line(15, 15), status(20, 20))
    work = folded(status(30, 30, "offline"), memory=Memory(spoken=work.spoken))
    assert work.heard["r1"].clean_offline


def test_unknown_words_for_a_status_are_counted_once_and_take_no_more_than_so_much() -> None:
    words = [f"word {n}" for n in range(MAX_WORDS + 50)]
    batch = [status(n, n, word) for n, word in enumerate(words + words)]
    work = folded(*batch)
    assert len(work.refusals) == len(work.words) == MAX_WORDS + 1
    assert f"more than {MAX_WORDS} such words" in work.refusals[-1].detail
    again = folded(*batch, memory=Memory(words=work.words))
    assert not again.refusals and not again.words

"""Listeners and tickets: bounded, filtered, good for once."""

from __future__ import annotations

import pytest

from glue.api.live.listener import WAITING_MAX, Listener, news
from glue.api.live.tickets import GOOD_FOR, OF_USER_MAX, Tickets
from glue.store.live import BadPosition, Position, read_position

HERE, THERE = Position(5, 100), Position(5, 200)


async def test_a_listener_is_told_his_topics_and_his_robot_and_where_he_is_then() -> None:
    listener = Listener("ann", ["alerts"], "r1")
    told = [
        news("alerts", "r1", "alert", "1", HERE),
        news("alerts", "r2", "alert", "2", HERE),
        news("robots", "r1", "robot", "3", HERE),
        news("alerts", None, "alert_removed", "4", HERE),
    ]
    listener.tell(told, THERE)
    blocks = (await listener.next(1)).decode().split("\r\n\r\n")
    assert blocks == [
        "id: 5-100\r\nevent: alert\r\ndata: 1",
        "id: 5-100\r\nevent: alert_removed\r\ndata: 4",
        "id: 5-200",
        "",
    ]
    assert await listener.next(0.01) == b""


async def test_who_is_too_slow_is_cut_off_and_keeps_nothing() -> None:
    listener = Listener("ann", ["alerts"])
    one = news("alerts", "r1", "alert", "1", HERE)
    listener.tell([one] * WAITING_MAX, HERE)
    assert not listener.slow
    listener.tell([one], THERE)
    assert listener.slow
    assert await listener.next(1) == b""
    assert listener.position == HERE
    listener.tell([one], THERE)
    assert await listener.next(0.01) == b""


def test_a_position_is_read_back_and_nothing_else_is() -> None:
    assert read_position(str(HERE)) == HERE
    for wrong in ("", "5", "5-", "-5-1", "5-1x", "5-1\n", "5-" + "9" * 19, "۵-۱"):
        with pytest.raises(BadPosition):
            read_position(wrong)


def test_a_ticket_is_good_for_once_and_for_half_a_minute() -> None:
    now = 0.0
    tickets = Tickets(lambda: now)
    ticket = tickets.give("token")
    assert tickets.take("another") is None
    assert tickets.take(ticket) == "token"
    assert tickets.take(ticket) is None
    late = tickets.give("token")
    now = GOOD_FOR
    assert tickets.take(late) is None
    assert tickets.take("\ud800") is None


def test_tickets_are_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glue.api.live.tickets.OUTSTANDING_MAX", 3)
    tickets = Tickets(lambda: 0.0)
    given = [tickets.give(f"token {n}") for n in range(5)]
    assert [tickets.take(one) for one in given] == [None, None, "token 2", "token 3", "token 4"]


def test_one_users_tickets_push_out_no_others() -> None:
    kept = Tickets()
    other = kept.give("t", "ada")
    mine = [kept.give("m", "bob") for _ in range(OF_USER_MAX + 1)]
    assert kept.take(other) == "t"
    assert (kept.take(mine[0]), kept.take(mine[-1])) == (None, "m")

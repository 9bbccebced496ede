"""When people are told that PostgreSQL is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from glue.core import database_outage as outages
from glue.core.database_outage import Outage

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_outage_lasts_from_the_first_miss_to_the_return():
    outage = outages.seen(None, False, T0)
    assert outage == Outage(T0)
    assert outages.seen(outage, False, T0 + MINUTE) == outage
    assert outages.seen(outage, True, T0 + MINUTE) is None
    assert outages.seen(None, True, T0) is None


def test_a_short_one_is_not_told_and_a_long_one_is_tried_again_ever_more_slowly():
    outage = Outage(T0)
    assert not outages.to_be_told(outage, T0 + MINUTE - timedelta(seconds=1), MINUTE)
    now = T0 + MINUTE
    waits = []
    for _ in range(8):
        assert outages.to_be_told(outage, now, MINUTE)
        outage = outages.tried(outage, now)
        assert not outages.to_be_told(outage, now, MINUTE)
        assert outage.next_try is not None
        waits.append((outage.next_try - now).total_seconds())
        now = outage.next_try
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_who_knows_is_remembered_whatever_else_is_tried():
    outage = outages.told(outages.tried(outages.told(Outage(T0), "ops"), T0), "ann")
    assert (outage.told, outage.tries) == (("ops", "ann"), 1)


def test_the_messages_say_since_when_in_the_fleets_zone():
    began = outages.began(Outage(T0), T0 + timedelta(seconds=61), "Europe/Berlin")
    assert "2026-03-01 13:00:00 CET (61 s)" in began.body
    ended = outages.ended(Outage(T0), T0 + timedelta(hours=3), "UTC")
    assert "to 2026-03-01 15:00:00 UTC (3 h)" in ended.body

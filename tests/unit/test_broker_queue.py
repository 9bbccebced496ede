"""The broker's queue: growth, minutes left, the bound, drops through restarts; and its words."""

from datetime import UTC, datetime, timedelta

import pytest

from glue.core import broker_queue, queue_words
from glue.core.broker_queue import Arrivals, Drops, Growth, Limits, Readers, Report

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(1_000_000, 512 << 20)


def reported(seconds, messages=0, size=0, dropped=0, uptime=None):
    at = T0 + timedelta(seconds=seconds)
    return Report(at, messages, size, dropped, 1000.0 + seconds if uptime is None else uptime)


def drops(*reports):
    found = Drops()
    for one in reports:
        found = found.after(one, watched_s=3.0)
    return found


def test_drops_are_counted_from_the_first_of_a_loss():
    found = drops(
        reported(0),
        reported(5),
        reported(10, dropped=7),
        reported(15, dropped=7),
        reported(20, dropped=9),
    )
    assert (found.total, found.count) == (9, 9)
    assert (found.since, found.last) == (T0 + timedelta(seconds=10), T0 + timedelta(seconds=20))
    later = found.after(reported(3600, dropped=10), 3600.0)
    assert (later.total, later.count, later.since) == (10, 1, T0 + timedelta(hours=1))


@pytest.mark.parametrize(
    ("counter", "uptime", "total"),
    [
        (0, 3, 100),  # restarted, nothing dropped since
        (40, 3, 140),  # restarted, and dropped again
        (150, 3, 250),  # ... more than before it restarted
        (150, 1010, 150),  # the same broker
        (40, 2000, 140),  # another broker under the same address, or the counter was set back
    ],
)
def test_a_restarted_broker_begins_its_counter_anew_and_ours_goes_on(counter, uptime, total):
    before = drops(reported(-5), reported(0, dropped=100))
    assert before.after(reported(10, dropped=counter, uptime=uptime), 10.0).total == total


@pytest.mark.parametrize(
    ("uptime", "watched_s", "new"),
    [
        (864_000.0, 3.0, 0),  # an adopted broker, or a new database beside one that runs
        (40.0, 60.0, 4321),  # it started while we watched: all of them are of now
    ],
)
def test_what_a_broker_dropped_before_the_first_look_is_no_loss_of_now(uptime, watched_s, new):
    # The broker was silent at the looks before, which were written down too.
    before = broker_queue.drops_of(broker_queue.drops_as_json(Drops()))
    found = before.after(reported(0, dropped=4321, uptime=uptime), watched_s)
    assert (found.total, found.count) == (new, new)
    later = found.after(reported(5, dropped=4330, uptime=uptime + 5), watched_s + 5)
    assert (later.total, later.count) == (new + 9, new + 9)
    assert later.last == T0 + timedelta(seconds=5)


def test_drops_outlast_the_process_that_counted_them():
    found = drops(reported(0), reported(5, dropped=3))
    assert found.total == 3
    assert broker_queue.drops_of(broker_queue.drops_as_json(found)) == found
    assert broker_queue.drops_of({}) == Drops()


@pytest.mark.parametrize(
    ("reports", "minutes"),
    [
        ([reported(0, 100), reported(10, 900)], None),  # too short to tell
        ([reported(0, 5000), reported(30, 5000)], None),
        ([reported(0, 5000), reported(30, 100)], None),  # it drains
        ([reported(0, 0), reported(30, 100_000)], 4.5),
        ([reported(0, 0, 0), reported(20, 1000, 256 << 20)], 1 / 3),  # bytes are the bound
        (
            [reported(0, 0), reported(30, 900_000), reported(60, 900_000)],
            None,
        ),  # the last half minute counts
        ([reported(0, 900_000), reported(30, 1_020_000)], 0.0),
    ],
)
def test_minutes_left_are_those_of_the_growth_of_the_last_half_minute(reports, minutes):
    growth = Growth()
    for one in reports:
        growth.add(one)
    left = broker_queue.minutes_left(reports[-1], growth.a_second, LIMITS)
    assert left == (None if minutes is None else pytest.approx(minutes))


@pytest.mark.parametrize(
    ("readings", "events", "answers", "buffer", "bound"),
    [
        (2.0, 1.0, True, 300, ""),
        (None, None, True, None, ""),
        (2.0, 1.0, False, None, "InfluxDB, which does not answer"),
        (90.0, 1.0, True, 100, "Telegraf"),
        (90.0, 1.0, True, None, "Telegraf"),
        (90.0, 90.0, True, 40_000, "InfluxDB, for which Telegraf waits"),
        (2.0, 90.0, True, 300, "the glue"),
    ],
)
def test_the_bound_is_the_part_that_does_not_keep_up(readings, events, answers, buffer, bound):
    assert broker_queue.bound(Readers(readings, events, answers, buffer)) == bound


def test_readings_that_stopped_to_arrive_are_telegrafs_and_have_no_age():
    readers = Readers(None, 1.0, True, None, stopped=True)
    assert broker_queue.bound(readers) == "Telegraf"


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def looked(*looks):
    """``looks``: second of the look, second at which the newest heartbeat was sent, expected."""
    found = Arrivals()
    for now, newest, expected in looks:
        found.look(None if newest is None else at(newest), at(now), expected)
    return found


@pytest.mark.parametrize(
    ("looks", "now", "age"),
    [
        ([], 0, None),
        ([(0, None, True), (5, None, True)], 5, None),
        ([(0, -3600, True)], 0, None),  # the glue was away for an hour
        ([(0, -3600, True), (5, 3, True)], 5, 2.0),
        ([(0, -90, True), (5, -86, True)], 5, 91.0),  # late, and moving
        ([(0, -2, True), (5, 3, True), (10, 3, False)], 10, 7.0),
        ([(0, -2, True), (5, 3, True), (300, 3, False)], 300, None),  # the broker was away
        ([(0, -2, True), (5, 3, True), (300, None, False)], 300, None),  # InfluxDB was
        ([(0, -2, True), (5, 3, True), (300, 3, False), (305, 304, True)], 305, 1.0),
    ],
)
def test_readings_have_an_age_while_they_arrive(looks, now, age):
    assert looked(*looks).age(at(now)) == age


@pytest.mark.parametrize(
    ("looks", "stopped"),
    [
        ([(0, -3600, True)], False),
        ([(0, -2, True), (5, 3, True), (34, 3, True)], False),
        ([(0, -2, True), (5, 3, True), (35, 3, True)], True),  # heartbeats return, and none arrives
        ([(0, -2, True), (5, 3, True), (35, 3, True), (40, 38, True)], False),
        ([(0, -2, True), (5, 3, True), (35, 3, False)], False),
        ([(0, -2, True), (5, 3, True), (300, 3, False), (305, 3, True)], False),
    ],
)
def test_readings_stopped_only_if_they_should_have_come(looks, stopped):
    assert looked(*looks).stopped(at(looks[-1][0])) == stopped


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"17", 17.0), (b"123 seconds", 123.0), (b"", None), (b"mosquitto version 2", None),
     (b"\xff", None)],
)  # fmt: skip
def test_values_of_the_broker_are_numbers_with_or_without_a_unit(payload, value):
    assert broker_queue.number(payload) == value


def test_what_is_retained_is_not_in_the_queue_and_half_a_report_is_none():
    values = {broker_queue.MESSAGES: 60.0, broker_queue.BYTES: 900.0, broker_queue.UPTIME: 7.0}
    assert broker_queue.report(values, T0) == Report(T0, 60, 900, 0, 7.0)
    values |= {broker_queue.RETAINED: 50.0, broker_queue.DROPPED: 3.0}
    assert broker_queue.report(values, T0) == Report(T0, 10, 900, 3, 7.0)
    del values[broker_queue.UPTIME]
    assert broker_queue.report(values, T0) is None


DETAILS = {
    "lag_s": 85.2,
    "events_lag_s": 1.0,
    "messages": 250_000,
    "messages_limit": 1_000_000,
    "bytes": 50 << 20,
    "bytes_limit": 512 << 20,
    "growth": 5000.0,
    "minutes_left": 2.5,
    "bound": "Telegraf",
    "buffer": 100,
    "dropped": 12,
    "dropped_since": T0.isoformat(),
    "dropped_last": T0.isoformat(),
    "dropped_total": 20,
}


def queue(age=timedelta(seconds=3), after=timedelta(seconds=3), **changed):
    now = T0 + after
    return queue_words.current(DETAILS | changed, now - age, now)


def test_status_says_how_late_how_full_until_when_by_whom_and_what_was_dropped():
    assert queue_words.sentences(queue()) == [
        "readings: the newest are 85 s old, late: so are alerts on them",
        "queue: 250,000 of 1,000,000 messages, 50 of 512 MiB (25 % full), grows by 5,000 a second,"
        " full in 2 min",
        "bound: Telegraf",
        "dropped by the broker: 12 since 2026-01-01 00:00:00 UTC; 20 messages in all",
    ]


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (
            {"lag_s": 2.0, "minutes_left": None, "dropped_total": 0},
            ["readings: the newest are 2 s old",
             "queue: 250,000 of 1,000,000 messages, 50 of 512 MiB (25 % full)"],
        ),
        (
            {"after": timedelta(hours=1), "lag_s": None, "messages": None, "minutes_left": None},
            ["readings: their age is not known", "queue: the broker says nothing of it",
             "dropped by the broker: 20 messages in all, the last at 2026-01-01 00:00:00 UTC"],
        ),
        (
            {"age": timedelta(minutes=5), "dropped_total": 0},
            ["readings: their age is not known", "queue: the broker says nothing of it"],
        ),
    ],
)  # fmt: skip
def test_status_says_what_is_known_and_no_more(changed, lines):
    assert queue_words.sentences(queue(**changed)) == lines


@pytest.mark.parametrize(
    ("metric", "changed", "words"),
    [
        ("cpu", {}, " Readings are 85 s late at present, and so is this alert."),
        ("cpu", {"lag_s": 20.0}, ""),
        ("cpu", {"lag_s": None}, ""),
        ("silence", {}, ""),
        ("lag", {}, " The bound is Telegraf."),
        ("queue", {"dropped": 0, "bound": ""}, ""),
        ("dropped", {}, " The loss began at 2026-01-01 00:00:00 UTC. The bound is Telegraf."),
    ],
)
def test_an_alert_says_that_it_is_late_and_who_is_the_bound(metric, changed, words):
    assert queue_words.note(metric, queue(**changed)) == words


def test_pages_with_alerts_warn_while_readings_are_late():
    warning = "Readings are 85 s late, and so are alerts on them. The bound is Telegraf."
    assert queue_words.warning(queue()) == warning
    assert queue_words.warning(queue(lag_s=20.0)) == ""
    assert queue_words.warning(queue(bound="")) == warning.removesuffix(" The bound is Telegraf.")

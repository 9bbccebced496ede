"""Maintenance windows: when robots are looked after, in the local time of a place.

A window says when it first starts and ends, as a clock on the wall there shows it; a repeating one
does so again on weekdays, every so many weeks, until a last day. Its occurrences follow the wall
clock, so one from 22:00 to 02:00 does that in summer and in winter, whatever the hours between are.
A time that the clocks skip is read with the offset before it (RFC 5545, 3.3.5: 02:30 is 03:30), at
start and end alike; one that they show twice is the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

LONGEST_ONCE = timedelta(days=366)
LONGEST_REPEATED = timedelta(days=7)


@dataclass(frozen=True)
class Schedule:
    """``start`` and ``end`` are of the first occurrence, without a zone of their own. ``weekdays``
    (1 is Monday) are those on which it starts; none: it happens once. ``every_weeks`` 2 is every
    other week, counted from the week of ``start``. ``last_day`` is the last on which it starts."""

    zone: str
    start: datetime
    end: datetime
    weekdays: frozenset[int] = frozenset()
    every_weeks: int = 1
    last_day: date | None = None


@dataclass(frozen=True)
class Occurrence:
    """From ``starts_at`` until ``ends_at``, both aware."""

    starts_at: datetime
    ends_at: datetime


def mistake(schedule: Schedule, now: datetime) -> str:
    """Why ``schedule`` makes no sense at ``now``; '' when it does. Its zone is one that
    :mod:`zoneinfo` knows."""
    zone = ZoneInfo(schedule.zone)
    length = schedule.end - schedule.start
    if length <= timedelta():
        return "the end is not after the start"
    if not schedule.weekdays and length > LONGEST_ONCE:
        return "longer than a year"
    if not schedule.weekdays and moment(schedule.end, zone) <= moment(schedule.start, zone):
        return "the end is not after the start: the clocks skip the hour in which it starts"
    if schedule.weekdays and length > LONGEST_REPEATED:
        return "one that repeats lasts a week at most"
    if schedule.weekdays and schedule.last_day and schedule.last_day < schedule.start.date():
        return "the last day is before the start"
    if not next_ones(schedule, now, 1):
        return "all of it is in the past"
    return ""


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """When a clock in ``zone`` first shows ``local``, in UTC; of a time that it skips, when it
    would have, had it not jumped."""
    # With fold=0, zoneinfo takes the offset before a jump in either direction (PEP 495).
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def occurrences(schedule: Schedule, after: datetime) -> Iterator[Occurrence]:
    """Those that end after ``after``, in their order; of a repeating one without a last day there
    is no end to them. Raises nothing for a zone that :mod:`zoneinfo` knows."""
    zone = ZoneInfo(schedule.zone)
    for day in _days(schedule, after.astimezone(zone).date()):
        shift = day - schedule.start.date()
        try:
            starts = moment(schedule.start + shift, zone)
            ends = moment(schedule.end + shift, zone)
        except OverflowError:  # the calendar ends
            return
        # Where only its start is skipped, it may begin after its end: it is as long as ever.
        if ends <= starts:
            ends = starts + (schedule.end - schedule.start)
        if ends > after:
            yield Occurrence(starts, ends)


def _days(schedule: Schedule, today: date) -> Iterator[date]:
    first = schedule.start.date()
    if not schedule.weekdays:
        yield first
        return
    week = first - timedelta(days=first.isoweekday() - 1)
    # One that began a week ago may go on; a day more, for zones.
    begun = today - LONGEST_REPEATED - timedelta(days=1)
    step = timedelta(weeks=schedule.every_weeks)
    week += max(0, (begun - week) // step) * step
    while True:
        for weekday in sorted(schedule.weekdays):
            try:
                day = week + timedelta(days=weekday - 1)
            except OverflowError:
                return
            if schedule.last_day is not None and day > schedule.last_day:
                return
            if day >= first:
                yield day
        try:
            week += step
        except OverflowError:
            return


def to_keep(schedule: Schedule, after: datetime, ahead: timedelta, least: int) -> list[Occurrence]:
    """The occurrences of the time ``ahead`` from ``after`` on, and at any rate the ``least``
    next."""
    until = after + ahead
    kept: list[Occurrence] = []
    for one in occurrences(schedule, after):
        if len(kept) >= least and one.starts_at >= until:
            break
        kept.append(one)
    return kept


def next_ones(schedule: Schedule, after: datetime, count: int) -> list[Occurrence]:
    """At most ``count``, the one that goes on among them."""
    return list(islice(occurrences(schedule, after), count))

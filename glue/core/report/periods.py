"""Stretches of time in a zone: the days of a period, and the period before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, get_args

from glue.core.report.content import Period
from glue.settings.durations import BadDuration, duration

Covers = Literal["day", "week", "month"]

WINDOWS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
MOST_WINDOWS = 400
"""Points of a line: more than a page shows."""


def days(period: Period, zone: tzinfo) -> list[Period]:
    """From one local midnight to the next, 23 to 25 hours; the first and the last may be less."""
    found = []
    begin = period.since.astimezone(UTC)
    until = period.until.astimezone(UTC)
    while begin < until:
        end = min(midnight(begin.astimezone(zone), 1).astimezone(UTC), until)
        found.append(Period(since=begin, until=end))
        begin = end
    return found


def midnight(at: datetime, later: int = 0) -> datetime:
    """The begin of the local day of ``at``, or of one so many days later."""
    day = at.date() + timedelta(days=later)
    begin = datetime(day.year, day.month, day.day, tzinfo=at.tzinfo)
    # Where the clocks skip midnight, the day begins when they go on.
    return begin.astimezone(UTC).astimezone(at.tzinfo)


def before(period: Period, zone: tzinfo) -> Period:
    """As long a time that ends where ``period`` begins; whole local days, weeks or months where
    ``period`` is one."""
    since, until = (at.astimezone(zone) for at in (period.since, period.until))
    if since == midnight(since) and until == midnight(until):
        if since.day == until.day == 1:
            months = (until.year - since.year) * 12 + until.month - since.month
            begin = month(since, -months)
        else:
            begin = midnight(since, (since.date() - until.date()).days)
        return Period(since=begin.astimezone(UTC), until=period.since)
    return Period(since=period.since - (period.until - period.since), until=period.since)


def last(covers: Covers, at: datetime, zone: tzinfo) -> Period:
    """The whole day, seven days or calendar month that is over at ``at``."""
    today = midnight(at.astimezone(zone))
    if covers == "month":
        first = midnight(today.replace(day=1))
        since, until = month(first, -1), first
    else:
        since, until = midnight(today, -7 if covers == "week" else -1), today
    return Period(since=since.astimezone(UTC), until=until.astimezone(UTC))


def named(name: str, at: datetime, zone: tzinfo) -> Period:
    """As :func:`last`; ``yesterday``, ``today`` until ``at``, or a duration until ``at``. Raises
    ``ValueError``."""
    if name in get_args(Covers):
        return last(name, at, zone)  # type: ignore[arg-type]
    if name == "yesterday":
        return last("day", at, zone)
    if name == "today":
        return Period(since=midnight(at.astimezone(zone)).astimezone(UTC), until=at)
    try:
        return Period(since=at - duration(name), until=at)
    except (BadDuration, OverflowError):
        raise ValueError(
            f"{name!r} is none of day, week, month, today, yesterday, and no duration like 24h"
        ) from None


def month(first: datetime, later: int) -> datetime:
    """The begin of the month so many months after that of ``first``."""
    months = first.year * 12 + first.month - 1 + later
    return midnight(first.replace(year=months // 12, month=months % 12 + 1, day=1))


def window(period: Period) -> int:
    """Seconds of a point of a line, so that there are at most :data:`MOST_WINDOWS`."""
    seconds = (period.until - period.since).total_seconds()
    return next((w for w in WINDOWS if seconds / w <= MOST_WINDOWS), WINDOWS[-1])

"""When scheduled reports are due: cron in a time zone, as people there read their clocks.

A time that the clocks skip is due when they go on; one that they show twice is due once
(cronsim does as Debian's cron does). ``daily``, ``weekly`` and ``monthly`` are written as cron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from glue.core.report import periods
from glue.core.report.periods import Covers
from glue.core.report.request import Request

Every = Literal["daily", "weekly", "monthly"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COVERS: Mapping[Every, Covers] = {"daily": "day", "weekly": "week", "monthly": "month"}
MOST_MISSED = 1000
"""That are counted one by one."""


class BadSchedule(ValueError):
    """The text says what is wrong with it."""


@dataclass(frozen=True)
class Due:
    """A run that is due: ``at``, with the number of earlier ones that it stands for, and when the
    next one is."""

    at: datetime
    missed: int
    next: datetime


def cron(every: Every, at: str = "06:00", weekday: str = "monday", day: int = 1) -> str:
    """``every`` as cron. ``at`` is HH:MM; ``day`` of the month, 1 to 28. Raises
    :class:`BadSchedule`."""
    hour, _, minute = at.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise BadSchedule(f"{at!r} is no time of day like 06:30")
    clock = f"{int(minute)} {int(hour)}"
    if every == "daily":
        return f"{clock} * * *"
    if every == "monthly":
        if not 1 <= day <= 28:
            raise BadSchedule("a day of every month is 1 to 28")
        return f"{clock} {day} * *"
    if weekday not in WEEKDAYS:
        raise BadSchedule(f"{weekday!r} is no day of the week; there are {', '.join(WEEKDAYS)}")
    return f"{clock} * * {(WEEKDAYS.index(weekday) + 1) % 7}"


def check(expression: str) -> str:
    """``expression`` when it is cron of five fields that comes due. Raises
    :class:`BadSchedule`."""
    if len(expression.split()) != 5:
        raise BadSchedule("cron has five fields: minute hour day month weekday")
    following(expression, ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC))
    return expression


def following(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first time after ``after``. Raises :class:`BadSchedule`."""
    return _next(expression, after.astimezone(zone), reverse=False)


def _next(expression: str, at: datetime, reverse: bool) -> datetime:
    try:
        moments = (found.astimezone(UTC) for found in CronSim(expression, at, reverse=reverse))
        # In the hour that clocks show twice cronsim may give a time on the wrong side of ``at``.
        return next(m for m in moments if (m < at if reverse else m > at))
    except CronSimError as error:
        raise BadSchedule(f"{expression!r} is no cron: {error}") from None
    except StopIteration:
        raise BadSchedule(f"{expression!r} never comes due") from None


def due(expression: str, zone: ZoneInfo, planned: datetime, now: datetime) -> Due | None:
    """What is due at ``now`` when the next run was ``planned``; None: nothing yet.

    After a time away the newest of the missed runs is made up for, once.
    """
    if planned > now:
        return None
    newest, missed = planned, 0
    # From a moment later, so that a run due right now is found too.
    last = _next(expression, (now + timedelta(seconds=1)).astimezone(zone), reverse=True)
    if last > planned:
        newest = last
        at = planned
        while at < newest and missed < MOST_MISSED:
            missed += 1
            at = following(expression, zone, at)
    return Due(newest, missed, following(expression, zone, max(newest, now)))


def request_of(kept: Mapping[str, Any], covers: Covers, at: datetime, zone: str) -> Request:
    """The report of the run at ``at``: ``kept`` is what it is about, the period follows."""
    period = periods.last(covers, at, ZoneInfo(zone))
    return Request.model_validate(
        {**kept, "since": period.since, "until": period.until, "zone": zone}
    )

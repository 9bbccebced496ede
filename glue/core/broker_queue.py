"""The broker's queue: how full it is, when it will be full, which part is the bound, and drops.

The broker says of itself (``$SYS``) how many messages it keeps for all sessions together, and how
many it dropped since it started. Its limits are of each session; a message that waits in several is
kept once, so what it keeps is at least the longest queue: none is full before this is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

MESSAGES = "$SYS/broker/store/messages/count"
BYTES = "$SYS/broker/store/messages/bytes"
RETAINED = "$SYS/broker/retained messages/count"
DROPPED = "$SYS/broker/publish/messages/dropped"
UPTIME = "$SYS/broker/uptime"
TOPICS = (MESSAGES, BYTES, RETAINED, DROPPED, UPTIME)

QUIET = timedelta(minutes=15)
"""Drops after so long without any are a new loss."""

WINDOW_S = 30.0
SHORTEST_S = 15.0
"""Growth is that of the last ``WINDOW_S``, and is not known before ``SHORTEST_S``."""

LATE_S = 30.0
"""Age of the newest readings from which alerts say that they are late."""

IN_STEP_S = 10.0
"""Lag of a reader that keeps up: heartbeats come every 2 s, a point is written within one more."""

MOVING = timedelta(seconds=30)
"""Readings that have not moved on for so long stand still, which another rule tells."""

BATCHES_WAIT = 15_000
"""Points in Telegraf's buffer (three batches) from which it waits for InfluxDB, not for itself."""


@dataclass(frozen=True)
class Report:
    """What the broker published of itself by ``at``: messages and bytes that it keeps for sessions,
    messages that it dropped since it started ``uptime`` seconds ago."""

    at: datetime
    messages: int
    size: int
    dropped: int
    uptime: float


def report(values: Mapping[str, float], at: datetime) -> Report | None:
    """Make a report of the newest value by topic; None until the broker has published them all."""
    if not values.keys() >= {MESSAGES, BYTES, UPTIME}:
        return None
    # Not every version publishes a counter that is 0.
    kept, dropped = values[MESSAGES] - values.get(RETAINED, 0), values.get(DROPPED, 0)
    return Report(at, max(0, int(kept)), int(values[BYTES]), int(dropped), values[UPTIME])


def number(payload: bytes) -> float | None:
    """Read a value of ``$SYS``: a number, or a number and its unit (``123 seconds``)."""
    try:
        return float(payload.decode().split()[0])
    except (UnicodeDecodeError, ValueError, IndexError):
        return None


@dataclass(frozen=True)
class Drops:
    """Messages that the broker dropped: ``total`` ever, ``count`` in the loss that began at
    ``since`` and went on until ``last``. ``counter`` and ``uptime`` are the broker's own, of the
    last report; its counter begins anew when it restarts."""

    total: int = 0
    count: int = 0
    since: datetime | None = None
    last: datetime | None = None
    counter: int = 0
    uptime: float | None = None

    def after(self, report: Report, watched_s: float) -> Drops:
        """Add those of ``report``. Without an earlier report (no uptime) what a broker dropped that
        runs for longer than the ``watched_s`` seconds of the watch is no loss of now."""
        if self.uptime is None:
            before = report.uptime >= watched_s
            start = replace(self, counter=report.dropped if before else 0, uptime=report.uptime)
            return start.after(report, watched_s)
        restarted = report.uptime < self.uptime or report.dropped < self.counter
        new = report.dropped - (0 if restarted else self.counter)
        total, count, since, last = self.total + new, self.count, self.since, self.last
        if new:
            if last is None or since is None or report.at - last > QUIET:
                count, since = 0, report.at
            count, last = count + new, report.at
        return Drops(total, count, since, last, report.dropped, report.uptime)


class Growth:
    """How fast the queue grows: the last reports."""

    def __init__(self) -> None:
        self._reports: deque[Report] = deque()

    def add(self, report: Report) -> None:
        self._reports.append(report)
        while report.at - self._reports[0].at > timedelta(seconds=WINDOW_S):
            self._reports.popleft()

    def clear(self) -> None:
        """Forget what was: the broker was away."""
        self._reports.clear()

    @property
    def a_second(self) -> tuple[float, float] | None:
        """Messages and bytes a second; None while too little is known."""
        if not self._reports:
            return None
        first, last = self._reports[0], self._reports[-1]
        span = (last.at - first.at).total_seconds()
        if span < SHORTEST_S:
            return None
        return (last.messages - first.messages) / span, (last.size - first.size) / span


@dataclass(frozen=True)
class Limits:
    """Of one session's queue."""

    messages: int
    size: int


def minutes_left(
    report: Report, growth: tuple[float, float] | None, limits: Limits
) -> float | None:
    """Minutes until the queue is full at its present growth; None while it does not grow."""
    if growth is None:
        return None
    left = [
        max(0.0, most - kept) / pace / 60
        for kept, most, pace in (
            (report.messages, limits.messages, growth[0]),
            (report.size, limits.size, growth[1]),
        )
        if pace > 0
    ]
    return min(left, default=None)


class Arrivals:
    """Whether readings arrive: the newest of our heartbeats in InfluxDB, at each look.

    Its age is that of readings only while it moves on. Where it does not, nothing may have been
    sent: the broker was away, or the glue, before its first look.
    """

    def __init__(self) -> None:
        self._newest: datetime | None = None
        self._moved_at: datetime | None = None
        self._waiting_since: datetime | None = None

    def look(self, newest: datetime | None, now: datetime, expected: bool) -> None:
        """Take the ``newest`` in InfluxDB, None where it is not known; ``expected`` says whether a
        newer one should come, since the broker delivers our heartbeats and InfluxDB answers."""
        moved = False
        if newest and (self._newest is None or newest > self._newest):
            # The first that is seen may be of any time.
            moved = self._newest is not None
            self._newest = newest
        if moved:
            self._moved_at = now
        if moved or not expected or self._waiting_since is None:
            self._waiting_since = now

    def age(self, now: datetime) -> float | None:
        """Seconds since the newest was sent; None where it did not move on for ``MOVING``."""
        if self._newest is None or self._moved_at is None or now - self._moved_at >= MOVING:
            return None
        return max(0.0, (now - self._newest).total_seconds())

    def stopped(self, now: datetime) -> bool:
        """Whether none came for ``MOVING`` though they should have."""
        return self._waiting_since is not None and now - self._waiting_since >= MOVING


@dataclass(frozen=True)
class Readers:
    """How far those who empty the queue are behind: age (s) of the newest readings that can be
    queried and of the newest event that was recorded, None where it is not known; whether InfluxDB
    answers, points that wait in Telegraf for it; whether readings ``stopped`` to arrive."""

    readings_s: float | None
    events_s: float | None
    series_answer: bool
    buffer: int | None
    stopped: bool = False


def bound(readers: Readers) -> str:
    """Name the part that does not keep up; '' where all do."""
    if not readers.series_answer:
        return "InfluxDB, which does not answer"
    if readers.stopped or (readers.readings_s is not None and readers.readings_s > IN_STEP_S):
        waits = readers.buffer is not None and readers.buffer >= BATCHES_WAIT
        return "InfluxDB, for which Telegraf waits" if waits else "Telegraf"
    if readers.events_s is not None and readers.events_s > IN_STEP_S:
        return "the glue"
    return ""


def drops_as_json(drops: Drops) -> dict[str, Any]:
    return {
        "dropped_total": drops.total,
        "dropped": drops.count,
        "dropped_since": drops.since.isoformat() if drops.since else None,
        "dropped_last": drops.last.isoformat() if drops.last else None,
        "counter": drops.counter,
        "uptime": drops.uptime,
    }


def drops_of(details: Mapping[str, Any]) -> Drops:
    """The drops that :func:`drops_as_json` wrote; none of an empty mapping."""

    def moment(name: str) -> datetime | None:
        text = details.get(name)
        return datetime.fromisoformat(text).astimezone(UTC) if text else None

    return Drops(
        int(details.get("dropped_total", 0)),
        int(details.get("dropped", 0)),
        moment("dropped_since"),
        moment("dropped_last"),
        int(details.get("counter", 0)),
        details.get("uptime"),
    )

"""The broker's queue: how full it is, when it will be full, which part is the bound, and drops.

The broker says of itself (``$SYS``) how many messages it keeps for all sessions together, and how
many it dropped since it started. Its limits are of each session; a message that waits in several is
kept once, so what it keeps is at least the longest queue: none is full before this is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
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

BATCHES_WAIT = 15_000
"""Points in Telegraf's buffer (three batches) from which it waits for InfluxDB, not for itself."""


@dataclass(frozen=True)
class Report:
    """What the broker said at ``at``: messages and bytes that it keeps for sessions, messages that
    it dropped since it started ``uptime`` seconds ago."""

    at: datetime
    messages: int
    size: int
    dropped: int
    uptime: float


def report(said: Mapping[str, float], at: datetime) -> Report | None:
    """Make a report of the newest value by topic; None until the broker has said everything."""
    if not said.keys() >= {MESSAGES, BYTES, UPTIME}:
        return None
    # A counter that is 0 is not said by every version.
    kept = said[MESSAGES] - said.get(RETAINED, 0)
    return Report(at, max(0, int(kept)), int(said[BYTES]), int(said.get(DROPPED, 0)), said[UPTIME])


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
    uptime: float = 0.0

    def after(self, report: Report) -> Drops:
        """The drops with those of ``report``."""
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


@dataclass(frozen=True)
class Readers:
    """How far those who empty the queue are behind: age (s) of the newest readings that can be
    queried and of the newest event that was recorded, None where it is not known; whether InfluxDB
    answers, points that wait in Telegraf for it."""

    readings_s: float | None
    events_s: float | None
    series_answer: bool
    buffer: int | None


def bound(readers: Readers) -> str:
    """Name the part that does not keep up; '' where all do."""
    if not readers.series_answer:
        return "InfluxDB, which does not answer"
    if readers.readings_s is not None and readers.readings_s > IN_STEP_S:
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
        float(details.get("uptime", 0)),
    )

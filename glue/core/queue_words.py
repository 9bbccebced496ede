"""What people read of the broker's queue: in `tonypi status`, the console, and alerts' own texts.

``Queue`` is the record of the last look (heartbeat ``queue``, glue/events/queue_watch.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from glue.core.broker_queue import LATE_S, QUIET
from glue.core.metrics import METRICS

Queue = Mapping[str, Any]

STALE = timedelta(seconds=30)
"""A look so old says nothing of now; what was dropped stays true."""

LIMITS = ("messages_limit", "bytes_limit")
DROPS = ("dropped", "dropped_since", "dropped_last", "dropped_total")
PASSING = (
    *("lag_s", "events_lag_s", "messages", "bytes"),
    *("growth", "minutes_left", "bound", "buffer"),
)
"""Not known any more of a look that is stale."""

MIB = 1 << 20


def current(details: Queue, at: datetime, now: datetime) -> dict[str, Any]:
    """Give the look of ``at`` as it holds ``now``: ``dropped`` is 0 once the loss is over, and what
    is not known any more is None."""
    queue = {name: details.get(name) for name in (*LIMITS, *DROPS)}
    last = details.get("dropped_last")
    if last is None or now - datetime.fromisoformat(last) > QUIET:
        queue["dropped"] = 0
    fresh = now - at <= STALE
    return queue | {name: details.get(name) if fresh else None for name in PASSING}


def sentences(queue: Queue) -> list[str]:
    """Give lines: the age of readings, the queue and its limits, the bound, what was dropped."""
    lines = []
    if queue["lag_s"] is None:
        lines.append("readings: their age is not known")
    else:
        late = ", late: so are alerts on them" if is_late(queue) else ""
        lines.append(f"readings: the newest are {duration(queue['lag_s'])} old{late}")
    if queue["messages"] is None:
        lines.append("queue: the broker says nothing of it")
    else:
        lines.append(f"queue: {_fullness(queue)}{_forecast(queue)}")
    if queue["bound"] and (is_late(queue) or queue["minutes_left"] is not None):
        lines.append(f"bound: {queue['bound']}")
    if queue["dropped_total"]:
        lines.append(f"dropped by the broker: {_dropped(queue)}")
    return lines


def is_late(queue: Queue) -> bool:
    """Whether readings are so old that alerts on them say so."""
    return queue.get("lag_s") is not None and queue["lag_s"] > LATE_S


def note(metric: str, queue: Queue) -> str:
    """Give what an alert that begins now says besides: that its reading came late, until when the
    queue holds and who does not keep up, since when messages are dropped. Often nothing."""
    if metric in {"queue", "dropped"}:
        since = f" The loss began at {_time(queue['dropped_since'])}." if queue["dropped"] else ""
        return f"{since}{_bound(queue)}"
    if metric == "lag":
        return _bound(queue)
    if metric in METRICS and is_late(queue):
        return f" Readings are {duration(queue['lag_s'])} late at present, and so is this alert."
    return ""


def warning(queue: Queue) -> str:
    """Give what pages that show alerts say above them; nothing while readings are in time."""
    if not is_late(queue):
        return ""
    late = duration(queue["lag_s"])
    return f"Readings are {late} late, and so are alerts on them.{_bound(queue)}"


def duration(seconds: float) -> str:
    """Seconds, or minutes from two on, in words."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _bound(queue: Queue) -> str:
    return f" The bound is {queue['bound']}." if queue["bound"] else ""


def _fullness(queue: Queue) -> str:
    share = max(queue["messages"] / queue["messages_limit"], queue["bytes"] / queue["bytes_limit"])
    return (
        f"{queue['messages']:,} of {queue['messages_limit']:,} messages, "
        f"{queue['bytes'] / MIB:,.0f} of {queue['bytes_limit'] / MIB:,.0f} MiB "
        f"({100 * share:.0f} % full)"
    )


def _forecast(queue: Queue) -> str:
    left = queue["minutes_left"]
    # A few messages more than half a minute ago are no growth that lasts for a day.
    if left is None or left > 1440:
        return ""
    return f", grows by {queue['growth']:,.0f} a second, full in {duration(left * 60)}"


def _dropped(queue: Queue) -> str:
    total = f"{queue['dropped_total']:,} messages in all"
    if queue["dropped"]:
        return f"{queue['dropped']:,} since {_time(queue['dropped_since'])}; {total}"
    return f"{total}, the last at {_time(queue['dropped_last'])}"


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"

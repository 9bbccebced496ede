"""Where an axis has its marks: round values, and local times on round hours, days and months."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo

HOUR = 3600
DAY = 86_400

_STEPS = (
    *(60, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY),
)


def values(low: float, high: float, about: int = 5) -> list[float]:
    """Round values whose first and last enclose ``low`` and ``high``."""
    if high - low <= max(abs(low), abs(high)) * 1e-6 or high - low < 1e-6:
        around = max(abs(low) * 0.01, 1.0)
        low, high = (low - around, high + around) if low else (0.0, 1.0)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def written(value: float) -> str:
    """As people write it: 41.5, 1,200, 3.2M."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(since: float, until: float, zone: tzinfo, most: int = 8) -> list[tuple[float, str]]:
    """Marks between two Unix times, each with its label in ``zone``: at most about ``most``."""
    step = next((s for s in _STEPS if (until - since) / s <= most), _STEPS[-1])
    first = datetime.fromtimestamp(since, zone)
    marks = _days(first, until, step) if step >= DAY else _clock(first, until, step)
    return [(at.timestamp(), _label(at, step)) for at in marks if since <= at.timestamp() <= until]


def _clock(first: datetime, until: float, step: int) -> list[datetime]:
    """Wall-clock times that ``step`` divides; an hour that the clocks skip has none."""
    found = []
    naive = first.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    naive += timedelta(seconds=step * ((first.hour * 60 + first.minute) * 60 // step))
    while (at := naive.replace(tzinfo=first.tzinfo)).timestamp() <= until:
        if datetime.fromtimestamp(at.timestamp(), first.tzinfo).replace(tzinfo=None) == naive:
            found.append(at)
        naive += timedelta(seconds=step)
    return found


def _days(first: datetime, until: float, step: int) -> list[datetime]:
    found = []
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if step >= 30 * DAY:
        day = day.replace(day=1)
    while day.timestamp() <= until:
        found.append(day)
        if step < 30 * DAY:
            day += timedelta(days=step // DAY)
        else:
            months = day.month - 1 + max(1, step // (30 * DAY))
            day = day.replace(year=day.year + months // 12, month=months % 12 + 1)
    return found


def _label(at: datetime, step: int) -> str:
    if step >= 30 * DAY:
        return f"{at:%b %Y}"
    if step > 2 * DAY or (step >= DAY and at.day == 1):
        return f"{at.day} {at:%b}"
    if step >= DAY or (at.hour == at.minute == 0):
        return f"{at:%a} {at.day}"
    return f"{at:%H:%M}"

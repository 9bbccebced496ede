"""Times as people write them, in every door the same.

=====================================  ============================================================
``24h``, ``1h30m``, ``7d``             so long ago; where a time to come is asked for, so long from
                                       now
``now``, ``now-6h``, ``now+2h``        as said
``today``, ``yesterday``, ``tomorrow`` the day's begin
``2026-01-31``                         the day's begin
``2026-01-31T08:00``                   local, where the door has a zone
``2026-01-31T08:00Z``, ``…+01:00``     as said
``1769846400``, ``1769846400000``      Unix time in s or ms (by its size; µs and ns too), with or
                                       without a fraction; ``0`` is its begin
=====================================  ============================================================
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from glue.settings.durations import BadDuration, duration

DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}

PATTERN = r"^(now([+-][1-9][0-9]?[smhdw])?|today|yesterday|tomorrow|[1-9][0-9]?[smhdw])$"
"""Of relative times, for documents; others are taken too."""


class BadTime(ValueError):
    """The text says what to give instead."""


def unix_time(number: float) -> datetime | None:
    """Give the instant (UTC) of a Unix time in s, ms, µs or ns; None for any other number.

    Each unit is below the next for any date from 1973 to 5138.
    """
    if not 1e8 < number < 1e19:
        return None
    units = ((1e11, 1), (1e14, 1e3), (1e17, 1e6), (1e19, 1e9))
    return datetime.fromtimestamp(number / next(n for most, n in units if number < most), UTC)


def moment(
    text: str, now: datetime, zone: tzinfo | None = None, *, ahead: bool = False
) -> datetime:
    """What ``text`` says at ``now`` (aware), in UTC. Without a ``zone``, days are those of UTC, and
    a time of day has to bring its own. ``ahead``: a duration is from now, and not ago. Raises
    :class:`BadTime`."""
    written = text.strip()
    try:
        if relative := re.fullmatch(r"now(?:\s*([+ -])\s*(\S.*))?", written):
            sign, length = relative.groups()
            if not sign:
                return now.astimezone(UTC)
            # In an address, a plus sign that is not escaped arrives as a space.
            return _moved(now, -duration(length) if sign == "-" else duration(length))
        if written in DAYS:
            local = now.astimezone(zone or UTC).date()
            return _begin(local + timedelta(days=DAYS[written]), zone)
        if re.fullmatch(r"[\d.]+[a-z].*", written):
            return _moved(now, duration(written) if ahead else -duration(written))
        if re.fullmatch(r"0|[0-9]{9,}(\.[0-9]*)?", written):
            unix = unix_time(float(written)) if written != "0" else datetime.fromtimestamp(0, UTC)
            if unix is None:
                raise ValueError(written)
            return unix
        if re.fullmatch(r"[\d-]{8,10}", written):
            return _begin(date.fromisoformat(written), zone)
        at = datetime.fromisoformat(written.upper())
        if at.tzinfo is None and zone is None:
            raise BadTime(f"{text} has no zone; write {written}Z for UTC, or {written}+01:00")
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except BadTime:
        raise
    except (BadDuration, ValueError, OverflowError):
        example = "2h" if ahead else "24h"
        raise BadTime(
            f"{text[:40]!r} is no time; give one like {example}, now-6h, today, 2026-01-31 or"
            " 2026-01-31T08:00Z"
        ) from None


def _begin(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time(), zone or UTC).astimezone(UTC)


def _moved(now: datetime, by: timedelta) -> datetime:
    return now.astimezone(UTC) + by

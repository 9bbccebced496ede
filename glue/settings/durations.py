"""Durations as people write them: ``90s``, ``24h``, ``1h30m``, ``7d``, ``1.5h``.

The largest unit comes first, each at most once. A number without a unit is seconds.
"""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
"""Of each unit, the largest first."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_WHOLE = re.compile(r"\s*".join(rf"(?:({_NUMBER})\s*{unit})?" for unit in SECONDS))


class BadDuration(ValueError):
    """The text says what to give instead."""


def duration(text: str) -> timedelta:
    """Raises :class:`BadDuration`."""
    written = text.strip()
    if re.fullmatch(_NUMBER, written):
        return timedelta(seconds=float(written))
    found = _WHOLE.fullmatch(written)
    if not written or found is None:
        raise BadDuration(f"{text!r} is no duration; give one like 90s, 24h, 1h30m or 7d")
    parts = zip(found.groups("0"), SECONDS.values(), strict=True)
    try:
        return timedelta(seconds=sum(float(number) * unit for number, unit in parts))
    except OverflowError:
        raise BadDuration(f"{text!r} is too long") from None

"""Pages of a long list: the cursor says after which row the next page starts.

A cursor holds the sort key of the last row, so that rows that come or go meanwhile neither repeat
nor hide others, as they would with page numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime

LIMIT = 50
LONGEST = 500
"""Rows of one page: unless asked, and at most."""

Part = str | int | float | bool | None
"""What a cursor is made of."""
PARTS = (str, int, float, bool, type(None))

Key = tuple[datetime, int]
"""When a row was made, and its id: newest first."""


class BadCursor(ValueError):
    """The cursor was not made here."""


def cursor(parts: Sequence[Part]) -> str:
    """Opaque, and safe in a URL."""
    text = json.dumps(list(parts), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str) -> list[Part]:
    """What :func:`cursor` was given. Raises :class:`BadCursor`."""
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor(text) from None
    if not isinstance(parts, list) or not all(type(p) in PARTS for p in parts):
        raise BadCursor(text)
    return parts


def time_cursor(key: Key) -> str:
    """Cursor of a list that is sorted by time."""
    at, row = key
    return cursor([at.isoformat(), row])


def read_time(text: str) -> Key:
    """The :data:`Key` in a cursor. Raises :class:`BadCursor`."""
    match read(text):
        case [str(at), int(row)] if type(row) is int and 0 <= row < 2**63:
            try:
                when = datetime.fromisoformat(at)
            except ValueError:
                raise BadCursor(text) from None
            if when.tzinfo is not None:
                return when, row
    raise BadCursor(text)


def name_cursor(name: str) -> str:
    """Cursor of a list that is sorted by a name."""
    return cursor([name])


def read_name(text: str) -> str:
    """The name in a cursor. Raises :class:`BadCursor`."""
    match read(text):
        case [str(name)] if name.isprintable():
            return name
    raise BadCursor(text)

"""How pages say times, durations and numbers; filters of the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.datastructures import QueryParams

NOTHING = "–"
RELATIVE_S = 30 * 86_400
"""Times further away than a month are shown by their date."""


def install(templates: jinja2.Environment) -> None:
    """Give the templates these filters."""
    templates.filters |= {
        "time": _time,
        "date": _date,
        "when": _when,
        "day": day,
        "local": _local,
        "number": number,
        "quantity": quantity,
        "duration": duration,
        "linked": linked,
        "zip": zip,
    }


def stamp(at: datetime, zone: ZoneInfo) -> str:
    """``2026-11-25 23:05:10 +01:00``."""
    local = at.astimezone(zone)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def day(at: datetime) -> str:
    """``25 Nov 2026, 23:05``, of a time in the zone that is meant."""
    return f"{at.day} {at:%b %Y, %H:%M}"


def duration(seconds: float) -> str:
    """``3 min``; the two largest units at most."""
    left = max(0, round(seconds))
    for size, name, smaller, less in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if left >= size:
            rest = left % size // smaller
            return f"{left // size} {name}" + (f" {rest} {less}" if rest and size > 60 else "")
    return f"{left} s"


def linked(query: QueryParams, **changes: str) -> str:
    """The query with these values in place of its own; an empty one is left out."""
    kept = [(name, value) for name, value in query.multi_items() if name not in changes]
    return "?" + urlencode([*kept, *((n, v) for n, v in changes.items() if v)])


def number(value: float | None) -> str:
    """Without needless digits."""
    return NOTHING if value is None else f"{value:.6g}"


def quantity(value: float | None, unit: str) -> str:
    """With its unit; seconds as a duration."""
    if value is None:
        return NOTHING
    return duration(value) if unit == "s" else f"{value:.4g} {unit}".strip()


@jinja2.pass_context
def _time(context: Context, at: datetime | None, otherwise: str = NOTHING) -> Any:
    """How long ago, or in how long; from a month on the date. The exact time is a tip."""
    if at is None:
        return otherwise
    away = (datetime.now(UTC) - at).total_seconds()
    if abs(away) >= RELATIVE_S:
        return _date(context, at)
    return _marked(context, at, f"{duration(away)} ago" if away >= 0 else f"in {duration(-away)}")


@jinja2.pass_context
def _date(context: Context, at: datetime | None) -> Any:
    """Day and minute in the reader's zone; the exact time is a tip."""
    return NOTHING if at is None else _marked(context, at, day(at.astimezone(context["zone"])))


@jinja2.pass_context
def _when(context: Context, at: datetime | None, otherwise: str = NOTHING) -> Any:
    """The same with the date beside it, where there is room: not everybody has tips."""
    said, dated = _time(context, at, otherwise), _date(context, at)
    return (
        said if at is None or said == dated else Markup("{} <small>{}</small>").format(said, dated)
    )


def _marked(context: Context, at: datetime, text: str) -> Markup:
    zone = context["zone"]
    exact = f"{stamp(at, zone)} ({zone.key})"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(), exact, text
    )


@jinja2.pass_context
def _local(context: Context, at: datetime | None) -> str:
    """For ``<input type=datetime-local>``."""
    return at.astimezone(context["zone"]).strftime("%Y-%m-%dT%H:%M") if at else ""

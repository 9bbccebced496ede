"""Kinds of values that several routes take: what PostgreSQL can keep, and nothing more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from glue.core import page, times
from glue.core.metrics import METRICS
from glue.core.robot_id import PATTERN
from glue.settings.durations import duration

LARGEST_ID = 2**31 - 1
"""Of PostgreSQL's serial columns."""

SETTINGS_BYTES = 64 * 1024
SETTINGS_DEPTH = 20


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("PostgreSQL keeps no NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair is no character") from None
    return text


def _storable_object(value: dict[str, Any]) -> dict[str, Any]:
    _walk(value, SETTINGS_DEPTH)
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except ValueError:
        raise ValueError("NaN, infinities and endless integers are not JSON") from None
    if size > SETTINGS_BYTES:
        raise ValueError(f"at most {SETTINGS_BYTES} bytes as JSON")
    return value


def _walk(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"nested deeper than {SETTINGS_DEPTH}")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _storable(key)
            _walk(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, depth - 1)


def _of_our_time(at: datetime) -> datetime:
    if not 1970 <= at.year <= 2999:
        raise ValueError("not between the years 1970 and 2999")
    return at.astimezone(UTC)


def _written(ahead: bool) -> BeforeValidator:
    def read(value: Any) -> Any:
        if isinstance(value, str):
            return times.moment(value, datetime.now(UTC), ahead=ahead)
        # A number of a body; true and false are not taken for one.
        at = times.unix_time(value) if type(value) in (int, float) else None
        return at or value

    return BeforeValidator(read)


def known_metric(name: str) -> str:
    """``name`` when limits can be set for it. Raises ``ValueError``."""
    if name not in METRICS:
        raise ValueError(f"no metric with limits; there are {', '.join(METRICS)}")
    return name


Text = Annotated[str, AfterValidator(_storable)]
"""Any text without NUL."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


def _seconds(value: Any) -> Any:
    return duration(value).total_seconds() if isinstance(value, str) else value


Seconds = Annotated[
    Finite,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "pattern": "^[1-9][0-9]?[smhd]$"},
            ],
            "examples": [900, "15m"],
        }
    ),
]
"""A number of seconds, or a duration like `15m`."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable_object)]

RobotId = Annotated[str, Field(pattern=f"^{PATTERN}$", max_length=50, examples=["tonypi_01"])]
RobotPath = Annotated[str, Path(pattern=f"^{PATTERN}$", max_length=50, examples=["tonypi_01"])]
GroupName = Annotated[str, Field(pattern=f"^{PATTERN}$", max_length=50, examples=["hall-2"])]
GroupPath = Annotated[str, Path(pattern=f"^{PATTERN}$", max_length=50, examples=["hall-2"])]
MetricPath = Annotated[
    str, Path(json_schema_extra={"enum": list(METRICS)}), AfterValidator(known_metric)
]
AlertPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]

PageLimit = Annotated[
    int, Query(alias="limit", ge=1, le=page.LONGEST, description="Rows of the page.")
]
Cursor = Annotated[
    Text | None, Query(max_length=2000, description="`next` of the page before this one.")
]
SearchText = Annotated[Text | None, Query(min_length=1, max_length=100)]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
"""A value to look for."""

_WRITTEN: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": times.PATTERN},
    ],
}

Instant = Annotated[
    AwareDatetime,
    Field(strict=False),
    AfterValidator(_of_our_time),
    _written(ahead=False),
    WithJsonSchema({**_WRITTEN, "examples": ["2026-01-31T08:00:00Z", "24h", "now-6h", "today"]}),
]
"""A time with its zone, in the fields of a body or of a filter; or one that is relative to now,
where `24h` is so long ago, and days are those of UTC; or a Unix time in s or ms."""

InstantToCome = Annotated[
    AwareDatetime,
    Field(strict=False),
    AfterValidator(_of_our_time),
    _written(ahead=True),
    WithJsonSchema({**_WRITTEN, "examples": ["2030-01-31T08:00:00Z", "2h", "tomorrow"]}),
]
"""The same, where `2h` is so long from now."""

Utc = Annotated[
    datetime, PlainSerializer(lambda at: at.isoformat().replace("+00:00", "Z"), return_type=str)
]


def former(now: str) -> Any:
    """A filter under the name that it had before it was called like its field, ``now``; still
    taken, and no condition of its own. :func:`as_named` reads it."""
    return Field(
        None,
        exclude=True,
        description=f"The former name of `{now}`.",
        json_schema_extra={"deprecated": True},
    )


def as_named(wanted: BaseModel, **former_names: str) -> None:
    """Gives fields that were not given what their former names say."""
    for now, before in former_names.items():
        if getattr(wanted, now) is None:
            setattr(wanted, now, getattr(wanted, before))


class Body(BaseModel):
    """What a client sends. A field we do not know is an error of the client, not to be dropped; a
    number where true or false belongs is one too."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Reply(BaseModel):
    """What we send."""

    model_config = ConfigDict(from_attributes=True)


class Remarked(Reply):
    """A thing that names others. The remarks are no part of it, and only in answers to changes."""

    remarks: list[str] = Field(
        [], description="On what was just given, such as a pattern that matches nothing now."
    )

"""What a form sent, made into what an operation of the API takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from glue.api.conventions.problems import Refused
from glue.core import times

Kind = TypeVar("Kind", bound=BaseModel)


def body(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """``given`` as ``kind``; a form has nothing but text, so "5" is a number here. Raises
    ``ProblemError`` 422 that names every field that was refused."""
    try:
        return kind.model_validate(dict(given), strict=False)
    except ValidationError as error:
        errors = [
            {
                "where": ".".join(str(part) for part in one["loc"]) or "the form",
                "why": str(one["msg"]).removeprefix("Value error, "),
            }
            for one in error.errors(include_input=False)
        ]
        raise Refused.all_of(errors) from None


def moment(name: str, text: str, zone: ZoneInfo, *, ahead: bool = False) -> datetime | None:
    """A time as ``<input type=datetime-local>`` gives it, or as :mod:`glue.core.times` reads it, in
    the reader's zone. None for none. Raises ``Refused``."""
    if not text:
        return None
    try:
        return times.moment(text, datetime.now(UTC), zone, ahead=ahead)
    except times.BadTime as error:
        raise Refused(name, str(error)) from None

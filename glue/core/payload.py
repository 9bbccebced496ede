"""A robot's JSON made safe to store, and fields of it read with their plausible ranges.

PostgreSQL refuses NUL characters, lone surrogates, NaN and infinities; one of them would make a
whole batch fail, so they are taken out here.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

MOST_BYTES = 65_536
"""As ``most_bytes`` of the topic model: larger messages are refused unread."""
DEEPEST = 16
TEXT_MOST = 10_000
INT_MOST = 2**31 - 1


class Refused(Exception):
    """A message, or a part of it, was refused; ``reason`` is a class of glue.core.topics."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def read(payload: bytes) -> dict[str, Any]:
    """The JSON object of ``payload``. Raises :class:`Refused`."""
    if len(payload) > MOST_BYTES:
        raise Refused("too_big", f"{len(payload)} bytes, at most {MOST_BYTES} are read")
    try:
        doc = json.loads(payload, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Refused("not_json", f"{str(error)[:100]}: {payload[:60]!r}") from None
    if not isinstance(doc, dict):
        raise Refused("wrong_type", f"an object is expected, this is {type(doc).__name__}")
    cleaned: dict[str, Any] = _clean(doc, DEEPEST)
    return cleaned


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > 2**63:
        return None
    if isinstance(value, dict | list) and depth == 0:
        raise Refused("wrong_type", f"nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        return {_clean(k, depth): _clean(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(one, depth - 1) for one in value]
    return value


@dataclass
class Reader:
    """Reads fields of ``doc``. What is there but unusable is left out and noted in ``bad``."""

    doc: dict[str, Any]
    bad: list[Refused] = field(default_factory=list)

    def _first(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        for key in keys:
            if self.doc.get(key) is not None:
                return key, self.doc[key]
        return "", None

    def refuse(self, reason: str, key: str, value: Any) -> None:
        self.bad.append(Refused(reason, f"{key}: {str(value)[:60]!r}"))

    def text(self, *keys: str, most: int = TEXT_MOST) -> str | None:
        """Text, cut at ``most`` characters; numbers are taken as text."""
        key, value = self._first(keys)
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            self.refuse("wrong_type", key, value)
            return None
        return str(value)[:most]

    def number(self, *keys: str, low: float, high: float) -> float | None:
        key, value = self._first(keys)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse("wrong_type", key, value)
        elif not low <= value <= high:
            self.refuse("out_of_range", key, value)
        else:
            return float(value)
        return None

    def whole(self, *keys: str, low: int = 0, high: int = INT_MOST) -> int | None:
        number = self.number(*keys, low=low, high=high)
        if number is not None and number != int(number):
            self.refuse("wrong_type", keys[0], number)
            return None
        return None if number is None else int(number)

    def flag(self, *keys: str) -> bool | None:
        key, value = self._first(keys)
        if value is None or isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        self.refuse("wrong_type", key, value)
        return None

    def record(self, key: str) -> dict[str, Any] | None:
        value = self.doc.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.refuse("wrong_type", key, value)
        return None

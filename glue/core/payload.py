"""JSON of others made safe to store, and fields of a robot's read with their plausible ranges.

PostgreSQL refuses NUL characters, lone surrogates, NaN and infinities; one of them would make a
whole batch fail, so they are taken out here. What is JSON and what is not is decided as Telegraf's
program does (``decode`` in telegraf/templates/program.star.j2).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from glue.core.storable import storable

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


_AROUND = bytes(range(33))
_SPACES = dict.fromkeys(range(32), " ")
"""Control characters are white space, wherever they stand; NUL ends a string of C."""


def read(payload: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    """Read the JSON object of ``payload``: (the object, keys of it whose number cannot be stored).

    Such numbers (NaN, infinities, beyond 64 bits) and what is nested deeper than DEEPEST levels are
    None in the object. Raises :class:`Refused`.
    """
    payload = payload.strip(_AROUND)
    if len(payload) > MOST_BYTES:
        raise Refused("too_big", f"{len(payload)} bytes, at most {MOST_BYTES} are read")
    text = payload.decode("utf-8", "replace").translate(_SPACES).strip().strip("\ufeff ")
    try:
        doc = json.loads(text, parse_constant=lambda _: math.inf, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Refused("not_json", f"{str(error)[:100]}: {payload[:60]!r}") from None
    if not isinstance(doc, dict):
        raise Refused("wrong_type", f"an object is expected, this is {type(doc).__name__}")
    cleaned: dict[str, Any] = clean(doc)
    numbers = (key for key, value in doc.items() if isinstance(value, int | float))
    return cleaned, frozenset(key for key in numbers if cleaned.get(key) is None)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text} is too large")
    return number


def clean(value: Any, depth: int = DEEPEST) -> Any:
    """``value`` of JSON as PostgreSQL keeps it: None for a number that it does not take and for
    what is nested deeper than ``depth``."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > 2**63:
        return None
    if isinstance(value, dict | list) and depth == 0:
        return None
    if isinstance(value, dict):
        return {clean(k, depth): clean(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [clean(one, depth - 1) for one in value]
    return value


def unquoted(value: Any) -> Any:
    """What a text stands for, if it is a number or a flag as JSON writes it: "23.5", "true"."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


@dataclass
class Reader:
    """Reads fields of ``doc``. What is there but unusable is left out and noted in ``bad``."""

    doc: dict[str, Any]
    unstorable: frozenset[str] = frozenset()
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

    def number(
        self, *keys: str, low: float, high: float, clamped: float | None = None
    ) -> float | None:
        """Read a number from ``low`` to ``high``; up to ``clamped`` it is taken as ``high``, as
        ranges of three numbers in telegraf/topics.yml have it."""
        key, value = self._first(keys)
        if value is None:
            for name in self.unstorable.intersection(keys):
                self.refuse("out_of_range", name, "NaN, or too large")
            return None
        number = unquoted(value)
        if isinstance(number, bool) or not isinstance(number, int | float):
            self.refuse("wrong_type", key, value)
        elif not low <= number <= (clamped or high):
            self.refuse("out_of_range", key, value)
        else:
            return min(float(number), high)
        return None

    def whole(self, *keys: str, low: int = 0, high: int = INT_MOST) -> int | None:
        number = self.number(*keys, low=low, high=high)
        if number is not None and number != int(number):
            self.refuse("wrong_type", keys[0], number)
            return None
        return None if number is None else int(number)

    def flag(self, *keys: str) -> bool | None:
        key, value = self._first(keys)
        flag = unquoted(value)
        if value is None or isinstance(flag, bool):
            return flag
        if flag in (0, 1):
            return bool(flag)
        self.refuse("wrong_type", key, value)
        return None

    def record(self, key: str) -> dict[str, Any] | None:
        value = self.doc.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.refuse("wrong_type", key, value)
        return None

"""Points as line protocol, with their exact types: what InfluxDB 1.x and 2.x both take in.

JSON does not tell 5 from 5.0, so the caller gives each field's type (from ``SHOW FIELD KEYS``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FIELD_TYPES = ("float", "integer", "unsigned", "string", "boolean")
"""As InfluxQL names them. Of a field that has several, the first here is what a query gives."""

_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_KEY = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_STRING = str.maketrans({'"': '\\"', "\\": "\\\\"})


def series_key(measurement: str, tags: Mapping[str, str]) -> str:
    """The part before the fields. Tags without a value are no tags, so they are left out."""
    pairs = (
        f",{key.translate(_KEY)}={value.translate(_KEY)}"
        for key, value in sorted(tags.items())
        if value
    )
    return measurement.translate(_MEASUREMENT) + "".join(pairs)


def lines(
    key: str, fields: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]
) -> list[tuple[str, int]]:
    """One (line, number of fields) a row that holds any. ``fields`` are names and types; a row is
    its time in Unix nanoseconds and a value, or None, for each field."""
    writers = [(f"{name.translate(_KEY)}=", _WRITERS[kind]) for name, kind in fields]
    made = []
    for row in rows:
        values = [
            name + write(value)
            for (name, write), value in zip(writers, row[1:], strict=True)
            if value is not None
        ]
        if values:
            made.append((f"{key} {','.join(values)} {row[0]}", len(values)))
    return made


def _float(value: Any) -> str:
    # Shortest text that reads back as the same number, in Python as in Go.
    return repr(float(value))


def _integer(value: Any) -> str:
    return f"{int(value)}i"


def _unsigned(value: Any) -> str:
    return f"{int(value)}u"


def _boolean(value: Any) -> str:
    return "true" if value else "false"


def _string(value: Any) -> str:
    return f'"{str(value).translate(_STRING)}"'


_WRITERS = {
    "float": _float,
    "integer": _integer,
    "unsigned": _unsigned,
    "boolean": _boolean,
    "string": _string,
}

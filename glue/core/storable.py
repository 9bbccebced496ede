"""Text that PostgreSQL can keep: no NUL, and no half of a surrogate pair."""

from __future__ import annotations

from typing import Any


def storable(value: Any) -> Any:
    """``value`` with each such character of its strings replaced by U+FFFD; lists and objects are
    gone through, names included."""
    if isinstance(value, str):
        halves = value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass")
        return halves.decode("utf-16", "replace")
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value

"""What may be the name of a thing that people add: a window, a schedule, a target, a route."""

from __future__ import annotations

MAX_LENGTH = 60


def is_visible(name: str) -> bool:
    """Tell whether ``name`` has no space at its ends and only characters that can be seen."""
    return name == name.strip() and name.isprintable()


def objection(name: str) -> str | None:
    """Say why ``name`` may not be chosen; None when it may."""
    if 1 <= len(name) <= MAX_LENGTH and is_visible(name):
        return None
    return f"a name has 1 to {MAX_LENGTH} characters that can be seen, and no space at its ends"

"""Names that somebody gives, compared with those that there are.

A name that is not there is a mistake, and the nearest one that is there is likely what was meant. A
pattern like ``lab-*`` may match nothing now and something later, so that is only a remark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

FEW = 8
"""So many names are listed where none is near."""


def is_pattern(name: str) -> bool:
    """Whether ``name`` stands for whatever matches it, as :mod:`fnmatch` reads it."""
    return any(letter in name for letter in "*?[")


def unknown(noun: str, given: Iterable[str], known: Collection[str]) -> list[str]:
    """Why each of ``given`` that is not ``known`` is refused, in words."""
    return [
        f"{name} is no {noun}; {hint(name, known)}"
        for name in dict.fromkeys(given)
        if name not in known
    ]


def unmatched(noun: str, given: Iterable[str], known: Collection[str]) -> list[str]:
    """A remark on each of the patterns ``given`` that none of ``known`` matches."""
    return [
        f"{name} matches no {noun} now; it counts for any that comes"
        for name in dict.fromkeys(given)
        if not any(fnmatchcase(one, name) for one in known)
    ]


def hint(name: str, known: Collection[str]) -> str:
    """What to give instead of ``name``: the nearest of ``known``, or all of a few."""
    folded = {one.casefold(): one for one in sorted(known, reverse=True)}
    if near := get_close_matches(name.casefold(), folded, n=1):
        return f"did you mean {folded[near[0]]}?"
    if not known:
        return "there is none yet"
    listed = ", ".join(sorted(known)[:FEW])
    return f"there are {listed}" + (" and others" if len(known) > FEW else "")

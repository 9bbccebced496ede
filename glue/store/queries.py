"""SQL in named, commented blocks: ``store/sql/<noun>.sql``, one file a noun.

A block starts with ``-- name: <identifier>`` and ends at the next one. ``load("limits").effective``
is its text. Lines that are only a comment are for the reader and stay out of the text, because a
percent sign in a comment would be a placeholder for psycopg.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

FOLDER = Path(__file__).with_name("sql")
_NAME = re.compile(r"^--\s*name:\s*(\S+)\s*$")


class QueryError(Exception):
    """A file of SQL is missing or malformed; the text names the file and what to do."""


class UnknownQuery(AttributeError):
    """Asked for a block that its file does not have."""


class Queries:
    """The blocks of one file, by attribute."""

    def __init__(self, path: Path, blocks: dict[str, LiteralString]) -> None:
        self._path = path
        self._blocks = blocks

    def __getattr__(self, name: str) -> LiteralString:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._blocks[name]
        except KeyError:
            known = ", ".join(self._blocks) or "none"
            raise UnknownQuery(
                f"{self._path}: no block `-- name: {name}`; it has {known}"
            ) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._blocks]


@cache
def load(noun: str) -> Queries:
    """The blocks of ``store/sql/<noun>.sql``. Raises :class:`QueryError`."""
    path = FOLDER / f"{noun}.sql"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise QueryError(f"{path}: no such file; SQL of a noun stands there") from None
    return Queries(path, parse(text, path))


def parse(text: str, path: Path) -> dict[str, LiteralString]:
    """Blocks of ``text`` by name; ``path`` is for errors only."""
    blocks: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _NAME.match(line):
            name = match[1]
            if not name.isidentifier() or name.startswith("_"):
                raise QueryError(f"{path}:{number}: {name!r} is no name; use letters and _")
            if name in blocks:
                raise QueryError(f"{path}:{number}: block {name!r} is there twice; rename one")
            blocks[name] = []
        elif line.strip() and not line.lstrip().startswith("--"):
            if not name:
                raise QueryError(f"{path}:{number}: SQL before the first `-- name:` line")
            blocks[name].append(line)
    for name, lines in blocks.items():
        if not lines:
            raise QueryError(f"{path}: block {name!r} has no SQL")
    return {k: cast(LiteralString, "\n".join(v).rstrip(" ;\n")) for k, v in blocks.items()}

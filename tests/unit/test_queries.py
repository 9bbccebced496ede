"""SQL blocks are found by name, and what is wrong with a file is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from glue.store import queries

HERE = Path("nouns.sql")


def test_blocks_end_at_the_next_name_and_lose_comments_and_the_last_semicolon() -> None:
    text = """-- What this file is for: 100 % comment.
-- name: first
-- 5 % of it
SELECT 1,
       2;

-- name: second
SELECT '--not a comment';
"""
    assert queries.parse(text, HERE) == {
        "first": "SELECT 1,\n       2",
        "second": "SELECT '--not a comment'",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;\n-- name: late\nSELECT 2;", "nouns.sql:1: SQL before"),
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "nouns.sql:3: block 'a' is there twice"),
        ("-- name: a-b\nSELECT 1;", "nouns.sql:1: 'a-b' is no name"),
        ("-- name: a\n-- nothing\n", "block 'a' has no SQL"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(queries.QueryError, match=said):
        queries.parse(text, HERE)


def test_a_missing_block_names_file_block_and_what_there_is() -> None:
    with pytest.raises(
        queries.UnknownQuery, match=r"limits\.sql: no block `-- name: nowhere`.*in_force"
    ):
        _ = queries.load("limits").nowhere


def test_a_missing_file_is_named() -> None:
    with pytest.raises(queries.QueryError, match=r"nobody\.sql: no such file"):
        queries.load("nobody")


@pytest.mark.parametrize("path", sorted(queries.FOLDER.glob("*.sql")), ids=lambda p: p.stem)
def test_every_shipped_file_loads(path: Path) -> None:
    assert queries.parse(path.read_text(), path)

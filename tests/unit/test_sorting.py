"""Sorts and their cursors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core import page, sorting
from glue.core.sorting import By, Column

COLUMNS = {
    "id": Column(int),
    "created_at": Column(datetime),
    "value": Column(float, nullable=True),
    "robot_id": Column(str, nullable=True),
    "resolved": Column(bool),
}

SORTS = st.lists(
    st.tuples(st.sampled_from(list(COLUMNS)), st.booleans()),
    min_size=1,
    max_size=sorting.MOST,
    unique_by=lambda one: one[0],
).map(lambda picked: ",".join(f"-{name}" if down else name for name, down in picked))


def in_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, float) and value - value != 0 else value


VALUES = {
    int: st.integers(-(2**63) + 1, 2**63 - 1),
    datetime: st.datetimes(timezones=st.just(UTC)),
    float: st.floats(allow_nan=False),
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    bool: st.booleans(),
}


@given(SORTS, st.data())
def test_a_cursor_gives_back_the_values_of_its_sort(text: str, data: st.DataObject) -> None:
    sort = sorting.parse(text, COLUMNS, "id")
    row = []
    for by in sort:
        column = COLUMNS[by.name]
        one = VALUES[column.kind]
        row.append(data.draw(st.none() | one if column.nullable else one))
    made = sorting.cursor(sort, [in_json(value) for value in row])
    assert sorting.read(made, sort, COLUMNS) == row
    assert not set(made) & set("+/=&?# ")


def test_the_key_decides_in_the_direction_of_the_column_before_it() -> None:
    assert sorting.parse("-created_at", COLUMNS, "id") == (By("created_at", True), By("id", True))
    assert sorting.parse("-value, robot_id", COLUMNS, "id")[-1] == By("id", False)
    assert sorting.parse("-id,value", COLUMNS, "id") == (By("id", True), By("value"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there are id, created_at"),
        ("title", "there are id, created_at"),
        ("--id", "there are id"),
        ("id,", "there are id"),
        ("id;drop table alerts", "there are id"),
        ("id,-id", "twice"),
        ("id,value,robot_id,resolved,created_at", "at most 4"),
    ],
)
def test_no_sort_of_this_list(text: str, why: str) -> None:
    with pytest.raises(sorting.BadSort, match=why):
        sorting.parse(text, COLUMNS, "id")


def test_a_cursor_of_another_sort_is_refused_by_name() -> None:
    newest = sorting.parse("-created_at", COLUMNS, "id")
    oldest = sorting.parse("created_at", COLUMNS, "id")
    cursor = sorting.cursor(newest, ["2026-01-31T08:00:00+00:00", 7])
    with pytest.raises(sorting.BadSort, match="another sort"):
        sorting.read(cursor, oldest, COLUMNS)


@pytest.mark.parametrize(
    "parts",
    [
        [None, 1], ["2026-01-31T08:00:00", 1], ["yesterday", 1], [5, 1],
        ["2026-01-31T08:00:00Z", None], ["2026-01-31T08:00:00Z", True],
        ["2026-01-31T08:00:00Z", 2**63], ["2026-01-31T08:00:00Z", "1"],
        ["2026-01-31T08:00:00Z"], ["2026-01-31T08:00:00Z", 1, 1], [["x"], 1],
    ],
)  # fmt: skip
def test_values_that_are_none_of_their_columns(parts: list[Any]) -> None:
    sort = sorting.parse("-created_at", COLUMNS, "id")
    text = json.dumps(["-created_at,-id", *parts])
    made = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(page.BadCursor):
        sorting.read(made, sort, COLUMNS)


@given(st.text(), SORTS)
def test_any_text_is_a_bad_cursor(text: str, asked: str) -> None:
    with pytest.raises((page.BadCursor, sorting.BadSort)):
        sorting.read(text, sorting.parse(asked, COLUMNS, "id"), COLUMNS)


def test_numbers_in_names_are_counted() -> None:
    names = ["h10", "h2", "", "10", "9a", "h2b1", "h", "sim_09", "sim_10", "sim_1"]
    counted = ["", "9a", "10", "h", "h2", "h2b1", "h10", "sim_1", "sim_09", "sim_10"]
    assert sorted(names, key=sorting.natural) == counted

"""Cursors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core import page


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 2**63 - 1))
def test_what_goes_in_comes_out(at: datetime, row: int) -> None:
    text = page.time_cursor((at, row))
    assert page.read_time(text) == (at, row)
    assert text.isascii()
    assert not set(text) & set("+/=&?# ")


def test_names_come_out() -> None:
    assert page.read_name(page.name_cursor("a:b.C-1")) == "a:b.C-1"


@given(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1"))))
def test_anything_else_is_a_bad_cursor_or_a_key(text: str) -> None:
    for read in (page.read_time, page.read_name):
        try:
            read(text)
        except page.BadCursor:
            continue


@pytest.mark.parametrize(
    "parts",
    [[], ["x"], ["2026-01-01T00:00:00", 1], ["2026-01-01T00:00:00Z", -1], [1, 2],
     ["2026-01-01T00:00:00Z", 2**63], ["2026-01-01T00:00:00Z", 1, 2], ["\x00"]],
)  # fmt: skip
def test_keys_that_are_none(parts: list) -> None:
    with pytest.raises(page.BadCursor):
        page.read_time(page.cursor(parts))


def test_one_kind_is_not_the_other() -> None:
    with pytest.raises(page.BadCursor):
        page.read_time(page.name_cursor("r1"))
    with pytest.raises(page.BadCursor):
        page.read_name(page.time_cursor((datetime(2026, 1, 1, tzinfo=UTC), 1)))

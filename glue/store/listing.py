"""Lists of one noun, composed from the named blocks of its SQL file.

=============  ==================================================================================
``page``       the query, with ``{key}``, ``{where}``, ``{order}`` and ``LIMIT %(rows)s``;
               ``{key}`` comes back as ``sort_key``
``if_<name>``  what the filter ``name`` lets through; its value is the parameter ``%(name)s``
``by_<name>``  what the sort column ``name`` sorts by
=============  ==================================================================================

Only the conditions that were asked for stand in the query, and it is not prepared, so that
PostgreSQL plans for just these: a rare text wants another plan than a frequent one. A page starts
after the values of the row before it and is a transaction of its own: no page holds anything for
the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed, Placeholder

from glue.core.page import Part
from glue.core.sorting import By, Column, Sort
from glue.store import references
from glue.store.queries import Queries

Row = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """A noun's list. ``key`` is the sort column that no two rows share."""

    queries: Queries
    columns: Mapping[str, Column]
    default: str
    key: str = "id"


@dataclass(frozen=True)
class Page:
    """``rows``, and the last one's sort values, as in JSON, when more follow."""

    rows: list[Row]
    last: list[Part] | None


async def page(
    conn: AsyncConnection,
    listing: Listing,
    filters: Mapping[str, Any],
    sort: Sort,
    after: Sequence[Any] | None,
    rows: int,
) -> Page:
    """At most ``rows`` rows after the one with the sort values ``after``. A filter that is None
    lets everything through. Raises ``UnknownNames`` for one that names what is not there."""
    wanted = _given(filters)
    await references.check_filters(conn, wanted)
    placed = {f"after_{n}": value for n, value in enumerate(after or ())}
    query = _query(listing, wanted, sort, after)
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {**wanted, **placed, "rows": rows + 1}, prepare=False)
        found = await cursor.fetchall()
    keys = [row.pop("sort_key") for row in found]
    return Page(found[:rows], json.loads(keys[rows - 1]) if len(found) > rows else None)


async def selected(
    conn: AsyncConnection,
    listing: Listing,
    block: LiteralString,
    filters: Mapping[str, Any],
    **more: Any,
) -> list[Row]:
    """The rows of another query over the listing's table: ``block`` with ``{where}``. ``more`` are
    further parameters of it. Raises as :func:`page` does."""
    wanted = _given(filters)
    await references.check_filters(conn, wanted)
    async with conn.cursor(row_factory=dict_row) as cursor:
        query = SQL(block).format(where=_where(listing, wanted))
        await cursor.execute(query, {**wanted, **more}, prepare=False)
        return await cursor.fetchall()


def _given(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}


def _where(listing: Listing, filters: Mapping[str, Any]) -> Composed:
    conditions = [SQL(getattr(listing.queries, f"if_{name}")) for name in filters]
    return SQL(" AND ").join(conditions or [SQL("true")])


def _query(
    listing: Listing, filters: Mapping[str, Any], sort: Sort, after: Sequence[Any] | None
) -> Composed:
    by = {step.name: SQL(getattr(listing.queries, f"by_{step.name}")) for step in sort}
    conditions: list[Composable] = [_where(listing, filters)]
    if after is not None:
        conditions += _after(listing, sort, by, after)
    return SQL(listing.queries.page).format(
        key=SQL("jsonb_build_array({})::text").format(
            SQL(", ").join(by[step.name] for step in sort)
        ),
        where=SQL(" AND ").join(conditions),
        order=SQL(", ").join(_order(listing, step, by[step.name]) for step in sort),
    )


def _order(listing: Listing, step: By, by: SQL) -> Composed:
    # Nulls are only spoken of where there are some: an index is not taken for the other order.
    nulls = " NULLS LAST" if listing.columns[step.name].nullable else ""
    return by + SQL((" DESC" if step.descending else " ASC") + nulls)


def _after(
    listing: Listing, sort: Sort, by: Mapping[str, SQL], after: Sequence[Any]
) -> Iterator[Composable]:
    """Conditions of the rows behind the values ``after``: the first column is behind, or it is
    equal and the next one is behind, and so on."""
    marks = [Placeholder(f"after_{n}") for n in range(len(sort))]
    nullable = [listing.columns[step.name].nullable for step in sort]
    if not any(nullable) and len({step.descending for step in sort}) == 1:
        # One comparison of rows, which an index on the columns answers.
        left = SQL(", ").join(by[step.name] for step in sort)
        yield SQL("({}) {} ({})").format(left, _sign(sort[0]), SQL(", ").join(marks))
        return
    if not nullable[0]:
        yield SQL("{} {}= {}").format(by[sort[0].name], _sign(sort[0]), marks[0])
    equal: list[Composable] = []
    behind: list[Composable] = []
    for step, mark, value in zip(sort, marks, after, strict=True):
        column = by[step.name]
        if value is not None:
            further = SQL("{} {} {}").format(column, _sign(step), mark)
            if listing.columns[step.name].nullable:
                further = SQL("({} OR {} IS NULL)").format(further, column)
            behind.append(SQL(" AND ").join([*equal, further]))
        same = "{} IS NULL" if value is None else "{} = {}"
        equal.append(SQL(same).format(column, mark))
    yield SQL("({})").format(SQL(" OR ").join(behind))


def _sign(step: By) -> SQL:
    return SQL("<" if step.descending else ">")

"""Lists: a page of a noun's rows, filtered and sorted, and the cursor of the next page.

A route takes ``asked: Annotated[listing.Asked, listing.of(alert_reads.ALERTS)]`` beside its own
filters and answers ``await listing.page(request, asked, filters)`` as ``{items, next}``.
"""

# No `from __future__ import annotations`: a parameter's description is only known at run time.

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from glue import store
from glue.api.conventions.fields import Cursor, PageLimit, Text
from glue.api.conventions.problems import Refused
from glue.core import sorting
from glue.core.page import LIMIT, BadCursor
from glue.store import listing as rows
from glue.store.listing import Listing


@dataclass(frozen=True)
class Asked:
    """Which page of a listing: at most ``limit`` rows after the sort values ``after``."""

    listing: Listing
    sort: sorting.Sort
    after: list[Any] | None
    limit: int


@dataclass(frozen=True)
class Found:
    """``items`` as the store gives them; ``next`` is None on the last page."""

    items: list[rows.Row]
    next: str | None


def of(listing: Listing) -> Any:
    """Dependency: the query parameters ``sort``, ``limit``, ``cursor`` of ``listing``, as
    :class:`Asked`. Refuses a sort or cursor that is not of it."""
    described = (
        f"Columns, with `-` for descending: {', '.join(f'`{name}`' for name in listing.columns)}."
        f" `{listing.key}` decides between equals; rows without a value come last."
    )

    async def asked(
        sort: Annotated[
            Text, Query(max_length=200, description=described, examples=[listing.default])
        ] = listing.default,
        limit: PageLimit = LIMIT,
        cursor: Cursor = None,
    ) -> Asked:
        try:
            steps = sorting.parse(sort, listing.columns, listing.key)
        except sorting.BadSort as error:
            raise Refused("query.sort", str(error)) from None
        try:
            after = sorting.read(cursor, steps, listing.columns) if cursor else None
        except sorting.BadSort as error:
            raise Refused("query.cursor", str(error)) from None
        except BadCursor:
            raise Refused("query.cursor", "not a cursor of this list; start without one") from None
        return Asked(listing, steps, after, limit)

    return Depends(asked)


async def page(request: Request, asked: Asked, filters: Mapping[str, Any]) -> Found:
    """The page that was asked for. Raises ``StoreUnavailable``."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await rows.page(conn, asked.listing, filters, asked.sort, asked.after, asked.limit)
    more = sorting.cursor(asked.sort, found.last) if found.last is not None else None
    return Found(found.rows, more)

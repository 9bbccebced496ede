"""Exports: every row of a listing that the filters let through, streamed.

Rows are read in pages by id, each in a transaction of its own, so that the memory needed does not
depend on how many there are, and nothing is held in PostgreSQL while a slow client reads. What
fails on the way breaks the transfer off: half a file never looks like a whole one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, TypeAdapter

from glue import store
from glue.api.conventions.problems import documented
from glue.core import csv_text, sorting
from glue.store import listing
from glue.store.listing import Listing

ROWS = 1000
"""Rows of one page: some 10 ms of rendering."""

Format = Annotated[
    Literal["csv", "json", "ndjson"],
    Query(
        description="`csv` begins with a byte order mark, by which Excel knows UTF-8 (Python reads"
        " `utf-8-sig`); `json` is one array, `ndjson` one object a line."
    ),
]

MEDIA = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows by id, as a file.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    **documented(401, 403, 422, 503),
}
"""``responses=`` of an export's route, which also says ``response_class=StreamingResponse``."""


async def stream(
    request: Request,
    asked: Listing,
    filters: Mapping[str, Any],
    shape: type[BaseModel],
    form: str,
    name: str,
) -> StreamingResponse:
    """The rows, each as ``shape``, in ``form`` (:data:`Format`), as a file named after ``name``.

    The first page is read before anything is answered. Raises ``StoreUnavailable``.
    """
    pages = _pages(request.app.state.pool, asked, filters, TypeAdapter(list[shape]), form)  # type: ignore[valid-type]
    first = await anext(pages)
    made = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{made}.{form}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_whole(form, shape, first, pages), 200, headers, MEDIA[form])


async def _whole(
    form: str, shape: type[BaseModel], first: str, others: AsyncIterator[str]
) -> AsyncIterator[str]:
    if form == "csv":
        yield csv_text.MARK + csv_text.lines([[*shape.model_fields, *shape.model_computed_fields]])
    yield ("[\n" if form == "json" else "") + first
    async for other in others:
        if other:
            yield (",\n" if form == "json" else "") + other
    if form == "json":
        yield "\n]\n"


async def _pages(
    pool: store.Pool,
    asked: Listing,
    filters: Mapping[str, Any],
    rows: TypeAdapter[list[BaseModel]],
    form: str,
) -> AsyncIterator[str]:
    sort = sorting.parse(asked.key, asked.columns, asked.key)
    after = None
    while True:
        async with store.transaction(pool) as conn:
            page = await listing.page(conn, asked, filters, sort, after, ROWS)
        # In a thread, so that other requests are answered meanwhile.
        yield await asyncio.to_thread(_rendered, form, rows, page.rows)
        if page.last is None:
            return
        after = sorting.values(sort, page.last, asked.columns)


def _rendered(form: str, rows: TypeAdapter[list[BaseModel]], page: list[listing.Row]) -> str:
    shaped = rows.validate_python(page)
    if form == "csv":
        return csv_text.lines(_cells(row) for row in shaped)
    if form == "json":
        return ",\n".join(row.model_dump_json() for row in shaped)
    return "".join(row.model_dump_json() + "\n" for row in shaped)


def _cells(row: BaseModel) -> list[Any]:
    return [_cell(value) for value in row.model_dump(mode="json").values()]


def _cell(value: Any) -> Any:
    """What stands in a cell of CSV."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return value

"""Reports written and removed, and links that open one file until they expire.

Of a link's token only a hash is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.report.content import Content, Scope
from glue.store.listing import Row
from glue.store.queries import load

sql = load("report_files")


class Link(NamedTuple):
    report_id: int
    format: str


async def add(conn: AsyncConnection, content: Content, file_path: str, created_by: str) -> int:
    """The report's id. ``file_path`` is relative to the folder of reports."""
    scope = content.scope
    named = {
        "title": content.title,
        "description": " ".join(content.summary)[:2000],
        "robot_id": _robot(scope),
        "report_type": content.kind,
        "data": Jsonb(content.model_dump(mode="json")),
        "file_path": file_path,
        "created_by": created_by,
    }
    (row,) = await _rows(conn, sql.add, named)
    return int(row["id"])


def _robot(scope: Scope) -> str | None:
    """The robot that the report is about, also where it says that it has nothing of it."""
    if scope.kind != "robot":
        return None
    return scope.robots[0][0] if scope.robots else scope.title


async def hold(conn: AsyncConnection, report_id: int) -> Row | None:
    """The report, held until the transaction ends."""
    found = await _rows(conn, sql.hold, {"id": report_id})
    return found[0] if found else None


async def delete(conn: AsyncConnection, report_id: int) -> None:
    await conn.execute(sql.delete, {"id": report_id})


async def old(conn: AsyncConnection, days: int, rows: int) -> list[str]:
    """Files of reports older than ``days``, which the reports do without from now on."""
    return [row["file_path"] for row in await _rows(conn, sql.old, {"days": days, "rows": rows})]


async def add_link(conn: AsyncConnection, report_id: int, form: str, days: int) -> str:
    """The token of a new link, which nobody can read here later."""
    token = secrets.token_urlsafe(32)
    named = {"token_hash": _hash(token), "report_id": report_id, "format": form, "days": days}
    await conn.execute(sql.add_link, named)
    return token


async def link(conn: AsyncConnection, token: str) -> Link | None:
    """What ``token`` opens; None when there is no such link, or not any more."""
    found = await _rows(conn, sql.link, {"token_hash": _hash(token)})
    return Link(**found[0]) if found else None


async def prune_links(conn: AsyncConnection) -> int:
    return (await conn.execute(sql.prune_links)).rowcount


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

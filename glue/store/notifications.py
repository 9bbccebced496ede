"""Notification targets and routes. A target's address is kept sealed; what is read here never
opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from glue.core.routes import EVERY_DAY, Route, Window
from glue.store.queries import load

sql = load("notifications")

Row = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A row of ``notification_targets``. ``masked`` may be shown, ``sealed`` may not."""

    id: int
    name: str
    scheme: str
    masked: str
    sealed: str
    title_template: str | None
    body_template: str | None
    enabled: bool
    created_by: str
    created_at: datetime
    last_delivered_at: datetime | None
    failing_since: datetime | None
    last_error: str | None


async def targets(conn: AsyncConnection) -> list[Target]:
    """All, by name."""
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        return await (await cursor.execute(sql.targets)).fetchall()


async def target(conn: AsyncConnection, target_id: int, hold: bool = False) -> Target | None:
    """One; ``hold``: nobody else changes it until the transaction ends."""
    query = sql.hold_target if hold else sql.target
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        return await (await cursor.execute(query, {"id": target_id})).fetchone()


async def target_named(conn: AsyncConnection, name: str) -> Target | None:
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        return await (await cursor.execute(sql.target_named, {"name": name})).fetchone()


async def add_target(conn: AsyncConnection, values: Mapping[str, Any]) -> Target | None:
    """None when the name is taken."""
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        return await (await cursor.execute(sql.add_target, values)).fetchone()


async def change_target(
    conn: AsyncConnection, target_id: int, values: Mapping[str, Any]
) -> Target | None:
    """Of a target that is there and held: None when the name is taken."""
    async with conn.cursor(row_factory=class_row(Target)) as cursor:
        named = {**values, "id": target_id}
        return await (await cursor.execute(sql.change_target, named)).fetchone()


async def delete_target(conn: AsyncConnection, target_id: int) -> int:
    """Also gives up what was queued for it, and says how many rows that were."""
    given_up = (await conn.execute(sql.give_up_target, {"id": target_id})).rowcount
    await conn.execute(sql.delete_target, {"id": target_id})
    return given_up


async def lock_routes(conn: AsyncConnection) -> None:
    """Be the only one to change routes, or to delete targets, until the transaction ends."""
    await conn.execute(sql.lock_routes)


async def routes_of_target(conn: AsyncConnection, target_id: int) -> list[str]:
    """Names of the routes that tell it."""
    cursor = await conn.execute(sql.routes_of_target, {"id": target_id})
    return [row[0] for row in await cursor.fetchall()]


async def route_rows(conn: AsyncConnection) -> list[Row]:
    """All, in the order in which they are tried."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.routes)).fetchall()


async def routes(conn: AsyncConnection) -> list[Route]:
    """The same, as the core takes them."""
    return [_route(row) for row in await route_rows(conn)]


async def route(conn: AsyncConnection, route_id: int, hold: bool = False) -> Row | None:
    query = sql.hold_route if hold else sql.route
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, {"id": route_id})).fetchone()


async def add_route(conn: AsyncConnection, values: Mapping[str, Any]) -> Row | None:
    """``values`` by column; None when the name is taken."""
    return await _write(conn, sql.add_route, values)


async def change_route(
    conn: AsyncConnection, route_id: int, values: Mapping[str, Any]
) -> Row | None:
    """Of a route that is there and held: None when the name is taken."""
    return await _write(conn, sql.change_route, {**values, "id": route_id})


async def delete_route(conn: AsyncConnection, route_id: int) -> bool:
    return (await conn.execute(sql.delete_route, {"id": route_id})).rowcount > 0


async def _write(conn: AsyncConnection, query: Any, values: Mapping[str, Any]) -> Row | None:
    named = {**values}
    for name in ("hours", "quiet_hours"):
        named[name] = None if named[name] is None else Jsonb(named[name])
    try:
        async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
            return await (await cursor.execute(query, named)).fetchone()
    except UniqueViolation:
        return None


def _route(row: Row) -> Route:
    return Route(
        id=row["id"],
        name=row["name"],
        targets=tuple(row["targets"]),
        enabled=row["enabled"],
        severities=frozenset(row["severities"]),
        types=frozenset(row["types"]),
        metrics=frozenset(row["metrics"]),
        robots=tuple(row["robots"]),
        groups=frozenset(row["groups"]),
        hours=_window(row["hours"]),
        quiet_hours=_window(row["quiet_hours"]),
        escalate_after=row["escalate_after"],
        escalate_to=tuple(row["escalate_to"]),
        repeat_every=row["repeat_every"],
        send_resolved=row["send_resolved"],
        group_wait=row["group_wait"],
        group_interval=row["group_interval"],
        go_on=row["go_on"],
    )


def _window(kept: Row | None) -> Window | None:
    if kept is None:
        return None
    return Window(
        time.fromisoformat(kept["start"]),
        time.fromisoformat(kept["end"]),
        kept["zone"],
        frozenset(kept["weekdays"]) or EVERY_DAY,
    )

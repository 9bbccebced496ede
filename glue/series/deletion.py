"""Removing the series of robots, in InfluxDB 1.x and 2.x.

1.x drops series by a regular expression on the tag. 2.x knows no such thing in InfluxQL; its delete
API takes equality only, so there each robot is one request. Both go on listing a tag's values when
their points are gone, so who has points is known from the series.
"""

from __future__ import annotations

import asyncio
import re

import httpx

from glue.series import token
from glue.series.direct import DIRECT
from glue.series.query import Query, SeriesError, SeriesUnavailable, answering
from glue.settings import Influx

AT_ONCE = 4
TIMEOUT_S = 60.0
EVER = "2200-01-01T00:00:00Z"
"""After every point, limits (which are points of 2100) included."""


async def robots_with_series(settings: Influx, prefix: str) -> list[str]:
    """Ids that start with ``prefix`` and have points."""
    async with Query(settings, timeout=TIMEOUT_S) as query:
        found = await query.query("SHOW SERIES")
    ids = {_id_in(row[one.columns.index("key")]) for one in found for row in one.rows}
    return sorted(robot_id for robot_id in ids if robot_id and robot_id.startswith(prefix))


def _id_in(key: str) -> str:
    """The robot's id in a series key, ``measurement,robot_id=r1,unit=C``; '' without one."""
    found = re.search(r",robot_id=([^,]*)", key)
    return found[1] if found else ""


async def forget(settings: Influx, prefix: str) -> list[str]:
    """Removes all points of robots whose id starts with ``prefix``; gives those ids.

    Raises :class:`SeriesUnavailable` when InfluxDB is away, :class:`SeriesError` when it refuses.
    """
    if not prefix:
        raise ValueError("an empty prefix would remove the whole fleet")
    ids = await robots_with_series(settings, prefix)
    if not ids:
        return ids
    if await _is_1(settings):
        pattern = re.escape(prefix).replace("/", "\\/")
        async with Query(settings, timeout=TIMEOUT_S) as query:
            await query.query(f'DROP SERIES FROM /.*/ WHERE "robot_id" =~ /^{pattern}/')
    else:
        await _delete_each(settings, ids)
    return ids


async def _is_1(settings: Influx) -> bool:
    with answering(settings.url):
        async with httpx.AsyncClient(timeout=TIMEOUT_S, mounts=DIRECT) as client:
            answer = await client.get(f"{settings.url}{token.GENERATION}")
    return not token.is_second(answer.status_code)


async def _delete_each(settings: Influx, ids: list[str]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(
        base_url=settings.url,
        headers={"Authorization": f"Token {token.of_second(settings.token)}"},
        params={"org": settings.org, "bucket": settings.bucket},
        timeout=TIMEOUT_S,
        mounts=DIRECT,
    ) as client:

        async def delete(robot_id: str) -> None:
            body = {
                "start": "1970-01-01T00:00:00Z",
                "stop": EVER,
                "predicate": f'robot_id="{robot_id}"',
            }
            async with gate:
                try:
                    answer = await client.post("/api/v2/delete", json=body)
                except httpx.HTTPError as error:
                    raise SeriesUnavailable(f"InfluxDB does not answer: {error!r}") from error
            if answer.status_code >= 400:
                raise SeriesError(f"InfluxDB does not delete {robot_id}: {answer.text.strip()}")

        await asyncio.gather(*(delete(robot_id) for robot_id in ids))

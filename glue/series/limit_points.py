"""The limits' own database: reading its points and writing them.

Written with an account that may write there and nowhere else; where there is none (a home from
before it, a 2.x in containers, whose tokens InfluxDB chooses) with the glue's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from glue.core import limit_points
from glue.core.limit_points import Fields, Key
from glue.series import admin, token
from glue.series.direct import DIRECT
from glue.series.query import Query, SeriesError, SeriesUnavailable, answering
from glue.settings import Influx

TIMEOUT_S = 15.0
AT_ONCE = 5000
"""Points of one request."""


class LimitPoints:
    """All points of :data:`glue.core.limit_points.DATABASE`."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        self._database = settings.model_copy(update={"bucket": limit_points.DATABASE})

    async def stored(self) -> dict[Key, Fields]:
        """What is there by robot and measurement. Raises ``SeriesUnavailable``, ``SeriesError``."""
        found: dict[Key, Fields] = {}
        async with Query(self._database, timeout=TIMEOUT_S) as query:
            for measurement in limit_points.MEASUREMENTS:
                statement = (
                    f"SELECT * FROM \"{measurement}\" WHERE time = '{limit_points.AT}'"
                    ' GROUP BY "robot_id"'
                )
                for one in await query.query(statement):
                    fields = zip(one.columns[1:], one.rows[-1][1:], strict=True)
                    key = one.tags["robot_id"], measurement
                    found[key] = {n: _number(v) for n, v in fields if v is not None}
        return found

    async def stored_or_made(self) -> dict[Key, Fields]:
        """The same; where there is no such database, it is made, as far as the glue's own token
        may. Raises ``SeriesUnavailable``, ``SeriesError``."""
        try:
            return await self.stored()
        except SeriesUnavailable:
            raise
        except SeriesError as error:
            try:
                await asyncio.to_thread(admin.make_limits, self._settings)
                return await self.stored()
            except SeriesUnavailable:
                raise
            except SeriesError as refused:
                raise SeriesError(
                    f"the limits cannot be read in InfluxDB's {limit_points.DATABASE}: {error};"
                    f" and it cannot be made: {refused}. docs/adoption.md says how"
                ) from None

    async def write(self, lines: Sequence[str]) -> None:
        """Write points of line protocol. Raises ``SeriesUnavailable``, ``SeriesError``."""
        where = {"org": self._settings.org, "bucket": limit_points.DATABASE, "precision": "ns"}
        url = self._settings.url
        with answering(url):
            async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, mounts=DIRECT) as client:
                headers = {"Authorization": f"Token {await self._token(client)}"}
                for first in range(0, len(lines), AT_ONCE):
                    answer = await client.post(
                        "/api/v2/write",
                        params=where,
                        headers=headers,
                        content="\n".join(lines[first : first + AT_ONCE]).encode(),
                    )
                    _check(answer)

    async def _token(self, client: httpx.AsyncClient) -> str:
        ours, own = self._settings.limits_token, self._settings.token
        second = token.is_second((await client.get(token.GENERATION)).status_code)
        if second and (":" in ours.get_secret_value() or not ours.get_secret_value()):
            return token.of_second(own)
        return (ours.get_secret_value() or own.get_secret_value()).strip()


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    text = f"InfluxDB does not take the limits ({answer.status_code}): {answer.text.strip()[:300]}"
    raise SeriesUnavailable(text) if answer.status_code >= 500 else SeriesError(text)


def _number(value: float | str) -> float | str:
    # Go writes whole numbers without a point, and JSON has no other way to tell them from integers.
    return value if isinstance(value, str) else float(value)

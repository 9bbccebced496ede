"""Reading series with InfluxQL, which InfluxDB 1.x, 2.x and 3.x all speak.

influxdb-client reads Flux only, and Flux is many times slower on fleet-wide windows (see
docs/decisions), so the ``/query`` endpoint is asked directly. The header ``Authorization: Token``
and the bucket's name as ``db`` work on 1.12 (``user:password``) and on 2.x.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from glue.series.direct import DIRECT
from glue.settings import Influx


class SeriesError(Exception):
    """InfluxDB refused the query; the text is InfluxDB's own."""


class SeriesUnavailable(SeriesError):
    """InfluxDB cannot be reached, or answers 5xx; worth trying again."""


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Raise :class:`SeriesUnavailable` where a request inside gets no answer from ``url``."""
    try:
        yield
    except httpx.HTTPError as error:
        raise SeriesUnavailable(f"InfluxDB at {url} does not answer: {error!r}") from error


@dataclass(frozen=True)
class Series:
    """One group of a result: its tags, and rows of ``columns``; ``time`` is Unix milliseconds."""

    name: str
    tags: dict[str, str]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def last(self, column: str) -> Any:
        """The column's value in the last row; None when there is no row."""
        return self.rows[-1][self.columns.index(column)] if self.rows else None


def quote(value: str) -> str:
    """``value`` as an InfluxQL string literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


class Query:
    """Asks one bucket. Use as an async context manager, or call :meth:`close`."""

    def __init__(self, settings: Influx, *, timeout: float = 15.0, compressed: bool = True) -> None:
        """``compressed`` False: for much from near, where packing takes longer than sending."""
        self._bucket = settings.bucket
        encoding = {} if compressed else {"Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            base_url=settings.url,
            headers={"Authorization": f"Token {settings.token.get_secret_value()}", **encoding},
            timeout=timeout,
            mounts=DIRECT,
        )

    async def __aenter__(self) -> Query:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def query(self, statement: str) -> list[Series]:
        """All series of one InfluxQL statement, times in Unix milliseconds.

        Raises :class:`SeriesUnavailable` when InfluxDB is away, :class:`SeriesError` when it
        refuses the statement or the token.
        """
        params = {"db": self._bucket, "q": statement, "epoch": "ms"}
        with answering(str(self._client.base_url)):
            # By POST, because a list of many robots does not fit into a URL.
            response = await self._client.post("/query", data=params)
        if response.status_code >= 500:
            raise SeriesUnavailable(f"InfluxDB answers {response.status_code}: {response.text}")
        if response.status_code >= 400:
            raise SeriesError(f"InfluxDB answers {response.status_code}: {response.text.strip()}")
        try:
            return _parse(response.json())
        except (ValueError, KeyError, AttributeError) as error:
            raise SeriesError(
                f"{self._client.base_url} does not answer as InfluxDB does: {response.text[:200]!r}"
            ) from error

    async def ping(self) -> None:
        """Raises :class:`SeriesUnavailable` unless InfluxDB answers."""
        try:
            (await self._client.get("/ping")).raise_for_status()
        except httpx.HTTPError as error:
            raise SeriesUnavailable(f"InfluxDB does not answer: {error!r}") from error


def _parse(body: dict[str, Any]) -> list[Series]:
    if "error" in body:
        raise SeriesError(body["error"])
    found = []
    for result in body.get("results", []):
        if "error" in result:
            raise SeriesError(result["error"])
        for one in result.get("series", []):
            rows = tuple(map(tuple, one.get("values", [])))
            found.append(
                Series(one.get("name", ""), one.get("tags", {}), tuple(one["columns"]), rows)
            )
    return found

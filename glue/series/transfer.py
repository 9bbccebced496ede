"""All points of the bucket as line protocol, out and in again, in constant memory.

Out: InfluxQL, streamed, in windows of time that are as long as a query may reasonably take. In:
``/api/v2/write``. Both are the same on InfluxDB 1.12 and 2.x, so that either restores into the
other.

The file is gzip, one member a batch: ``zcat`` reads it as a whole, and each member goes into a
write request as it stands. (Lines cannot be counted on: a string may hold a line break.)
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx

from glue.core.line_protocol import FIELD_TYPES, lines, series_key
from glue.series import token
from glue.series.direct import DIRECT
from glue.series.query import SeriesError, SeriesUnavailable, answering
from glue.settings import Influx

BATCH = 5000
"""Points a write request: what InfluxDB's documentation advises."""
ROWS = 10_000
"""Rows in one piece of a streamed answer: the bound of our memory."""
WINDOW_ROWS = 100_000
"""Rows of one query that we aim at: about a second, far below the server's time-out."""
FIRST_WINDOW = 600 * 10**9
SHORTEST_WINDOW = 10**9
TIMEOUT = httpx.Timeout(90.0, connect=10.0)
LEVEL = 4
"""Of gzip: level 6 takes twice the time for a few per cent."""
PAUSES = (0.5, 1, 2, 4, 8, 16)
"""Seconds between tries of a write that InfluxDB is too busy for."""


@dataclass(frozen=True)
class Measurement:
    """A measurement's name and its fields with their types. ``mixed`` are fields that have more
    than one type; their values come as the type that InfluxQL chooses."""

    name: str
    fields: tuple[tuple[str, str], ...]
    mixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Count:
    """Points (a time and tags, with one field or more) and single values."""

    points: int = 0
    values: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.points + other.points, self.values + other.values)


@dataclass(frozen=True)
class Written:
    """What InfluxDB said of an import: points beyond retention, and refused for other reasons."""

    batches: int = 0
    expired: int = 0
    refused: int = 0
    reason: str = ""
    """The first refusal in InfluxDB's words."""


class Transfer:
    """One bucket. A context manager."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        self._client = httpx.Client(
            base_url=settings.url,
            headers={"Authorization": f"Token {settings.token.get_secret_value()}"},
            timeout=TIMEOUT,
            mounts=DIRECT,
        )

    def __enter__(self) -> Transfer:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def measurements(self) -> list[Measurement]:
        """All measurements, by name."""
        types: dict[str, dict[str, list[str]]] = {}
        for one in self._query("SHOW FIELD KEYS"):
            fields = types.setdefault(one["name"], {})
            for name, kind in one["values"]:
                fields.setdefault(name, []).append(kind)
        return [_measurement(name, fields) for name, fields in sorted(types.items())]

    def span(self, measurement: str) -> tuple[int, int] | None:
        """Times of the first and the last point in Unix nanoseconds; None where there is none."""
        name = _identifier(measurement)
        times = []
        for order in ("ASC", "DESC"):
            found = self._query(f"SELECT * FROM {name} ORDER BY time {order} LIMIT 1")
            times += [one["values"][0][0] for one in found if one.get("values")]
        return (min(times), max(times)) if times else None

    def export(
        self, measurement: Measurement, out: BinaryIO, told: Callable[[Count], None]
    ) -> Count:
        """Write all points there are now to ``out``; ``told`` hears how many so far.

        Raises :class:`SeriesUnavailable` or :class:`SeriesError`.
        """
        span = self.span(measurement.name)
        batches = _Batches(out)
        if span is None:
            return batches.count
        start, last = span
        width = FIRST_WINDOW
        while start <= last:
            until = min(start + width, last + 1)
            before = batches.count.points
            self._window(measurement, start, until, batches)
            told(batches.count)
            start, width = until, next_width(width, batches.count.points - before)
        batches.close()
        return batches.count

    def _window(self, measurement: Measurement, start: int, until: int, out: _Batches) -> None:
        columns = ", ".join(f"{_identifier(name)}::field" for name, _ in measurement.fields)
        statement = (
            f"SELECT {columns} FROM {_identifier(measurement.name)} "
            f"WHERE time >= {start} AND time < {until} GROUP BY *"
        )
        for one in self._query(statement):
            key = series_key(measurement.name, one.get("tags", {}))
            out.add(lines(key, measurement.fields, one["values"]))

    def _query(self, statement: str) -> Iterator[dict[str, Any]]:
        """Pieces of series as they come."""
        asked = {
            **{"db": self._settings.bucket, "q": statement, "epoch": "ns"},
            **{"chunked": "true", "chunk_size": str(ROWS)},
        }
        with (
            answering(self._settings.url),
            self._client.stream("POST", "/query", data=asked) as response,
        ):
            if response.is_error:
                response.read()
                _refuse(response)
            for line in response.iter_lines():
                if line.strip():
                    yield from _series(json.loads(line))

    def load(self, file: BinaryIO, told: Callable[[int], None]) -> Written:
        """Write what :meth:`export` made; ``told`` hears the batches so far.

        Points beyond retention, or of another type than the bucket has, are counted: the rest is
        stored all the same. Raises :class:`SeriesUnavailable` or :class:`SeriesError`.
        """
        batches = expired = refused = 0
        reason = ""
        headers = self._write_headers()
        for body in gzip_members(file):
            said = self._write(body, headers)
            batches += 1
            if said:
                beyond, other = dropped(said)
                expired, refused = expired + beyond, refused + other
                reason = reason or (said if other else "")
            told(batches)
        return Written(batches, expired, refused, reason)

    def _write_headers(self) -> dict[str, str]:
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        with answering(self._settings.url):
            second = token.is_second(self._client.get(token.GENERATION).status_code)
        if second:
            headers["Authorization"] = f"Token {token.of_second(self._settings.token)}"
        return headers

    def _write(self, body: bytes, headers: dict[str, str]) -> str:
        """Send one batch; gives what InfluxDB said of the points that it did not take."""
        where = {"org": self._settings.org, "bucket": self._settings.bucket, "precision": "ns"}
        for pause in (*PAUSES, None):
            with answering(self._settings.url):
                response = self._client.post(
                    "/api/v2/write", params=where, content=body, headers=headers
                )
            if response.status_code < 300:
                return ""
            if response.status_code in (400, 422) and "partial write" in response.text:
                return response.text
            busy = response.status_code == 429 or response.status_code >= 500
            if not busy or pause is None:
                _refuse(response)
            time.sleep(pause or 0)
        raise AssertionError("the last try returns or raises")


class _Batches:
    """Collects lines and writes each full batch as one gzip member."""

    def __init__(self, out: BinaryIO) -> None:
        self.count = Count()
        self._out = out
        self._waiting: list[str] = []

    def add(self, made: list[tuple[str, int]]) -> None:
        self.count += Count(len(made), sum(values for _, values in made))
        self._waiting += (line for line, _ in made)
        while len(self._waiting) >= BATCH:
            self._put(self._waiting[:BATCH])
            del self._waiting[:BATCH]

    def close(self) -> None:
        if self._waiting:
            self._put(self._waiting)
            self._waiting = []

    def _put(self, batch: list[str]) -> None:
        gzip = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        text = "\n".join(batch) + "\n"
        self._out.write(gzip.compress(text.encode("utf-8")) + gzip.flush())


def gzip_members(file: BinaryIO) -> Iterator[bytes]:
    """The members of a gzip file, each still compressed. Raises :class:`SeriesError` where it is
    broken."""
    waiting = b""
    while True:
        gzip, member = zlib.decompressobj(31), bytearray()
        while not gzip.eof:
            piece = waiting or file.read(65536)
            if not piece:
                if member:
                    raise SeriesError("the points end in the middle of a batch")
                return
            try:
                gzip.decompress(piece)
            except zlib.error as error:
                raise SeriesError(f"the points are not gzip: {error}") from None
            waiting = gzip.unused_data
            member += piece[: len(piece) - len(waiting)]
        yield bytes(member)


def next_width(width: int, rows: int) -> int:
    """Nanoseconds of the window after one of ``width`` that gave ``rows``: no more than twice as
    long where there is much, quickly longer where there is nothing."""
    if rows == 0:
        return width * 8
    return max(SHORTEST_WINDOW, int(width * min(2.0, WINDOW_ROWS / rows)))


def dropped(said: str) -> tuple[int, int]:
    """(beyond retention, others) of a ``partial write`` answer. All versions name the number; 1.x
    names the retention policy in every answer, 1.12 words it otherwise than those before."""
    found = re.search(r"dropped=(\d+)", said)
    number = int(found.group(1)) if found else 1
    expired = re.search(r"(outside|beyond) retention policy", said) and "conflict" not in said
    return (number, 0) if expired else (0, number)


def _measurement(name: str, fields: dict[str, list[str]]) -> Measurement:
    chosen = {f: min(kinds, key=FIELD_TYPES.index) for f, kinds in fields.items()}
    mixed = tuple(sorted(f for f, kinds in fields.items() if len(set(kinds)) > 1))
    return Measurement(name, tuple(sorted(chosen.items())), mixed)


def _identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _series(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    results = answer.get("results", [])
    if said := answer.get("error") or next((r["error"] for r in results if "error" in r), None):
        raise SeriesError(f"InfluxDB gave up: {said}")
    for result in results:
        yield from result.get("series", [])


def _refuse(response: httpx.Response) -> None:
    text = f"InfluxDB answers {response.status_code}: {response.text.strip()[:300]}"
    raise SeriesUnavailable(text) if response.status_code >= 500 else SeriesError(text)

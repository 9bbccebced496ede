"""Signs of life of the pipeline's parts: events, pull, standby, webhook, evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glue.core import queue_words
from glue.settings.systems import FOR_EVER_DAYS, Influx
from glue.store.queries import load

sql = load("heartbeats")


@dataclass(frozen=True)
class Heartbeat:
    """``at`` when it last beat (aware), ``listened`` the listening clock in seconds."""

    at: datetime
    listened: float
    details: dict[str, Any]


async def beat(conn: AsyncConnection, name: str, at: datetime, details: Mapping[str, Any]) -> None:
    """Record that ``name`` was alive at ``at``."""
    named = {"name": name, "at": at, "details": Jsonb(dict(details))}
    await conn.execute(sql.beat, named)


async def read(conn: AsyncConnection) -> dict[str, Heartbeat]:
    """All heartbeats by name."""
    rows = await (await conn.execute(sql.read)).fetchall()
    return {name: Heartbeat(at, listened, details or {}) for name, at, listened, details in rows}


def queue(beats: Mapping[str, Heartbeat], now: datetime) -> dict[str, Any] | None:
    """Give the broker's queue as it holds ``now`` (:func:`glue.core.queue_words.current`); None
    before the first look at it."""
    beat = beats.get("queue")
    return queue_words.current(beat.details, beat.at, now) if beat else None


async def kept_days(conn: AsyncConnection, influx: Influx) -> float:
    """Give the days that InfluxDB keeps points: as set, else as the last look found the bucket.

    Before the first look (:mod:`glue.retention`) it is as the start found it.
    """
    if influx.retention:
        return float(influx.retention)
    last = (await read(conn)).get("retention")
    found = last.details.get("bucket_days") if last else None
    return influx.kept if found is None else float(found) or FOR_EVER_DAYS


async def listening(conn: AsyncConnection) -> tuple[float, datetime | None]:
    """(seconds on the listening clock, when our heartbeat last came back)."""
    row = await (await conn.execute(sql.listening)).fetchone()
    return (row[0], row[1]) if row else (0.0, None)


async def listen(conn: AsyncConnection, listened: float, silent_after: float, address: str) -> None:
    """Our heartbeat came back: the listening clock shows ``listened`` seconds now.

    ``silent_after`` (s) goes along for the view ``grafana.silence``, the glue's ``address`` for
    browsers for ``grafana.console``.
    """
    details = {"silent_after": silent_after, "address": address}
    named = {"listened": listened, "details": Jsonb(details)}
    await conn.execute(sql.listen, named)

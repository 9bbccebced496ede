"""How long the bucket keeps points: set where ``INFLUXDB_RETENTION_DAYS`` says so and it differs.

A shorter time deletes points, so a bucket whose time nobody set keeps the one that it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from glue.series import token
from glue.series.direct import DIRECT
from glue.series.query import Query, SeriesError, SeriesUnavailable, answering
from glue.settings import Influx
from glue.settings.systems import FOR_EVER_DAYS

log = structlog.get_logger()

TIMEOUT_S = 20.0
DAY_S = 86_400
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Kept:
    """Seconds; 0: for ever. ``before`` differs from ``now`` where it was set."""

    before: int
    now: int


async def keep(settings: Influx) -> Kept:
    """Make the bucket keep points as long as ``INFLUXDB_RETENTION_DAYS`` says, where it is set.

    Raises :class:`SeriesUnavailable` when InfluxDB is away, :class:`SeriesError` when it refuses.
    """
    async with httpx.AsyncClient(base_url=settings.url, timeout=TIMEOUT_S, mounts=DIRECT) as client:
        second = token.is_second((await _send(client, "GET", token.GENERATION)).status_code)
        return await (_second(client, settings) if second else _first(settings))


async def _first(settings: Influx) -> Kept:
    bucket = _name(settings.bucket)
    async with Query(settings, timeout=TIMEOUT_S) as query:
        (policies,) = await query.query(f"SHOW RETENTION POLICIES ON {bucket}")
        rows = [dict(zip(policies.columns, row, strict=True)) for row in policies.rows]
        if not rows:
            raise SeriesError(f"database {settings.bucket} has no retention policy")
        policy = next((row for row in rows if row["default"]), rows[0])
        before = seconds(policy["duration"])
        wanted = _wanted(settings, before)
        if before != wanted:
            await query.query(
                f"ALTER RETENTION POLICY {_name(policy['name'])} ON {bucket}"
                f" {lasts(wanted / DAY_S)} DEFAULT"
            )
    return Kept(before, wanted)


async def _second(client: httpx.AsyncClient, settings: Influx) -> Kept:
    client.headers["Authorization"] = f"Token {token.of_second(settings.token)}"
    asked = {"org": settings.org, "name": settings.bucket}
    answer = await _send(client, "GET", "/api/v2/buckets", params=asked)
    found = answer.json().get("buckets") if answer.is_success else None
    if not found:
        raise SeriesError(f"InfluxDB shows no bucket {settings.bucket}: {answer.text[:300]}")
    before = kept_by(found[0])
    wanted = _wanted(settings, before)
    if before != wanted:
        body = {"retentionRules": rules(wanted / DAY_S)}
        answer = await _send(client, "PATCH", f"/api/v2/buckets/{found[0]['id']}", json=body)
        if not answer.is_success:
            raise SeriesError(f"InfluxDB refuses a retention of {wanted} s: {answer.text[:300]}")
    return Kept(before, wanted)


def _wanted(settings: Influx, before: int) -> int:
    """Seconds that the bucket shall keep points. A change is logged before it is made, for a
    shorter time deletes points."""
    wanted = settings.retention * DAY_S if settings.retention else before
    if wanted != before:
        log.warning("retention.bucket_set", before_s=before, now_s=wanted)
    return wanted


async def _send(client: httpx.AsyncClient, method: str, path: str, **kw: Any) -> httpx.Response:
    with answering(str(client.base_url)):
        answer = await client.request(method, path, **kw)
    if answer.status_code >= 500:
        raise SeriesUnavailable(f"InfluxDB answers {answer.status_code}: {answer.text[:300]}")
    return answer


def days(kept_s: int) -> float:
    """Days of ``kept_s``, whose 0 means for ever."""
    return kept_s / DAY_S or FOR_EVER_DAYS


def lasts(days: float) -> str:
    """The part of an InfluxQL statement about a retention policy."""
    shard = "1d" if days <= 90 else "7d"
    return f"DURATION {round(days * 24)}h REPLICATION 1 SHARD DURATION {shard}"


def rules(days: float) -> list[dict[str, Any]]:
    """The retention rules of a bucket of 2.x."""
    return [{"type": "expire", "everySeconds": round(days * DAY_S)}]


def kept_by(bucket: dict[str, Any]) -> int:
    """Seconds that a bucket of 2.x keeps points; 0: for ever."""
    found = [rule for rule in bucket.get("retentionRules", []) if rule.get("type") == "expire"]
    return int(found[0]["everySeconds"]) if found else 0


def seconds(duration: str) -> int:
    """As 1.x writes it: ``168h0m0s``; 0: for ever."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'

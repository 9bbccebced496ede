"""How long the bucket keeps points: held against the setting, and set where it differs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from glue.series import token
from glue.series.query import Query, SeriesError, SeriesUnavailable
from glue.settings import Influx

TIMEOUT_S = 20.0
DAY_S = 86_400
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Kept:
    """Seconds; 0: for ever. ``before`` differs from ``now`` where it was set."""

    before: int
    now: int


async def keep(settings: Influx) -> Kept:
    """Make the bucket keep points as long as ``INFLUXDB_RETENTION_DAYS`` says.

    Raises :class:`SeriesUnavailable` when InfluxDB is away, :class:`SeriesError` when it refuses.
    """
    async with httpx.AsyncClient(base_url=settings.url, timeout=TIMEOUT_S) as client:
        second = token.is_second((await _send(client, "GET", token.GENERATION)).status_code)
        return await (_second(client, settings) if second else _first(settings))


async def _first(settings: Influx) -> Kept:
    wanted = settings.retention * DAY_S
    bucket = _name(settings.bucket)
    async with Query(settings, timeout=TIMEOUT_S) as query:
        (policies,) = await query.query(f"SHOW RETENTION POLICIES ON {bucket}")
        rows = [dict(zip(policies.columns, row, strict=True)) for row in policies.rows]
        policy = next((row for row in rows if row["default"]), None)
        if policy is None:
            raise SeriesError(f"database {settings.bucket} has no default retention policy")
        before = _seconds(policy["duration"])
        if before != wanted:
            shard = "1d" if settings.retention <= 90 else "7d"
            await query.query(
                f"ALTER RETENTION POLICY {_name(policy['name'])} ON {bucket}"
                f" DURATION {settings.retention}d SHARD DURATION {shard} DEFAULT"
            )
    return Kept(before, wanted)


async def _second(client: httpx.AsyncClient, settings: Influx) -> Kept:
    wanted = settings.retention * DAY_S
    client.headers["Authorization"] = f"Token {token.of_second(settings.token)}"
    asked = {"org": settings.org, "name": settings.bucket}
    answer = await _send(client, "GET", "/api/v2/buckets", params=asked)
    found = answer.json().get("buckets") if answer.is_success else None
    if not found:
        raise SeriesError(f"InfluxDB shows no bucket {settings.bucket}: {answer.text[:300]}")
    rules = [rule for rule in found[0].get("retentionRules", []) if rule.get("type") == "expire"]
    before = int(rules[0]["everySeconds"]) if rules else 0
    if before != wanted:
        body = {"retentionRules": [{"type": "expire", "everySeconds": wanted}]}
        answer = await _send(client, "PATCH", f"/api/v2/buckets/{found[0]['id']}", json=body)
        if not answer.is_success:
            raise SeriesError(f"InfluxDB refuses a retention of {wanted} s: {answer.text[:300]}")
    return Kept(before, wanted)


async def _send(client: httpx.AsyncClient, method: str, path: str, **kw: Any) -> httpx.Response:
    try:
        answer = await client.request(method, path, **kw)
    except httpx.HTTPError as error:
        raise SeriesUnavailable(
            f"InfluxDB at {client.base_url} does not answer: {error!r}"
        ) from error
    if answer.status_code >= 500:
        raise SeriesUnavailable(f"InfluxDB answers {answer.status_code}: {answer.text[:300]}")
    return answer


def _seconds(duration: str) -> int:
    """As 1.x writes it: ``168h0m0s``."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'

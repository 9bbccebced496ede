"""How the pipeline is: each loop's sign of life, who evaluates the rules, how long messages queue,
what was dropped, removed because its time was over, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from pydantic import Field

from glue import store
from glue.api.conventions import access
from glue.api.conventions.fields import Reply, Utc
from glue.api.conventions.problems import documented
from glue.store import heartbeats, refusals

router = access.router("service", access.PREFIX)


class Loop(Reply):
    """A loop of the service. `details` are its own words."""

    name: str
    beat_at: Utc | None = Field(description="When it last did its work.")
    age_s: float | None
    details: dict[str, Any]


class Removed(Reply):
    """The last look at what is over."""

    at: Utc
    deleted: dict[str, int] = Field(description="Rows by table.")
    errors: dict[str, str] = Field(description="What failed, by table; `bucket` is InfluxDB's.")
    log_days: int = Field(description="Log lines and commands are kept so long.")
    bucket_days: float | None = Field(None, description="Points are kept so long.")


class Queue(Reply):
    """The broker's queue between robots and InfluxDB. Null is what is not known now."""

    lag_s: float | None = Field(description="Age of the newest readings that can be queried.")
    events_lag_s: float | None = Field(description="Age of the newest event that was recorded.")
    messages: int | None = Field(description="That the broker keeps for its sessions.")
    messages_limit: int = Field(description="Of one session (`MQTT_QUEUE_MESSAGES`).")
    bytes: int | None = Field(description="Of payload, of those messages.")
    bytes_limit: int = Field(description="Of one session (`MQTT_QUEUE_BYTES`).")
    growth: float | None = Field(description="Messages a second; below 0 the queue drains.")
    minutes_left: float | None = Field(description="Until it is full at that rate.")
    bound: str | None = Field(description="The part that does not keep up; empty: all do.")
    buffer: int | None = Field(description="Points that wait in Telegraf for InfluxDB.")
    dropped: int = Field(description="Messages dropped in a loss of the last quarter of an hour.")
    dropped_since: Utc | None = Field(description="When the last loss began.")
    dropped_last: Utc | None
    dropped_total: int


class Status(Reply):
    """The pipeline. `retention` and `queue` are null until they were first looked at."""

    evaluator: str | None = Field(description="`grafana` or `standby`.")
    queue: Queue | None
    loops: list[Loop]
    retention: Removed | None
    live_streams: int = Field(description="Open now, in this process.")


class Refused(Reply):
    """Messages of a topic family that were refused for one reason."""

    topic: str
    reason: str
    count: int
    last_at: Utc | None
    last_detail: str | None = Field(description="What was wrong with the last one.")


class Refusals(Reply):
    """The newest first. There is one page: `next` is null."""

    items: list[Refused]
    next: None = None


@router.get("/status", responses=documented(401, 403, 503))
async def read_status(request: Request, user: access.Viewer) -> Status:
    """Each loop of the service, the broker's queue, and what retention removed."""
    async with store.transaction(request.app.state.pool) as conn:
        beats = await heartbeats.read(conn)
    now = datetime.now(UTC)
    evaluator, retention = beats.get("evaluator"), beats.get("retention")
    queue = heartbeats.queue(beats, now)
    return Status(
        queue=Queue.model_validate(queue) if queue else None,
        evaluator=evaluator.details.get("evaluator") if evaluator else None,
        loops=[_loop(name, beats[name], now) for name in sorted(beats)],
        retention=Removed(at=retention.at, **retention.details) if retention else None,
        live_streams=request.app.state.live.listeners,
    )


@router.get("/refusals", responses=documented(401, 403, 503))
async def list_refusals(request: Request, user: access.Viewer) -> Refusals:
    """Robots' messages that the glue refused, counted by topic family and reason."""
    async with store.transaction(request.app.state.pool) as conn:
        found = await refusals.listed(conn)
    return Refusals(items=[Refused.model_validate(one) for one in found])


def _loop(name: str, beat: heartbeats.Heartbeat, now: datetime) -> Loop:
    age = max(0.0, (now - beat.at).total_seconds()) if beat.at else None
    return Loop(name=name, beat_at=beat.at, age_s=age, details=beat.details)

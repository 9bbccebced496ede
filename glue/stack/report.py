"""What ``tonypi status`` tells: each part, who evaluates the rules, how long messages queue and how
many were dropped, what was refused and why, what was removed because its time was over.

Asks only what answers; a database that is away leaves its lines out and says so.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from glue import store
from glue.series.query import Query, Series, SeriesError
from glue.settings import Settings
from glue.stack import pidfiles
from glue.stack.home import Home
from glue.store import StoreError, heartbeats, refusals
from glue.store.refusals import Refused
from glue.sync import report as sync

Facts = dict[str, Any]

HINTS = {
    "unknown_topic": "topics begin with tonypi/ in small letters, without a slash before it or two"
    " in a row, as in tonypi/sensors/<robot id>"
}
"""What to do about a reason of Telegraf's, where its name does not say it."""


NO_PARTS: Facts = {"running": False, "supervisor": None, "trouble": "", "parts": {}}
"""Where nothing is run by a supervisor of ours."""


def parts(home: Home) -> Facts:
    """``running``, ``supervisor`` (its pid) and one entry a part, from the supervisor's record."""
    # The glue asks too, and may not touch the lock.
    running = pidfiles.recall(home.pidfile("supervisor")) is not None
    state = home.read_state() if running else {}
    now = time.time()
    told = {
        name: {
            "state": part["state"],
            "pid": part["pid"],
            "user": part.get("user"),
            "root_because": part.get("root_because", ""),
            "restarts": part["restarts"],
            "uptime_s": round(now - part["since"], 1) if part["state"] == "ready" else None,
            "url": part["url"],
            "log": part["log"],
            "reason": part["reason"],
        }
        for name, part in state.get("parts", {}).items()
    }
    return {
        "running": running,
        "home": str(home.path),
        "supervisor": state.get("supervisor", {}).get("pid"),
        "trouble": state.get("supervisor", {}).get("trouble", ""),
        "parts": told,
    }


async def told_by_store(settings: Settings) -> Facts:
    """What :func:`told_by` tells, over a connection of its own. Raises ``StoreError``."""
    # The pool reports every attempt; what it comes to is told once, by whoever catches it.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    single = settings.postgres.model_copy(update={"pool_size": 1, "pool_max": 1})
    async with store.open_pool(single) as pool:
        return await told_by(pool, settings)


async def told_by(pool: store.Pool, settings: Settings) -> Facts:
    """Who evaluates the rules (``name``, ``since``, ``reason``), the broker's queue as last looked
    at (:func:`glue.core.queue_words.current`), what the glue refused, what became of what is over,
    and when the rules' limits were last written (``at``), or why not (``trouble``). Raises
    ``StoreUnavailable``."""
    async with store.transaction(pool) as conn:
        beats = await heartbeats.read(conn)
        refused = await refusals.listed(conn)
    beat, retention, limits = (beats.get(n) for n in ("evaluator", "retention", "limits"))
    if beat is None:
        charge: Facts = {"name": None, "reason": "the glue has not said yet"}
    else:
        name = beat.details.get("evaluator")
        charge = {"name": name, "reason": "", **beat.details, "beat_at": beat.at.isoformat()}
    return {
        "evaluator": charge,
        "queue": heartbeats.queue(beats, datetime.now(UTC)),
        "refused": [_by("glue", one) for one in refused],
        "retention": {"at": retention.at.isoformat(), **retention.details} if retention else None,
        "limits": {"at": limits.at.isoformat(), **limits.details} if limits else None,
        "grafana": _in_step(settings, beats),
    }


def _in_step(settings: Settings, beats: dict[str, heartbeats.Heartbeat]) -> str | None:
    if not settings.grafana.url:
        return None
    return sync.told(beats.get(sync.HEARTBEAT), []).summary()


async def refused_metrics(settings: Settings) -> list[Facts]:
    """Messages that Telegraf refused, as far back as the bucket keeps them."""
    by = 'FROM "refused" GROUP BY "topic", "reason"'
    async with Query(settings.influx, timeout=5.0) as query:
        totals = await query.query(f'SELECT sum("count") AS "count" {by}')
        # A sum has no time of its own.
        newest = await query.query(f'SELECT last("count") {by}')
    last_at = {_whose(s): datetime.fromtimestamp(s.last("time") / 1000, UTC) for s in newest}
    return [
        _by(
            "telegraf",
            Refused(
                *_whose(series),
                count=int(series.last("count") or 0),
                last_at=last_at.get(_whose(series)),
                last_detail=HINTS.get(series.tags.get("reason", "")),
            ),
        )
        for series in totals
    ]


def _whose(series: Series) -> tuple[str, str]:
    """Topic and reason of a refusal."""
    return series.tags.get("topic", ""), series.tags.get("reason", "")


def _by(who: str, refused: Refused) -> Facts:
    """``by`` and the fields of ``Refused``, whoever refused."""
    return {"by": who, **asdict(refused)}


async def pipeline(settings: Settings) -> Facts:
    """Evaluator, queue, refused messages, retention, whether Grafana is in step; ``unknown`` names
    what could not be asked, and why."""
    facts: Facts = {
        "evaluator": None,
        "queue": None,
        "refused": [],
        "retention": None,
        "limits": None,
        "grafana": None,
        "unknown": [],
    }
    try:
        facts |= await told_by_store(settings)
    except StoreError as error:
        facts["unknown"].append(
            {"what": "evaluator, queue, refused events, retention, Grafana", "reason": str(error)}
        )
    try:
        facts["refused"] += await refused_metrics(settings)
    except SeriesError as error:
        facts["unknown"].append({"what": "refused metrics", "reason": str(error)})
    return facts

"""What ``tonypi status`` tells: each part, who evaluates the rules, what was refused and why.

Asks only what answers; a database that is away leaves its lines out and says so.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from glue import store
from glue.series.query import Query, SeriesError
from glue.settings import Settings
from glue.stack import home as homes
from glue.stack.home import Home
from glue.store import StoreError, heartbeats, pulse

Facts = dict[str, Any]


def parts(home: Home) -> Facts:
    """``running``, ``supervisor`` (its pid) and one entry a part, from the supervisor's record."""
    running = homes.is_running(home)
    state = home.read_state() if running else {}
    now = time.time()
    told = {
        name: {
            "state": part["state"],
            "pid": part["pid"],
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


async def evaluator(settings: Settings) -> Facts:
    """Who evaluates the rules, since when and why: ``name``, ``since``, ``reason``."""
    single = settings.postgres.model_copy(update={"pool_size": 1, "pool_max": 1})
    async with store.open_pool(single) as pool, store.transaction(pool) as conn:
        beats = await heartbeats.read(conn)
    beat = beats.get("evaluator")
    if beat is None:
        return {"name": None, "reason": "the glue has not said yet"}
    return {"name": beat.details.get("evaluator"), **beat.details, "beat_at": beat.at.isoformat()}


async def refused_events(settings: Settings) -> list[Facts]:
    """Messages that the glue refused: topic, reason class, count."""
    single = settings.postgres.model_copy(update={"pool_size": 1, "pool_max": 1})
    async with store.open_pool(single) as pool, store.transaction(pool) as conn:
        found = await pulse.refused(conn)
    return [{"by": "glue", "topic": t, "reason": r, "count": n} for t, r, n in found]


async def refused_metrics(settings: Settings) -> list[Facts]:
    """Messages that Telegraf refused, as far back as the bucket keeps them."""
    async with Query(settings.influx, timeout=5.0) as query:
        found = await query.query(
            'SELECT sum("count") AS "count" FROM "refused" GROUP BY "topic", "reason"'
        )
    return [
        {
            "by": "telegraf",
            "topic": series.tags.get("topic", ""),
            "reason": series.tags.get("reason", ""),
            "count": int(series.last("count") or 0),
        }
        for series in found
    ]


async def pipeline(settings: Settings) -> Facts:
    """Evaluator and refused messages; ``unknown`` names what could not be asked, and why."""
    facts: Facts = {"evaluator": None, "refused": [], "unknown": []}

    async def ask(what: str, question: Callable[[Settings], Awaitable[Any]]) -> Any:
        try:
            return await question(settings)
        except (StoreError, SeriesError) as error:
            facts["unknown"].append({"what": what, "reason": str(error)})
            return None

    facts["evaluator"] = await ask("evaluator", evaluator)
    for what, question in (("events", refused_events), ("metrics", refused_metrics)):
        facts["refused"] += await ask(f"refused {what}", question) or []
    return facts

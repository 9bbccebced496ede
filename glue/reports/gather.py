"""Everything a report is made of, read into :class:`~glue.core.report.facts.Facts`.

The period before is read in the same way, without lines. Where its readings are no longer kept, the
figures of an earlier report of just that period stand in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from glue import store
from glue.core.report import periods
from glue.core.report.compose import SERIES
from glue.core.report.content import Period
from glue.core.report.facts import Facts
from glue.core.report.links import dashboards
from glue.core.report.request import ALERTS_OF, Request
from glue.reports.readings import Readings
from glue.series import Query
from glue.settings import Settings
from glue.store import fleet, heartbeats, report_facts

PATIENCE_S = 300.0
"""For one query of a large fleet's day."""

Progress = Callable[[float, str], Awaitable[None]]
"""Awaited with the part that is done, 0 to 1, and what is being done; what it raises ends it."""


class EmptyGroup(Exception):
    """Nobody is in the group; an empty list of robots would be the fleet."""


async def gather(
    settings: Settings, pool: store.Pool, request: Request, made_at: datetime, progress: Progress
) -> Facts:
    """Raises ``StoreUnavailable``, ``SeriesUnavailable`` where readings are needed, and
    :class:`EmptyGroup`."""
    period = Period(since=request.since, until=request.until)
    async with store.transaction(pool) as conn:
        if request.group:
            members = await fleet.of_group(conn, request.group)
            if not members:
                raise EmptyGroup(f"no robot is in the group {request.group}")
            request = request.model_copy(update={"robots": tuple(members)})
        days = await heartbeats.kept_days(conn, settings.influx)
        robots = await report_facts.robots(conn, request)
        limits = await report_facts.limits(conn, request)
        later = await report_facts.later(conn, request)
    names = {robot.id for robot in robots}
    facts = Facts(
        request=request,
        period=period,
        made_at=made_at,
        days=periods.days(period, request.tz),
        robots=robots,
        limits=limits,
        unknown=[robot for robot in request.robots if robot not in names | later],
        later=sorted(later),
        kept_since=kept_since(days, made_at),
        links=dashboards(request, settings.grafana_for_browsers if settings.grafana.url else ""),
    )
    earlier = periods.before(period, request.tz)
    was = replace(facts, period=earlier, days=periods.days(earlier, request.tz), links={})
    facts, was = await _records(pool, facts), await _records(pool, was)
    if SERIES & set(request.chosen):
        facts, was = await _series(settings, facts, was, progress)
        async with store.transaction(pool) as conn:
            kept = await report_facts.earlier(conn, request, earlier)
        facts = replace(facts, earlier=kept if was is None or not was.readings else {})
    return replace(facts, before=was)


def kept_since(days: float, now: datetime) -> datetime:
    """Give since when there are readings where ``days`` are kept: whole ones (in UTC) go."""
    oldest = now - timedelta(days=days)
    return oldest.replace(hour=0, minute=0, second=0, microsecond=0)


async def _records(pool: store.Pool, facts: Facts) -> Facts:
    """With jobs, alerts and log lines, as the sections need them."""
    chosen, request, period = facts.request.chosen, facts.request, facts.period
    async with store.transaction(pool) as conn:
        found: dict[str, Any] = {}
        if "jobs" in chosen:
            found["jobs"] = await report_facts.jobs(conn, request, period)
        if "alerts" in chosen:
            types = ALERTS_OF.get(request.kind, ())
            found["alerts"] = await report_facts.alerts(conn, request, period, types)
        if "logs" in chosen:
            found["logs"] = await report_facts.logs(conn, request, period)
    return replace(facts, **found)


async def _series(
    settings: Settings, facts: Facts, was: Facts, progress: Progress
) -> tuple[Facts, Facts]:
    """With readings; of the period before only where InfluxDB still has all of it."""
    chosen = facts.request.chosen
    assert facts.kept_since is not None
    ids = [robot.id for robot in facts.robots]
    everyone = not facts.request.robots
    step, steps = 0, 1

    async def told(what: str) -> None:
        nonlocal step
        await progress(min(step / steps, 1.0), what)
        step += 1

    async with Query(settings.influx, timeout=PATIENCE_S, compressed=False) as query:
        now = Readings(query, ids, everyone, facts.days, told)
        before = Readings(query, ids, everyone, was.days, told)
        compared = was.period.since >= facts.kept_since
        steps = now.steps(chosen, True) + (before.steps(chosen, False) if compared else 0) or 1
        found = await now.read(chosen, drawn=True)
        facts = replace(facts, **vars(found))
        if compared:
            was = replace(was, **vars(await before.read(chosen, drawn=False)))
    return facts, was


__all__ = ["EmptyGroup", "Progress", "gather", "kept_since"]

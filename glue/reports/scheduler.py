"""Schedules become jobs when they are due, each run once, whoever looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from glue import store
from glue.core.report import schedule as times
from glue.store import audit, report_jobs, report_schedules
from glue.store.report_schedules import Schedule

log = structlog.get_logger()


async def run_due(pool: store.Pool, clock: Callable[[], datetime]) -> int:
    """Queue what is due now; how many jobs. Raises ``StoreUnavailable``."""
    made = 0
    while True:
        async with store.transaction(pool) as conn:
            found = await report_schedules.due(conn, clock())
            if found is None:
                return made
            made += await _run(conn, found, clock())


async def run_now(conn: Any, found: Schedule, now: datetime, who: str) -> int:
    """Queue a run besides the planned ones; the job's id. Raises ``ValueError``."""
    request = times.request_of(found.request, found.covers, now, found.zone)
    job = await report_jobs.add(conn, request, who, found.id, now)
    assert job is not None, "two runs in the same microsecond"
    return job


async def _run(conn: Any, found: Schedule, now: datetime) -> int:
    zone = ZoneInfo(found.zone)
    try:
        due = times.due(found.cron, zone, found.next_run_at, now)
        assert due is not None
        request = times.request_of(found.request, found.covers, due.at, found.zone)
    except ValueError as error:
        # A row that an older or newer glue wrote, or a zone that is gone.
        log.warning("report_schedule.unusable", schedule=found.name, why=str(error))
        await report_schedules.stop(conn, found.id)
        why = f"the report schedule {found.name} was switched off: {error}"
        await audit.record(conn, "system", why[:1000], level="ERROR")
        return 0
    job = await report_jobs.add(conn, request, f"schedule {found.name}", found.id, due.at)
    await report_schedules.ran(conn, found.id, due.at, due.next, due.missed)
    if due.missed:
        log.info("report_schedule.caught_up", schedule=found.name, missed=due.missed)
    return job is not None

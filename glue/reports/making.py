"""One report, from its job to its file: read, composed, rendered, kept.

The file is there before the row that names it, and only who still holds the job's lease writes the
row, in one transaction with the end of the job and with what is to be sent.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from glue import store
from glue.core.report.compose import compose
from glue.core.report.content import Content
from glue.reports import gather
from glue.reports.formats import FORMATS
from glue.reports.ownership import as_owner
from glue.series import SeriesError
from glue.series.query import SeriesUnavailable
from glue.settings import Settings
from glue.store import audit, report_deliveries, report_files, report_jobs
from glue.store.report_jobs import TRIES, Lease

log = structlog.get_logger()

AGAIN_S = 30.0
"""After InfluxDB was away."""
RENDERING = 0.9
"""Of the progress bar: the part that reading takes."""

Told = Callable[[float, str], Awaitable[None]]


class Lost(Exception):
    """The job is no longer ours: it was cancelled, or another process took it."""


async def make(settings: Settings, pool: store.Pool, held: Lease, told: Told) -> int | None:
    """The id of the report; None when it failed, which its job says. Raises :class:`Lost` and
    ``StoreUnavailable``; whatever ``told`` raises ends it too."""
    try:
        content = await read(settings, pool, held, told)
        await told(RENDERING, "writing the PDF")
        data = FORMATS["pdf"].write(content, held.request.paper)
        path = _write(settings.reports_folder, content.made_at, held.id, data)
    except SeriesUnavailable as error:
        wait = AGAIN_S * held.attempt if held.attempt < TRIES else None
        await _failed(pool, held, str(error), wait)
        return None
    except (SeriesError, OSError, gather.EmptyGroup) as error:
        await _failed(pool, held, _why(error), None)
        return None
    try:
        return await _keep(pool, held, content, path)
    except BaseException:
        with as_owner(settings.reports_folder):
            (settings.reports_folder / path).unlink(missing_ok=True)
        raise


async def read(settings: Settings, pool: store.Pool, held: Lease, told: Told) -> Content:
    """What the report says. Raises ``SeriesError``, ``StoreUnavailable``."""

    async def part(done: float, what: str) -> None:
        await told(done * RENDERING, f"reading {what}")

    facts = await gather.gather(settings, pool, held.request, datetime.now(UTC), part)
    return compose(facts)


def _write(folder: Path, at: datetime, job_id: int, data: bytes) -> str:
    """The file's path below ``folder``. Raises ``OSError``."""
    path = Path(f"{at:%Y}") / f"{at:%m}" / f"report-{job_id}.pdf"
    whole = folder / path
    # Two tries of one job may overlap for a moment.
    fresh = whole.with_name(f"{whole.name}.{os.getpid()}.new")
    with as_owner(folder):
        whole.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        try:
            fresh.write_bytes(data)
            fresh.replace(whole)
        finally:
            fresh.unlink(missing_ok=True)
    return str(path)


async def _keep(pool: store.Pool, held: Lease, content: Content, path: str) -> int:
    async with store.transaction(pool) as conn:
        job = await report_jobs.hold(conn, held)
        if job is None:
            raise Lost
        report_id = await report_files.add(conn, content, path, job["created_by"])
        await report_jobs.done(conn, held, report_id)
        await report_deliveries.queue(conn, report_id, job["schedule_id"])
        told = f"{job['created_by']} made the report {report_id}: {content.title}"
        await audit.record(conn, "system", told, details={"report": report_id, "job": held.id})
    return report_id


async def _failed(pool: store.Pool, held: Lease, error: str, wait: float | None) -> None:
    log.warning("report.failed", job=held.id, why=error, again_in=wait)
    async with store.transaction(pool) as conn:
        await report_jobs.failed(conn, held, error[:1000], wait)


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the file cannot be written: {error.strerror or error}"
    return str(error)

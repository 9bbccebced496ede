"""Files of reports: where they are, and how long they are kept."""

from __future__ import annotations

from pathlib import Path

import structlog

from glue import store
from glue.reports.ownership import as_owner
from glue.settings import Settings
from glue.store import report_files, report_jobs

log = structlog.get_logger()

AT_ONCE = 500
JOB_DAYS = 90
"""Jobs that are over are history for so long."""


def file_of(settings: Settings, path: str | None) -> Path | None:
    """The report's file when it has one and it is there."""
    return within(settings.reports_folder, path) if path else None


def within(folder: Path, path: str) -> Path | None:
    """The regular file that ``path``, absolute or relative to ``folder``, leads to, when that is
    inside of ``folder`` once every link and ``..`` is followed."""
    try:
        file = (folder / path).resolve(strict=True)
        inside = file.is_relative_to(folder.resolve(strict=True)) and file.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return file if inside else None


def remove(settings: Settings, path: str | None) -> None:
    """Its file, after the row that named it. One that cannot be removed is told of and stays."""
    file = file_of(settings, path)
    if file is None:
        return
    try:
        with as_owner(settings.reports_folder):
            file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("report.file_stays", file=file.name, why=str(error))


async def prune(settings: Settings, pool: store.Pool) -> int:
    """Remove old files, jobs and links; how many files. Raises ``StoreUnavailable``."""
    removed = 0
    while settings.reports.keep:
        async with store.transaction(pool) as conn:
            paths = await report_files.old(conn, settings.reports.keep, AT_ONCE)
        for path in paths:
            remove(settings, path)
        removed += len(paths)
        if len(paths) < AT_ONCE:
            break
    async with store.transaction(pool) as conn:
        await report_files.prune_links(conn)
        await report_jobs.prune(conn, JOB_DAYS, AT_ONCE * 10)
    return removed

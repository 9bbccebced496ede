"""``python -m glue.reports.process JOB LEASE``: makes one report and ends.

A process of its own: it may use all of a core for seconds and some hundred megabytes, and gives
both back. The glue holds its standard input: when that ends, the glue has, and so does this.
Exit codes: 0 the report is made or the job not ours, 1 it failed, as its job says, 75 PostgreSQL is
away (the lease will run out).
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from uuid import UUID

import structlog

from glue import logs, store
from glue import settings as config
from glue.core.report.request import Request
from glue.reports.making import Lost, make
from glue.settings import Settings
from glue.store import report_jobs
from glue.store.report_jobs import Lease

log = structlog.get_logger()

FAILED = 1
AWAY = 75
TOLD_S = 0.5
"""Between two notes of the progress."""


def main() -> int:
    job_id, lease = int(sys.argv[1]), UUID(sys.argv[2])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(10)
    settings = config.load()
    logs.configure(settings.glue.log_format)
    try:
        made = asyncio.run(_work(settings, job_id, lease))
    except Lost:
        return 0
    except store.StoreUnavailable as error:
        log.warning("report.waits", job=job_id, why=str(error))
        return AWAY
    return 0 if made is not None else FAILED


def _end_with_parent() -> None:
    # Not by sys.stdin: a thread that waits in it holds its lock, without which Python cannot end.
    while os.read(0, 4096):
        pass
    os._exit(AWAY)


async def _work(settings: Settings, job_id: int, lease: UUID) -> int | None:
    """The id of the report; None when it failed."""
    postgres = settings.postgres.model_copy(update={"pool_size": 1, "pool_max": 2})
    async with store.open_pool(postgres) as pool:
        async with store.transaction(pool) as conn:
            row = await report_jobs.one(conn, job_id)
        if row is None or row["lease"] != lease:
            raise Lost
        request = Request.model_validate(row["request"])
        held = Lease(job_id, lease, request, row["created_by"], row["attempts"])
        last = 0.0

        async def told(progress: float, step: str) -> None:
            nonlocal last
            if time.monotonic() - last < TOLD_S:
                return
            last = time.monotonic()
            async with store.transaction(pool) as conn:
                if not await report_jobs.keep(conn, held, progress, step):
                    raise Lost

        try:
            return await make(settings, pool, held, told)
        except (Lost, store.StoreUnavailable):
            raise
        except Exception as error:
            log.exception("report.broken", job=job_id)
            async with store.transaction(pool) as conn:
                why = f"a mistake in the glue: {type(error).__name__}; its log says more"
                await report_jobs.failed(conn, held, why, None)
            return None


if __name__ == "__main__":
    sys.exit(main())

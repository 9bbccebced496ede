"""Jobs that make reports: a queue, worked off under leases.

Who works on a job holds a lease and renews it; a lease that ran out is anybody's. Only who holds
the lease may finish the job, so that each makes one report, however many processes there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.report.request import Request
from glue.core.sorting import Column
from glue.store.listing import Listing, Row
from glue.store.queries import load

sql = load("report_jobs")

TRIES = 3
LEASE_S = 30.0

JOBS = Listing(sql, {"id": Column(int), "created_at": Column(datetime)}, default="-id")


@dataclass(frozen=True)
class Lease:
    """A job to work on now. ``attempt`` counts from 1."""

    id: int
    lease: UUID
    request: Request
    created_by: str
    attempt: int

    @property
    def key(self) -> dict[str, Any]:
        return {"id": self.id, "lease": self.lease}


async def add(
    conn: AsyncConnection,
    request: Request,
    created_by: str,
    schedule_id: int | None = None,
    due_at: datetime | None = None,
) -> int | None:
    """The job's id; None when that run of the schedule has its job."""
    named = {
        "request": Jsonb(request.plain()),
        "created_by": created_by,
        "schedule_id": schedule_id,
        "due_at": due_at,
    }
    row = await (await conn.execute(sql.add, named)).fetchone()
    return None if row is None else int(row[0])


async def waiting(conn: AsyncConnection) -> int:
    """How many wait or are worked on. Nobody adds others until the transaction ends."""
    await conn.execute(sql.lock)
    row = await (await conn.execute(sql.waiting)).fetchone()
    assert row is not None
    return int(row[0])


async def lease(conn: AsyncConnection, job_id: int | None = None) -> Lease | None:
    """The next job, or that one, when it is free; None when there is none."""
    mine = uuid4()
    named = {"id": job_id, "lease": mine, "lease_s": LEASE_S, "tries": TRIES}
    found = await _rows(conn, sql.lease, named)
    if not found:
        return None
    row = found[0]
    request = Request.model_validate(row["request"])
    return Lease(row["id"], mine, request, row["created_by"], row["attempts"])


async def give_up(conn: AsyncConnection) -> list[int]:
    """Fail those whose process ended too often; their ids."""
    return [row["id"] for row in await _rows(conn, sql.give_up, {"tries": TRIES})]


async def keep(
    conn: AsyncConnection, held: Lease, progress: float | None = None, step: str | None = None
) -> bool:
    """Renew the lease; False when the job is not ours any more (cancelled, taken by others)."""
    named = {**held.key, "lease_s": LEASE_S, "progress": progress, "step": step}
    return bool(await _rows(conn, sql.keep, named))


async def hold(conn: AsyncConnection, held: Lease) -> Row | None:
    """Its ``created_by``, ``schedule_id`` and ``due_at``; None when it is not ours any more."""
    found = await _rows(conn, sql.hold, held.key)
    return found[0] if found else None


async def done(conn: AsyncConnection, held: Lease, report_id: int) -> None:
    """After :func:`hold`."""
    await conn.execute(sql.done, {"id": held.id, "report_id": report_id})


async def failed(conn: AsyncConnection, held: Lease, error: str, wait: float | None) -> None:
    """Try again in ``wait`` s; None: never."""
    await conn.execute(sql.failed, {**held.key, "error": error, "wait_s": wait})


async def release(conn: AsyncConnection, held: Lease) -> None:
    await conn.execute(sql.release, held.key)


async def cancel(conn: AsyncConnection, job_id: int, by: str) -> bool:
    """False when it was over."""
    return bool(await _rows(conn, sql.cancel, {"id": job_id, "by": by}))


async def one(conn: AsyncConnection, job_id: int) -> Row | None:
    found = await _rows(conn, sql.one, {"id": job_id})
    return found[0] if found else None


async def prune(conn: AsyncConnection, days: int, rows: int) -> int:
    """Forget jobs that are over for so long; their reports stay."""
    return (await conn.execute(sql.prune, {"days": days, "rows": rows})).rowcount


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named)).fetchall()

"""Jobs as rows. When a job's newest report was, is kept in ``details`` as ``told``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.jobs import Job
from glue.store.queries import load

sql = load("jobs")


async def latest(conn: AsyncConnection, ids: Collection[str]) -> dict[str, Job]:
    """Each robot's active job, else the one that started last."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(sql.latest, {"ids": list(ids)})).fetchall()
    return {row["robot_id"]: _job(row) for row in rows}


async def write(conn: AsyncConnection, jobs: Iterable[Job]) -> None:
    """Stores jobs in their final state: changed ones before new ones, because a robot has one
    active job only."""
    rows = [_row(job) for job in jobs]
    if changed := [row for row in rows if row["id"] is not None]:
        await conn.execute(sql.change, {"rows": Jsonb(changed)})
    if added := [row for row in rows if row["id"] is None]:
        await conn.execute(sql.add, {"rows": Jsonb(added)})


def _row(job: Job) -> dict[str, Any]:
    row = asdict(job)
    row["details"] = {**job.details, "told": row.pop("told").isoformat()}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


def _job(row: dict[str, Any]) -> Job:
    details = dict(row["details"])
    told = details.pop("told", None)
    known = row["end_time"] or row["start_time"]
    return Job(
        **{**row, "details": details, "told": datetime.fromisoformat(told) if told else known}
    )

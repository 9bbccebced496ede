"""Jobs as rows. When a job's newest report was, is kept in ``details`` as ``told``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from glue.core.jobs import Job
from glue.store.queries import load

sql = load("jobs")


async def recent(conn: AsyncConnection, ids: Collection[str]) -> dict[str, list[Job]]:
    """Each robot's few latest jobs, in the order of their start, the active one last."""
    found: dict[str, list[Job]] = {}
    async with conn.cursor(row_factory=dict_row) as cursor:
        for row in await (await cursor.execute(sql.recent, {"ids": list(ids)})).fetchall():
            found.setdefault(row["robot_id"], []).append(_job(row))
    return found


async def write(conn: AsyncConnection, jobs: Iterable[Job]) -> None:
    """Stores jobs in their final state: changed ones before new ones, because a robot has one
    active job only."""
    rows = [_row(job) for job in jobs]
    if changed := [row for row in rows if row["id"] is not None]:
        await conn.execute(sql.change, {"rows": Jsonb(changed)})
    if added := [row for row in rows if row["id"] is None]:
        await conn.execute(sql.add, {"rows": Jsonb(added)})


async def ask(conn: AsyncConnection, job: Job, asked_by: str) -> int | None:
    """Keeps a job that a person asks for; gives its id, or None while the robot has an active one.

    The caller holds the robot's row (``fleet.hold``), as for every change of its jobs.
    """
    row = _row(job)
    row["details"]["asked_by"] = asked_by
    cursor = await conn.execute(sql.ask, {"row": Jsonb(row)})
    made = await cursor.fetchone()
    return int(made[0]) if made else None


async def refuse(conn: AsyncConnection, command_id: str, at: datetime, reason: str) -> None:
    """The robot will not do the job that was asked for with this command."""
    named = {"command_id": command_id, "at": at, "reason": reason, "may_begin": False}
    await conn.execute(sql.fail_asked, named)


async def give_up(conn: AsyncConnection, command_id: str, reason: str) -> None:
    """The robot has not answered. When it begins nevertheless, the job goes on."""
    named = {"command_id": command_id, "at": None, "reason": reason, "may_begin": True}
    await conn.execute(sql.fail_asked, named)


async def clock(conn: AsyncConnection) -> datetime:
    """What time it is where jobs are kept."""
    row = await (await conn.execute(sql.clock)).fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


async def cancel(
    conn: AsyncConnection, job_id: int, cancelled_by: str, since: datetime
) -> Literal["cancelled", "ended"]:
    """Ends the job as failed, with the reason «cancelled»; also where the robot has reported that
    itself since ``since`` (:func:`clock`), in its own words. «ended»: it had ended otherwise."""
    named = {"id": job_id, "by": cancelled_by, "since": since}
    cursor = await conn.execute(sql.cancel, named)
    return "cancelled" if await cursor.fetchone() else "ended"


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

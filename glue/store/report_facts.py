"""What PostgreSQL knows for a report: robots, limits, jobs, alerts, log lines, earlier figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from glue.core.report.content import Content, Period
from glue.core.report.facts import AlertGroup, Alerts, JobGroup, Jobs, Logs, Robot
from glue.core.report.request import Request
from glue.store.queries import load

sql = load("report_facts")

EMPTY_JOBS = JobGroup("", 0, 0, 0, 0, None, None)
EMPTY_ALERTS = AlertGroup("", 0, 0, 0, 0, None, None)


def _wanted(robots: Sequence[str]) -> list[str] | None:
    return list(robots) or None


async def robots(conn: AsyncConnection, request: Request) -> list[Robot]:
    """Those asked for that are there, by id; all for a report of the fleet."""
    named = {"robots": _wanted(request.robots), "until": request.until}
    return [Robot(**row) for row in await _rows(conn, sql.robots, named)]


async def later(conn: AsyncConnection, request: Request) -> set[str]:
    """Those asked for that were registered after the period."""
    named = {"robots": list(request.robots), "until": request.until}
    return {row["robot_id"] for row in await _rows(conn, sql.later, named)}


async def limits(conn: AsyncConnection, request: Request) -> dict[str, tuple[float, float]]:
    """Warning and critical by metric."""
    rows = await _rows(conn, sql.limits, {"robots": _wanted(request.robots)})
    return {row["metric"]: (row["warning"], row["critical"]) for row in rows}


async def jobs(conn: AsyncConnection, request: Request, period: Period) -> Jobs:
    named = _period(request, period)
    parts = _parts(await _rows(conn, sql.jobs, named), JobGroup)
    failures = await _rows(conn, sql.job_failures, named)
    return Jobs(
        (parts.pop("whole", None) or [EMPTY_JOBS])[0],
        **parts,
        reasons=[(row["reason"], row["jobs"]) for row in failures],
    )


async def alerts(
    conn: AsyncConnection, request: Request, period: Period, types: Sequence[str]
) -> Alerts:
    """Of ``types``; empty: of all."""
    named = {**_period(request, period), "types": _wanted(types)}
    parts = _parts(await _rows(conn, sql.alerts, named), AlertGroup)
    return Alerts((parts.pop("whole", None) or [EMPTY_ALERTS])[0], **parts)


async def logs(conn: AsyncConnection, request: Request, period: Period) -> Logs:
    named = _period(request, period)
    levels = {r["level"]: r["lines"] for r in await _rows(conn, sql.log_levels, named)}
    rows = await _rows(conn, sql.log_robots, named)
    return Logs(levels, [(r["robot_id"], r["errors"], r["warnings"]) for r in rows])


async def earlier(conn: AsyncConnection, request: Request, period: Period) -> dict[str, float]:
    """Figures, by key, of a report of just that period; empty where none was made."""
    named = {
        "kind": request.kind,
        "scope": request.scope,
        "since": _iso(period.since),
        "until": _iso(period.until),
        "robots": None
        if request.scope == "fleet"
        else Jsonb([[robot] for robot in request.robots]),
    }
    for row in await _rows(conn, sql.earlier, named):
        try:
            return Content.model_validate(row["data"]).figures()
        except ValidationError:
            return {}
    return {}


def _iso(at: datetime) -> str:
    """As the content's JSON has it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _period(request: Request, period: Period) -> dict[str, Any]:
    return {
        "robots": _wanted(request.robots),
        "since": period.since,
        "until": period.until,
        "zone": request.zone,
    }


def _parts(rows: list[dict[str, Any]], group: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        part = row.pop("part")
        # Rules of the pipeline concern no robot.
        if row["key"] or part == "whole":
            found.setdefault(part, []).append(group(**row))
    return found


async def _rows(conn: AsyncConnection, query: Any, named: Mapping[str, Any]) -> list[Any]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, named, prepare=False)).fetchall()

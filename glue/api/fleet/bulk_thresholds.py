"""Limits of many: changed together, listed, exported, and who changed them when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from glue import store
from glue.api.conventions import access, export, listing
from glue.api.conventions.problems import ProblemError, Refused, documented
from glue.api.fleet.threshold_shapes import (
    BulkChange,
    BulkChanged,
    HistoryFilter,
    LimitChange,
    LimitChanges,
    LimitFilter,
    LimitOfFleet,
    LimitsOfFleet,
    SetThreshold,
    ThresholdEdit,
)
from glue.core.limit_sources import sources
from glue.core.metrics import METRICS
from glue.core.references import hint
from glue.store import audit, fleet, limits, references, thresholds
from glue.store.limit_history import HISTORY

router = access.router("thresholds", f"{access.PREFIX}/thresholds")

MOST_ROWS = 10_000
"""Of one bulk change."""

READS = documented(401, 403, 422, 503)
Limits = Annotated[LimitFilter, Query()]
History = Annotated[HistoryFilter, Query()]

Place = tuple[int, str, str]
"""Where a row stands in the body: the group, the robot, the metric."""


@router.put("/bulk", responses=documented(401, 403, 404, 409, 422, 503))
async def change_many(request: Request, user: access.Operator, body: BulkChange) -> BulkChanged:
    """Set or reset limits of many robots, and with them the fleet's, all or nothing. In force at
    the next evaluation.

    `errors` names each robot and metric that was refused. The fleet's take an admin.
    """
    if body.fleet and user.role != "admin":
        raise ProblemError(403, "The fleet's limits take the role admin.")
    rows = dict(_rows(body))
    async with store.transaction(request.app.state.pool) as conn:
        await audit.acting(conn, user.username)
        # First: what a robot leaves open is completed by the fleet's.
        for_all = await _change_fleet(conn, user.username, body.fleet or {})
        robot_ids = list(dict.fromkeys(robot_id for _, robot_id, _ in rows))
        known = await references.known(conn, "robots")
        _check_robots(body, await fleet.hold(conn, robot_ids), known)
        places = [place for place, edit in rows.items() if edit is not None]
        refused = await thresholds.put_many(conn, [_row(place, rows[place]) for place in places])
        if refused:
            raise _refused([(places[at], why) for at, why in refused.items()])
        reset = await thresholds.reset_many(
            conn, [(robot_id, metric) for (_, robot_id, metric), edit in rows.items() if not edit]
        )
        for change in body.changes:
            await _record(conn, user.username, change.model_dump())
    return BulkChanged(
        robots=len(robot_ids), set=len(places) + for_all.set, reset=reset + for_all.reset
    )


@router.get("/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_thresholds(
    request: Request, user: access.Viewer, format: export.Format = "csv"
) -> StreamingResponse:
    """All that is set, for the fleet (`robot_id` empty) and for robots, as a file."""
    return await export.stream(request, thresholds.ROWS, {}, SetThreshold, format, "thresholds")


@router.get("/effective", responses=READS)
async def list_effective(
    request: Request,
    user: access.Viewer,
    wanted: Limits,
    asked: Annotated[listing.Asked, listing.of(limits.LIMITS)],
) -> LimitsOfFleet:
    """The limits of every robot, and where each value comes from. `key` sorts by robot, then
    metric."""
    found = await listing.page(request, asked, wanted.model_dump())
    async with store.transaction(request.app.state.pool) as conn:
        rows = await thresholds.of_robots(conn, {row["robot_id"] for row in found.items})
        fleet_rows = {row.metric: row for row in await thresholds.of(conn, None)}
    own = {(row.robot_id, row.metric): row for row in rows}
    for row in found.items:
        metric = row["metric"]
        row["sources"] = sources(
            row["source"], own.get((row["robot_id"], metric)), fleet_rows.get(metric)
        )
    return LimitsOfFleet.model_validate(found)


@router.get("/effective/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_effective(
    request: Request, user: access.Viewer, wanted: Limits, format: export.Format = "csv"
) -> StreamingResponse:
    """The limits of every robot, as a file."""
    filters = wanted.model_dump()
    return await export.stream(request, limits.LIMITS, filters, LimitOfFleet, format, "limits")


@router.get("/history", responses=READS)
async def list_history(
    request: Request,
    user: access.Viewer,
    wanted: History,
    asked: Annotated[listing.Asked, listing.of(HISTORY)],
) -> LimitChanges:
    """Who changed which limits, from what to what; the newest first."""
    return LimitChanges.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/history/export", response_class=StreamingResponse, responses=export.DOCUMENTED)
async def export_history(
    request: Request, user: access.Viewer, wanted: History, format: export.Format = "csv"
) -> StreamingResponse:
    """The same as a file, oldest first."""
    filters = wanted.model_dump()
    return await export.stream(request, HISTORY, filters, LimitChange, format, "limit-changes")


async def _change_fleet(
    conn: Any, who: str, edits: Mapping[str, ThresholdEdit | None]
) -> BulkChanged:
    done = BulkChanged(robots=0, set=0, reset=0)
    if not edits:
        return done
    await thresholds.hold(conn)
    for metric, edit in edits.items():
        if edit is None:
            done.reset += await thresholds.reset(conn, None, metric)
            continue
        try:
            await thresholds.put(conn, None, metric, **edit.model_dump())
        except thresholds.InvalidThreshold as error:
            raise Refused(f"body.fleet.{metric}", str(error)) from None
        done.set += 1
    told = {metric: edit and edit.model_dump() for metric, edit in edits.items()}
    message = f"{who} changed limits of {', '.join(edits)} for the fleet"
    await audit.record(conn, "api", message, details={"username": who, "limits": told})
    return done


def _rows(body: BulkChange) -> Iterator[tuple[Place, ThresholdEdit | None]]:
    """Row by row. Raises :class:`Refused` where two say what one row shall be, or for too many."""
    seen: set[tuple[str, str]] = set()
    for group, change in enumerate(body.changes):
        for at, robot_id in enumerate(change.robot_ids):
            for metric, edit in change.limits.items():
                if (robot_id, metric) in seen:
                    where = f"body.changes.{group}.robot_ids.{at}"
                    raise Refused(where, f"{robot_id}, {metric} is there twice; say it once")
                seen.add((robot_id, metric))
                if len(seen) > MOST_ROWS:
                    raise Refused("body.changes", f"more than {MOST_ROWS} rows; send several")
                yield (group, robot_id, metric), edit


def _row(place: Place, edit: ThresholdEdit | None) -> dict[str, Any]:
    assert edit is not None
    return {"robot_id": place[1], "metric": place[2], **edit.model_dump()}


def _check_robots(body: BulkChange, found: dict[str, fleet.Held], known: set[str]) -> None:
    missing: list[dict[str, str]] = []
    removed: list[dict[str, str]] = []
    for group, change in enumerate(body.changes):
        for at, robot_id in enumerate(change.robot_ids):
            where = f"body.changes.{group}.robot_ids.{at}"
            if robot_id not in found:
                why = f"{robot_id}: no such robot; {hint(robot_id, known)}"
                missing.append({"where": where, "why": why})
            elif found[robot_id].removed:
                removed.append({"where": where, "why": f"{robot_id}: removed; restore it first"})
    if missing:
        said = f"Nothing was changed: {len(missing)} of these are no robots."
        raise ProblemError(404, said, more={"errors": missing[:100]})
    if removed:
        said = f"Nothing was changed: {len(removed)} of these robots are removed."
        raise ProblemError(409, said, "removed", more={"errors": removed[:100]})


def _refused(wrong: list[tuple[Place, str]]) -> ProblemError:
    errors = [
        {"where": f"body.changes.{group}.limits.{metric}", "why": f"{robot_id}: {why}"}
        for (group, robot_id, metric), why in wrong
    ]
    said = f"Nothing was changed: {len(errors)} of the limits make no sense; {errors[0]['why']}"
    return ProblemError(422, said, "refused", more={"errors": errors[:100]})


async def _record(conn: Any, who: str, change: dict[str, Any]) -> None:
    robot_ids: list[str] = change["robot_ids"]
    metrics = [name for name in METRICS if name in change["limits"]]
    one = robot_ids[0] if len(robot_ids) == 1 else None
    whom = f"robot {one}" if one else f"{len(robot_ids)} robots"
    message = f"{who} changed limits of {', '.join(metrics)} for {whom}"
    await audit.record(conn, "api", message, robot_id=one, details={"username": who, **change})

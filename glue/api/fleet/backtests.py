"""Limits before they are set: what they would have done, and which to take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Query, Request

from glue import store
from glue.api.conventions import access
from glue.api.conventions.problems import RETRY_AFTER, NotFound, ProblemError, Refused, documented
from glue.api.fleet import backtest_shapes
from glue.api.fleet.backtest_shapes import Preview, PreviewAsked, Suggestion, SuggestionAsked
from glue.backtest import preview, suggest
from glue.core.backtest import pair
from glue.core.metrics import METRICS
from glue.series import SeriesError
from glue.store import heartbeats

router = access.router("thresholds", f"{access.PREFIX}/thresholds")

ERRORS = documented(401, 403, 404, 422, 503)
READING: dict[str, Any] = {"x-scope": "read"}
"""It changes nothing, whatever its method."""

Wanted = Annotated[SuggestionAsked, Query()]


@router.post("/preview", responses=ERRORS, openapi_extra=READING)
async def preview_thresholds(
    request: Request, user: access.Operator, body: PreviewAsked
) -> Preview:
    """The episodes that these limits would have made, beside those that happened. Sets nothing.

    Of the fleet: robots with limits of their own, or with the metric switched off, are left out.
    Maintenance is not left out: the past does not know it.
    """
    metric = METRICS[body.metric]
    recovery = (body.warning_recovery, body.critical_recovery)
    limits = pair(metric, body.warning, body.critical, *recovery)
    state = request.app.state
    async with _asked(request, "body"):
        async with store.transaction(state.pool) as conn:
            days = await heartbeats.kept_days(conn, state.settings.influx)
        asked = preview.ranged(state.settings, days, body.since, body.until)
        found = await preview.preview(
            state.settings, state.pool, metric, limits, asked, body.robot_id
        )
    return backtest_shapes.of_preview(found)


@router.get("/suggestions", responses=ERRORS)
async def suggest_thresholds(request: Request, user: access.Operator, wanted: Wanted) -> Suggestion:
    """Limits from the robot's (or the fleet's) own readings, and what they would have cost."""
    state = request.app.state
    async with _asked(request, "query"):
        async with store.transaction(state.pool) as conn:
            days = await heartbeats.kept_days(conn, state.settings.influx)
        asked = preview.ranged(state.settings, days, wanted.since, wanted.until)
        found = await suggest.suggest(
            state.settings, state.pool, METRICS[wanted.metric], asked, wanted.robot_id
        )
    return backtest_shapes.of_suggestion(found)


@asynccontextmanager
async def _asked(request: Request, where: str) -> AsyncIterator[None]:
    """One at a time: it is a lot of work, and the alerts must not wait for it."""
    try:
        async with request.app.state.backtests:
            yield
    except preview.BacktestRefused as error:
        place = where if error.where == "limits" else f"{where}.{error.where}"
        raise Refused(place, error.why) from None
    except preview.UnknownRobot as error:
        raise NotFound(str(error)) from None
    except SeriesError as error:
        raise ProblemError(
            503,
            f"InfluxDB could not be asked; try again. {str(error)[:300]}",
            "series-unavailable",
            headers={"Retry-After": str(RETRY_AFTER)},
        ) from None

"""Limits: the fleet's and one robot's, tried on the past before they are set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from glue.api.conventions import etag, listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import MetricPath, RobotPath
from glue.api.conventions.problems import ProblemError, Refused
from glue.api.fleet import backtest_shapes, backtests, bulk_thresholds, thresholds
from glue.api.fleet.threshold_shapes import HistoryFilter, LimitFilter, SetThreshold, ThresholdEdit
from glue.console import drawing, forms, page
from glue.console.operations import perform
from glue.console.pages.overview import first
from glue.core.metrics import METRICS
from glue.store import limits
from glue.store.limit_history import HISTORY

router = page.router()

NUMBERS = ("warning", "critical", "warning_recovery", "critical_recovery")
RANGES = {"1": "1 hour", "6": "6 hours", "24": "24 hours", "168": "7 days", "744": "31 days"}
CHANGES = 10


@dataclass(frozen=True)
class Subject:
    """Whose limits of what: ``own`` is what is set here, ``now`` the numbers that count, ``state``
    what a change has to fit."""

    metric: str
    robot_id: str | None
    own: SetThreshold | None
    now: dict[str, float]
    state: BaseModel

    @property
    def path(self) -> str:
        fleets = f"/limits/{self.metric}"
        return f"/robots/{self.robot_id}{fleets}" if self.robot_id else fleets


@router.get("/limits")
async def list_limits(request: Request, reader: page.Reader) -> Response:
    """The fleet's limits, and who changed some lately."""
    found = await perform(thresholds.list_thresholds, request, reader)
    history = await perform(
        bulk_thresholds.list_history,
        request,
        reader,
        wanted=HistoryFilter.model_validate({}),
        asked=first(HISTORY, CHANGES),
    )
    return page.show(request, "limits", reader, found=found, history=history.items, metrics=METRICS)


@router.get("/limits/robots")
async def list_robots(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[LimitFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(limits.LIMITS)],
) -> Response:
    """The limits of every robot, and where they come from."""
    found = await perform(
        bulk_thresholds.list_effective, request, reader, wanted=wanted, asked=asked
    )
    return page.show(
        request, "limits_of_robots", reader, found=found, wanted=wanted, metrics=METRICS
    )


@router.get("/limits/{metric}")
async def of_fleet(request: Request, reader: page.Reader, metric: MetricPath) -> Response:
    """The fleet's limits of one metric."""
    return await _show(request, reader, await _subject(request, reader, metric, None))


@router.post("/limits/{metric}")
@page.does(
    preview=backtests.preview_thresholds,
    suggest=backtests.suggest_thresholds,
    set=thresholds.set_threshold,
    reset=thresholds.reset_threshold,
)
async def change_fleet(request: Request, reader: page.Reader, metric: MetricPath) -> Response:
    """Try them, have some suggested, set them, go back to what is built in."""
    return await _change(request, reader, await _subject(request, reader, metric, None))


@router.get("/robots/{robot_id}/limits/{metric}")
async def of_robot(
    request: Request, reader: page.Reader, robot_id: RobotPath, metric: MetricPath
) -> Response:
    """One robot's limits of one metric."""
    return await _show(request, reader, await _subject(request, reader, metric, robot_id))


@router.post("/robots/{robot_id}/limits/{metric}")
@page.does(
    preview=backtests.preview_thresholds,
    suggest=backtests.suggest_thresholds,
    set=thresholds.set_robot_threshold,
    reset=thresholds.reset_robot_threshold,
)
async def change_robot(
    request: Request, reader: page.Reader, robot_id: RobotPath, metric: MetricPath
) -> Response:
    """The same for one robot; back is to the fleet's."""
    return await _change(request, reader, await _subject(request, reader, metric, robot_id))


async def _subject(request: Request, reader: Caller, metric: str, robot_id: str | None) -> Subject:
    if robot_id is None:
        fleet = await perform(thresholds.read_threshold, request, reader, metric=metric)
        known = METRICS[metric]
        now = {
            name: value if value is not None else known.default_limit(name)  # type: ignore[arg-type]
            for name in ("warning", "critical")
            for value in [getattr(fleet.set, name, None)]
        }
        return Subject(metric, None, fleet.set, now, fleet)
    robot = await perform(thresholds.list_robot_thresholds, request, reader, robot_id=robot_id)
    own = next((row for row in robot.set if row.metric == metric), None)
    (counts,) = [row for row in robot.effective if row.metric == metric]
    return Subject(
        metric, robot_id, own, {"warning": counts.warning, "critical": counts.critical}, robot
    )


async def _change(request: Request, reader: Caller, subject: Subject) -> Response:
    form = await page.form(request)
    try:
        match form["do"]:
            case "preview":
                return await _preview(request, reader, subject, form)
            case "suggest":
                return await _suggest(request, reader, subject, form)
            case "set":
                await _set(request, reader, subject, form)
                told = "Set. In force at the next evaluation."
            case "reset":
                await _reset(request, reader, subject, form)
                told = f"Back to the {'fleet’s' if subject.robot_id else 'built-in'} limits."
            case _:
                raise Refused("do", "preview, suggest, set or reset")
    except ProblemError as problem:
        return await _show(request, reader, subject, problem=problem)
    return page.go(request, subject.path, told)


async def _set(request: Request, reader: Caller, subject: Subject, form: page.Form) -> None:
    body = forms.body(ThresholdEdit, form.only(*NUMBERS, "enabled"))
    given: dict[str, Any] = {"metric": subject.metric, "body": body, "if_match": form["version"]}
    if subject.robot_id is None:
        await perform(thresholds.set_threshold, request, reader, **given)
    else:
        await perform(
            thresholds.set_robot_threshold, request, reader, robot_id=subject.robot_id, **given
        )


async def _reset(request: Request, reader: Caller, subject: Subject, form: page.Form) -> None:
    given = {"metric": subject.metric, "if_match": form["version"]}
    if subject.robot_id is None:
        await perform(thresholds.reset_threshold, request, reader, **given)
    else:
        await perform(
            thresholds.reset_robot_threshold, request, reader, robot_id=subject.robot_id, **given
        )


async def _preview(request: Request, reader: Caller, subject: Subject, form: page.Form) -> Response:
    """What is left empty is tried as it is now."""
    given = {**subject.now, **form.only(*NUMBERS)}
    found = await _tried(request, reader, subject, form, given)
    return await _show(request, reader, subject, preview=found)


async def _suggest(request: Request, reader: Caller, subject: Subject, form: page.Form) -> Response:
    """Have limits suggested, and try them."""
    wanted = forms.body(
        backtest_shapes.SuggestionAsked,
        {"metric": subject.metric, "robot_id": subject.robot_id, "since": _since(form)},
    )
    found = await perform(backtests.suggest_thresholds, request, reader, wanted=wanted)
    tried = None
    if found.limits is not None:
        tried = await _tried(request, reader, subject, form, found.limits.model_dump())
    return await _show(request, reader, subject, suggestion=found, preview=tried)


async def _tried(
    request: Request, reader: Caller, subject: Subject, form: page.Form, given: dict[str, Any]
) -> backtest_shapes.Preview:
    body = forms.body(
        backtest_shapes.PreviewAsked,
        {
            "metric": subject.metric,
            "robot_id": subject.robot_id,
            "since": _since(form),
            **given,
        },
    )
    return await perform(backtests.preview_thresholds, request, reader, body=body)


def _since(form: page.Form) -> datetime:
    hours = form["hours"]
    return datetime.now(UTC) - timedelta(hours=int(hours) if hours in RANGES else 24)


async def _show(
    request: Request,
    reader: Caller,
    subject: Subject,
    *,
    preview: backtest_shapes.Preview | None = None,
    suggestion: backtest_shapes.Suggestion | None = None,
    problem: ProblemError | None = None,
) -> Response:
    picture = None
    if preview is not None:
        picture = await drawing.of_preview(request, preview)
    form = request.state.form if request.method == "POST" else page.Form()
    given = {name: form[name] for name in (*NUMBERS, "enabled")}
    if suggestion is not None and suggestion.limits is not None:
        given |= {name: f"{getattr(suggestion.limits, name):g}" for name in NUMBERS}
    elif request.method != "POST" and subject.own is not None:
        own = subject.own
        given = {n: _shown(getattr(own, n)) for n in (*NUMBERS, "enabled")}
    return page.show(
        request,
        "limit",
        reader,
        subject=subject,
        metric=METRICS[subject.metric],
        version=form["version"] or etag.tag(subject.state),
        given=given,
        ranges=RANGES,
        hours=form["hours"] or "24",
        may_set=_may_set(subject),
        preview=preview,
        suggestion=suggestion,
        picture=picture,
        problem=problem,
    )


def _shown(value: float | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:g}"


def _may_set(subject: Subject) -> str:
    """The operation that sets these."""
    return "set_robot_threshold" if subject.robot_id else "set_threshold"

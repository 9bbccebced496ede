"""``tonypi thresholds``: limits tried on the past, suggested from it, set and looked at."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from glue import settings as config
from glue import store
from glue.backtest import preview as backtest
from glue.backtest import suggest as suggestion
from glue.cli import backtest_text
from glue.core import times
from glue.core.backtest import pair
from glue.core.metrics import METRICS
from glue.series import SeriesError
from glue.settings import Settings
from glue.store import audit, fleet, heartbeats, limits, references, thresholds

app = typer.Typer(
    help="Limits: tried on the past, suggested from it, set and looked at.", no_args_is_help=True
)

WHO = "tonypi thresholds"
NOTHING = 3
"""Exit code where there were no readings to look at."""

Robot = Annotated[str | None, typer.Option("--robot", help="One robot.")]
Fleet = Annotated[bool, typer.Option("--fleet", help="All whom the fleet's limits reach.")]
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Since = Annotated[
    str,
    typer.Option(help="So long ago (90m, 24h, 7d), or a time (2026-01-31T08:00), at most 31 days."),
]
Until = Annotated[str | None, typer.Option(help="Likewise; now without it.")]
Limit = Annotated[float | None, typer.Option(help="In the metric's unit.")]


def _metric(name: str | None) -> str | None:
    if name is not None and name not in METRICS:
        raise typer.BadParameter(f"{name} is none of {', '.join(METRICS)}")
    return name


MetricOption = Annotated[
    str, typer.Option("--metric", callback=_metric, help=f"One of {', '.join(METRICS)}.")
]
AnyMetric = Annotated[
    str | None, typer.Option("--metric", callback=_metric, help="One; all without it.")
]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="thresholds")


@app.command()
def preview(
    metric: MetricOption,
    warning: Annotated[float, typer.Option(help="In the metric's unit.")],
    critical: Annotated[float, typer.Option(help="In the metric's unit.")],
    robot: Robot = None,
    of_fleet: Fleet = False,
    warning_recovery: Limit = None,
    critical_recovery: Limit = None,
    since: Since = "24h",
    until: Until = None,
    as_json: Json = False,
) -> None:
    """The episodes that limits would have made, beside those that happened. Sets nothing.

    Exit codes: 0 done, 1 failed, 2 refused or settings unusable, 3 no readings in that time.
    """
    _one_of(robot, of_fleet)
    about = METRICS[metric]
    tried = pair(about, warning, critical, warning_recovery, critical_recovery)

    async def work(loaded: Settings, pool: store.Pool) -> backtest.Preview:
        asked = await _range(loaded, pool, since, until)
        return await backtest.preview(loaded, pool, about, tried, asked, robot)

    from glue.api.fleet import backtest_shapes

    found = backtest_shapes.of_preview(_run(work))
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        backtest_text.tell_preview(found)
    _notes(found.notes)
    if not found.heard:
        raise typer.Exit(NOTHING)


@app.command()
def suggest(
    robot: Robot = None,
    of_fleet: Fleet = False,
    metric: AnyMetric = None,
    since: Since = "24h",
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Limits from the robots' own readings, and what they would have cost. Sets nothing.

    The warning limit stands the metric's margin beyond the 99th percentile, the critical one two
    margins beyond the 99.9th. Exit codes: 0 done, 1 failed, 2 refused or settings unusable, 3 too
    few readings of any metric.
    """
    _one_of(robot, of_fleet)
    wanted = [METRICS[metric]] if metric else list(METRICS.values())

    async def work(loaded: Settings, pool: store.Pool) -> list[suggestion.Suggestion]:
        asked = await _range(loaded, pool, since, until)
        return [await suggestion.suggest(loaded, pool, each, asked, robot) for each in wanted]

    from glue.api.fleet import backtest_shapes

    found = [backtest_shapes.of_suggestion(each) for each in _run(work)]
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found]))
    else:
        for each in found:
            backtest_text.tell_suggestion(each)
    _notes(list(dict.fromkeys(note for each in found for note in each.notes)))
    if not any(each.limits for each in found):
        raise typer.Exit(NOTHING)


@app.command("list")
def list_thresholds(as_json: Json = False) -> None:
    """What is set, fleet and robots. Exit codes: 0 done, 1 failed, 2 settings unusable."""
    rows = _run(lambda _, pool: _read(pool, thresholds.listed))
    for row in rows:
        whom = row.robot_id or "the fleet"
        if as_json:
            typer.echo(json.dumps(_plain(row)))
        else:
            off = "  switched off" if row.enabled is False else ""
            typer.echo(
                f"{whom:<20} {row.metric:<12} warning {_number(row.warning):>6}"
                f" critical {_number(row.critical):>6}{off}"
            )


@app.command()
def effective(robot: Robot = None, metric: AnyMetric = None, as_json: Json = False) -> None:
    """What rules apply now, with its level. Exit codes: 0 done, 1 failed, 2 settings unusable."""

    async def work(conn: Any) -> Any:
        await references.check(conn, robot=robot)
        return await limits.in_force(conn, robot, metric)

    rows = _run(lambda _, pool: _read(pool, work))
    for row in rows:
        if as_json:
            typer.echo(json.dumps(_plain(row)))
        else:
            typer.echo(
                f"{row.robot_id:<20} {row.metric:<12} warning {row.warning:>6g}"
                f" critical {row.critical:>6g}  {row.source}"
            )


@app.command("set")
def set_thresholds(
    metric: MetricOption,
    robot: Robot = None,
    of_fleet: Fleet = False,
    warning: Limit = None,
    critical: Limit = None,
    warning_recovery: Limit = None,
    critical_recovery: Limit = None,
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch the metric on or off.")
    ] = None,
) -> None:
    """Set the whole row; what is not given comes from the level above. In force at the next
    evaluation. Exit codes: 0 done, 1 failed, 2 refused or settings unusable."""
    _one_of(robot, of_fleet)
    row: dict[str, Any] = {
        "warning": warning,
        "critical": critical,
        "warning_recovery": warning_recovery,
        "critical_recovery": critical_recovery,
        "enabled": enabled,
    }

    async def work(conn: Any) -> None:
        await audit.acting(conn, WHO)
        await _hold(conn, robot)
        await thresholds.put(conn, robot, metric, **row)
        said = f"{WHO}: set limits of {metric} for {_whom(robot)}"
        details = {"metric": metric, "after": row}
        await audit.record(conn, "api", said, robot_id=robot, details=details)

    _run(lambda _, pool: _read(pool, work))
    typer.echo(f"{metric}: limits set for {_whom(robot)}")


@app.command()
def reset(metric: MetricOption, robot: Robot = None, of_fleet: Fleet = False) -> None:
    """Back to the level above. Exit codes: 0 done, 1 nothing was set, 2 settings unusable."""
    _one_of(robot, of_fleet)

    async def work(conn: Any) -> bool:
        await audit.acting(conn, WHO)
        await _hold(conn, robot)
        if not await thresholds.reset(conn, robot, metric):
            return False
        said = f"{WHO}: reset limits of {metric} for {_whom(robot)}"
        await audit.record(conn, "api", said, robot_id=robot, details={"metric": metric})
        return True

    if not _run(lambda _, pool: _read(pool, work)):
        _end(f"no limits of {metric} are set for {_whom(robot)}")
    typer.echo(f"{metric}: limits reset for {_whom(robot)}")


def _one_of(robot: str | None, of_fleet: bool) -> None:
    if (robot is None) != of_fleet:
        raise typer.BadParameter("say either --robot or --fleet")


def _whom(robot: str | None) -> str:
    return f"robot {robot}" if robot else "the fleet"


async def _hold(conn: Any, robot: str | None) -> None:
    """Nobody else changes these limits until the transaction ends."""
    if robot is None:
        await thresholds.hold(conn)
        return
    await references.check(conn, robot=robot)
    if (await fleet.hold(conn, [robot]))[robot].removed:
        raise backtest.BacktestRefused("robot", f"{robot} is removed; restore it first")


async def _read(pool: store.Pool, work: Callable[[Any], Awaitable[Any]]) -> Any:
    async with store.transaction(pool) as conn:
        return await work(conn)


async def _range(
    loaded: Settings, pool: store.Pool, since: str, until: str | None
) -> backtest.Range:
    now, zone = datetime.now(UTC), ZoneInfo(loaded.fleet.tz)
    end = _moment("until", until, now, zone) if until else None
    start = _moment("since", since, end or now, zone)
    async with store.transaction(pool) as conn:
        days = await heartbeats.kept_days(conn, loaded.influx)
    return backtest.ranged(loaded, days, start, end, now)


def _moment(what: str, text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """``24h`` is so long before ``now``. Raises :class:`backtest.BacktestRefused`."""
    try:
        return times.moment(text, now, zone)
    except times.BadTime as error:
        raise backtest.BacktestRefused(what, str(error)) from None


def _run(work: Callable[[Settings, store.Pool], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        loaded = config.load()
        group = loaded.postgres.model_copy(update={"pool_size": 1})
        async with store.open_pool(group) as pool:
            return await work(loaded, pool)

    try:
        return asyncio.run(opened())
    except (config.SettingsError, backtest.BacktestRefused, thresholds.InvalidThreshold) as error:
        _end(str(error), 2)
    except (backtest.UnknownRobot, SeriesError, store.StoreError) as error:
        _end(str(error))


def _plain(row: Any) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in vars(row).items()
    }


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:g}"


def _notes(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"{WHO}: {note}", err=True)


def _end(why: str, code: int = 1) -> NoReturn:
    typer.echo(f"{WHO}: {why}", err=True)
    raise typer.Exit(code)

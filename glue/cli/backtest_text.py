"""What ``tonypi thresholds preview`` and ``suggest`` say to people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from glue.api.fleet.backtest_shapes import Episode, Limits, Preview, Suggestion, Tally

SHOWN = 20
"""Episodes and robots; --json has more."""


def tell_preview(found: Preview) -> None:
    """Figures, and the newest episodes of both."""
    whom = f"robot {found.robot_id}" if found.robot_id else f"{found.robots} robots"
    typer.echo(
        f"{found.metric}: {_pair(found.limits, found.unit)}; {whom}, {found.heard} with readings,"
        f" {_at(found.since)} to {_at(found.until)}, every {found.every_s:g} s"
    )
    typer.echo(f"  would have been  {_tally(found.would)}")
    typer.echo(f"  happened         {_tally(found.happened)}")
    if not found.robot_id:
        for one in found.by_robot[:SHOWN]:
            typer.echo(f"    {one.robot_id:<30} {one.would:>6} would  {one.happened:>6} happened")
    _episodes("would have been", found.would_episodes, found.would.episodes, found.unit)
    _episodes("happened", found.happened_episodes, found.happened.episodes, found.unit)


def tell_suggestion(found: Suggestion) -> None:
    """The limits, why, and their cost."""
    whom = (
        f"robot {found.robot_id}" if found.robot_id else f"{found.heard} of {found.robots} robots"
    )
    if found.limits is None or found.would is None:
        typer.echo(f"{found.metric}: nothing to say of {whom}: {found.readings} readings")
        return
    typer.echo(f"{found.metric}: {_pair(found.limits, found.unit)}; {whom}")
    shares = ", ".join(f"{part} %: {value:g}" for part, value in found.percentiles.items())
    typer.echo(f"  of {found.readings} readings {shares}, all points: {found.furthest:g}")
    typer.echo(f"  would have been  {_tally(found.would)}, {found.would.per_day:g} a day")
    typer.echo(f"  happened         {_tally(found.happened)}, {found.happened.per_day:g} a day")


def _pair(limits: Limits, unit: str) -> str:
    return (
        f"warning {limits.warning:g} {unit} (recovers at {limits.warning_recovery:g}),"
        f" critical {limits.critical:g} {unit} (recovers at {limits.critical_recovery:g})"
    )


def _tally(tally: Tally) -> str:
    return (
        f"{tally.episodes} episodes ({tally.critical} critical, {tally.warning} warning)"
        f" of {tally.robots} robots, {tally.hours:g} h"
    )


def _episodes(what: str, episodes: list[Episode], count: int, unit: str) -> None:
    if not episodes:
        return
    typer.echo(f"{what}, the newest {min(count, SHOWN)} of {count}:")
    for one in episodes[:SHOWN]:
        until = f"{_at(one.ended_at)} {one.reason or ''}" if one.ended_at else "open at the end"
        worst = f", worst {one.worst:g} {unit}" if one.worst is not None else ""
        typer.echo(f"  {one.robot_id:<20} {one.severity:<8} {_at(one.starts_at)} to {until}{worst}")


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"

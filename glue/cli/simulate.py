"""``tonypi simulate``: robots that are not there."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.live import Live

from glue import logs
from glue import settings as config
from glue.settings import durations
from glue.simulate.scenarios import SCENARIOS

if TYPE_CHECKING:
    from glue.simulate.fleet import Fleet, Stats

ROBOTS_MAX = 2000
CONNECT_S = 10.0

errors = Console(stderr=True)


def register(app: typer.Typer) -> None:
    app.command()(simulate)


def _duration(text: str) -> float:
    """Seconds, more than none."""
    try:
        seconds = durations.duration(text).total_seconds()
    except durations.BadDuration as error:
        raise typer.BadParameter(str(error)) from None
    if not seconds:
        raise typer.BadParameter("give more than 0 s")
    return seconds


def _scenario(text: str) -> str:
    if text not in SCENARIOS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(SCENARIOS)}")
    return text


def simulate(
    robots: Annotated[int, typer.Option(min=1, max=ROBOTS_MAX, help="How many.")] = 2,
    scenario: Annotated[
        str, typer.Option(callback=_scenario, help=f"One of {', '.join(SCENARIOS)}.")
    ] = "mixed",
    rate: Annotated[
        float, typer.Option(min=0.01, max=100, help="Messages so many times as often.")
    ] = 1.0,
    duration: Annotated[
        str | None, typer.Option("--for", help="Such as 90s, 5m, 1h; until Ctrl-C without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove all rows and series of simulated robots.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --forget: count, remove nothing.")
    ] = False,
) -> None:
    """Send what so many robots would send; they answer commands. Their ids start with sim_."""
    if dry_run and not forget:
        raise typer.BadParameter("--dry-run belongs to --forget")
    seconds = _duration(duration) if duration else None
    settings = config.load()
    # Standard output is for the figures alone.
    structlog.configure(logger_factory=logs.to_standard_error())
    if forget:
        _forget(settings, dry_run, as_json)
        return
    stats = asyncio.run(_run(settings, robots, scenario, rate, seconds, as_json))
    if as_json:
        typer.echo(json.dumps(stats.as_dict()))


async def _run(
    settings: config.Settings,
    robots: int,
    scenario: str,
    rate: float,
    seconds: float | None,
    quiet: bool,
) -> Stats:
    from glue.broker import BrokerUnavailable, Session
    from glue.simulate import commands
    from glue.simulate.fleet import Fleet

    name = f"tonypi-simulate-{secrets.token_hex(4)}"
    session = Session(settings.broker, name, commands.TOPICS, qos=0)
    try:
        await session.start(wait=CONNECT_S)
    except BrokerUnavailable as error:
        await session.stop()
        errors.print(f"[red]{error}", highlight=False)
        raise typer.Exit(1) from None
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    fleet = Fleet(session, settings.fleet, robots=robots, scenario=scenario, rate=rate)  # type: ignore[arg-type]
    watch = asyncio.create_task(_progress(fleet, seconds))
    try:
        return await fleet.run(stop, seconds)
    finally:
        watch.cancel()
        await session.stop()
        if not quiet:
            errors.print(_line(fleet.stats, fleet.stats.seconds, seconds), highlight=False)


async def _progress(fleet: Fleet, seconds: float | None) -> None:
    if not errors.is_terminal:
        return
    elapsed = 0
    with Live(console=errors, transient=True, auto_refresh=False) as live:
        while True:
            live.update(_line(fleet.stats, elapsed, seconds), refresh=True)
            await asyncio.sleep(1)
            elapsed += 1


def _line(stats: Stats, elapsed: float, seconds: float | None) -> str:
    until = f" of {seconds:.0f}" if seconds else ""
    return (
        f"{stats.robots} robots, {stats.scenario}: {stats.total} messages sent, "
        f"{stats.unsent} unsent, {stats.skipped} skipped, {stats.commands} commands, "
        f"{elapsed:.0f}{until} s"
    )


def _forget(settings: config.Settings, dry_run: bool, as_json: bool) -> None:
    from glue.series import SeriesError
    from glue.simulate.forget import forget
    from glue.store import StoreUnavailable

    try:
        found = asyncio.run(forget(settings, dry_run=dry_run))
    except (SeriesError, StoreUnavailable) as error:
        errors.print(f"[red]{error}", highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(found))
        return
    word = "would remove" if dry_run else "removed"
    for name, count in found.items():
        typer.echo(f"{word} {count} {name}")

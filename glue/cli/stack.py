"""``tonypi up|down|status|logs``: the native run."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from glue import settings as settings_module
from glue.cli import compose
from glue.settings import SettingsError
from glue.stack import control, home, plan, report
from glue.stack.home import Home
from glue.stack.install import InstallFailed
from glue.stack.install import plan as install_plan
from glue.stack.install.machine import look
from glue.stack.part import Site
from glue.stack.process import StartFailed
from glue.stack.programs import ProgramMissing
from glue.stack.progress import Progress

FAILED = 1
UNUSABLE = 2
NOT_RUNNING = 3
DEGRADED = 4


def register(app: typer.Typer) -> None:
    for command in (up, down, status, logs):
        app.command()(command)


def _home() -> Home:
    try:
        return Home(settings_module.load().stack.home)
    except SettingsError as error:
        raise _end(f"tonypi: {error}", UNUSABLE) from None


def _end(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)


def up(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be got and started; do nothing.")
    ] = False,
) -> None:
    """Install what is missing, start everything, wait until it serves. Harmless when it runs.

    Exit codes: 0 everything serves, 1 something cannot be had or does not start, 2 settings or
    home folder unusable.
    """
    place, progress = _home(), Progress()
    if compose.up(place, progress, dry_run):
        return
    try:
        if dry_run:
            _show_plan(place.site(), progress)
            return
        if home.is_running(place):
            progress.say(f"it is running already, in {place.path}")
        else:
            for remark in home.prepare(place, os.environ):
                progress.say(f"  – {remark}")
            control.install_missing(place.site(), progress)
            # What cannot be started is better said here than in the supervisor's log.
            plan.names(place.site())
            control.start(place, os.environ)
        names = plan.names(place.site())
        control.await_serving(place, names, progress)
    except (SettingsError, home.HomeUnusable) as error:
        raise _end(f"tonypi up: {error}", UNUSABLE) from None
    except (InstallFailed, ProgramMissing, StartFailed, control.UpFailed) as error:
        raise _end(f"tonypi up: {error}", FAILED) from None
    _welcome(place, place.site(), progress)


def _show_plan(site: Site, progress: Progress) -> None:
    decided = install_plan(look(site.programs))
    progress.say(f"home: {site.home}")
    for get in decided.gets:
        progress.say(f"get: {get.title}{'' if get.needed else ' (the stack runs without it)'}")
    for line in decided.impossible:
        progress.say(f"missing: {line}")
    missing = {get.what for get in decided.gets} | {line.split()[0] for line in decided.impossible}
    if missing - {"grafana"}:
        order = [*plan.FOUNDATION, "telegraf", "grafana", "glue"]
        progress.say(f"start: {' → '.join(order)}")
    else:
        progress.say(f"start: {' → '.join(plan.names(site))}")


def _welcome(place: Home, site: Site, progress: Progress) -> None:
    config = site.settings
    glue = f"http://{config.glue.host}:{config.glue.port}"
    if site.runs_grafana:
        progress.say(f"dashboards  {config.grafana.public_url or config.grafana.url}")
    else:
        progress.say("dashboards  none: no Grafana here; the standby evaluator raises the alerts")
    progress.say(f"API         {glue}/docs")
    progress.say(f"robots      send MQTT to {config.broker.host}:{config.broker.port}")
    shown = place.path / "run" / "password-shown"
    if not shown.exists():
        shown.touch()
        progress.say("passwords, generated now and shown this once (kept in stack.env there):")
        if site.runs_grafana:
            secret = config.grafana.admin_password.get_secret_value()
            progress.say(f"  Grafana   {config.grafana.admin_user}  {secret}")
        progress.say(f"  API       admin  {config.glue.admin_password.get_secret_value()}")


def down(
    purge: Annotated[
        bool, typer.Option("--purge", help="Then remove data, logs and secrets as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --purge.")] = False,
) -> None:
    """Stop everything. Data stays unless --purge is given.

    Exit codes: 0 stopped (or nothing ran), 1 not confirmed.
    """
    place, progress = _home(), Progress()
    if compose.down(place, purge, yes):
        return
    if purge and not yes and not _confirmed(place.path):
        raise _end("tonypi down: nothing was stopped or removed", FAILED)
    stopped = control.stop(place, progress)
    progress.say("stopped" if stopped else "nothing was running")
    if purge:
        home.purge(place)
        progress.say(f"removed data, logs and secrets in {place.path}")


def _confirmed(path: Path) -> bool:
    if not sys.stdin.isatty():
        typer.echo("tonypi down: --purge needs --yes where nobody can be asked", err=True)
        return False
    return typer.confirm(f"Remove all data, logs and secrets in {path}?")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for scripts.")] = False,
) -> None:
    """Each part, who evaluates the rules and why, and which messages were refused.

    Exit codes: 0 everything serves, 2 settings unusable, 3 nothing runs, 4 some part does not
    serve.
    """
    place = _home()
    if compose.status(place, as_json):
        return
    facts = report.parts(place)
    if facts["running"]:
        facts |= asyncio.run(report.pipeline(place.site().settings))
    if as_json:
        typer.echo(json.dumps(facts, indent=2, default=str))
    else:
        _table(facts)
    raise typer.Exit(_verdict(facts))


def _verdict(facts: dict[str, Any]) -> int:
    if not facts["running"]:
        return NOT_RUNNING
    parts = facts["parts"].values()
    healthy = not facts["trouble"] and all(part["state"] == "ready" for part in parts)
    return 0 if healthy else DEGRADED


def _table(facts: dict[str, Any]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    if not facts["running"]:
        console.print(f"nothing runs in {facts['home']}; start it with `tonypi up`")
        return
    table = Table("part", "state", "pid", "restarts", "up", "where", box=None, pad_edge=False)
    for name, part in facts["parts"].items():
        uptime = f"{part['uptime_s']:.0f} s" if part["uptime_s"] is not None else "–"
        state = f"{part['state']}: {part['reason']}" if part["reason"] else part["state"]
        table.add_row(
            name, state, str(part["pid"] or "–"), str(part["restarts"]), uptime, part["url"]
        )
    console.print(table)
    if facts["trouble"]:
        console.print(f"accounts and tables: {facts['trouble']}", markup=False)
    if charge := facts["evaluator"]:
        console.print(f"evaluator: {charge['name'] or 'unknown'} ({charge.get('reason', '')})")
    for refused in facts["refused"]:
        console.print(
            f"refused by {refused['by']}: {refused['count']} × {refused['reason']} "
            f"on {refused['topic']}",
            markup=False,
        )
    for unknown in facts["unknown"]:
        console.print(f"{unknown['what']}: cannot be asked: {unknown['reason']}", markup=False)


def logs(
    part: Annotated[str, typer.Argument(help="Name of a part; none: the supervisor.")] = (
        "supervisor"
    ),
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing.")] = False,
) -> None:
    """Print a part's log.

    Exit codes: 0 printed, 1 there is no such log, 2 settings unusable.
    """
    place = _home()
    if compose.logs(place, part, lines, follow):
        return
    log = place.log(part)
    if not log.is_file():
        known = sorted(path.stem for path in log.parent.glob("*.log"))
        raise _end(f"tonypi logs: no log of {part!r}; there are: {', '.join(known)}", FAILED)
    with log.open(errors="replace") as file:
        for line in deque(file, maxlen=lines):
            typer.echo(line, nl=False)
    if follow:
        try:
            subprocess.run(["tail", "-n", "0", "-F", str(log)], check=False)
        except KeyboardInterrupt:
            return

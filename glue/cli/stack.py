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
from glue.cli import compose, preflight, welcome
from glue.core import demo, queue_words
from glue.settings import SettingsError
from glue.stack import control, home, lan, plan, quiet, report
from glue.stack.home import Home
from glue.stack.install import InstallFailed
from glue.stack.process import StartFailed
from glue.stack.programs import ProgramMissing
from glue.stack.progress import Progress

DEMO = "demo"
"""A file in ``run``: what runs is a demo."""
FAILED = 1
UNUSABLE = 2
NOT_RUNNING = 3
DEGRADED = 4


def register(app: typer.Typer) -> None:
    for command in (up, down, status, logs):
        app.command()(command)


def _home() -> Home:
    try:
        place = Home(settings_module.load().stack.home)
    except SettingsError as error:
        raise _end(f"tonypi: {error}", UNUSABLE) from None
    run = place.lock.parent
    if run.exists() and not os.access(run, os.R_OK | os.X_OK, effective_ids=True):
        raise _end(
            f"tonypi: the stack in {place.path} belongs to {run.owner()}; call tonypi as that user,"
            " or set TONYPI_HOME to another folder",
            UNUSABLE,
        )
    return place


def _end(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)


def up(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be got and started; do nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: for scripts.")] = False,
    lan_mode: Annotated[
        bool | None,
        typer.Option(
            "--lan/--no-lan",
            help="Broker, Grafana and glue beyond loopback, each with a password; kept until "
            "--no-lan.",
        ),
    ] = None,
    demo_mode: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo",
            help="The documented passwords open too, from this machine alone; until it is stopped.",
        ),
    ] = None,
    address: Annotated[
        str, typer.Option(help="With --lan: the one address of this machine to listen on.")
    ] = lan.ANY,
) -> None:
    """Install what is missing, start everything, wait until it serves. Harmless when it runs.

    Exit codes: 0 everything serves, 1 something cannot be had or does not start, 2 settings, a
    port or the home folder unusable.
    """
    if as_json and not dry_run:
        raise _end(
            "tonypi up: --json belongs to --dry-run; `tonypi status --json` tells the rest",
            UNUSABLE,
        )
    place, progress = _home(), Progress()
    if demo_mode and lan_mode:
        raise _end("tonypi up: --demo is of this machine alone and --lan is not", UNUSABLE)
    if demo_mode and not compose.why_not(place):
        raise _end("tonypi up: --demo is of the native run alone; set NATIVE=1", UNUSABLE)
    if compose.up(place, progress, dry_run):
        if lan_mode:
            progress.say("--lan: in containers TONYPI_BIND in .env opens it, see docs/docker.md")
        return
    try:
        bind = _bind(lan_mode, address)
        if dry_run:
            _dry_run(place, progress, as_json)
            return
        _choose_demo(place, demo_mode, bind, progress)
        _change_mode(place, bind, progress)
        if home.is_running(place):
            progress.say(f"it is running already, in {place.path}")
            _stop_at_errors(place, progress)
        else:
            misfits = _stop_at_errors(place, progress)
            home.prepare(place, os.environ, bind)
            if misfits:
                welcome.forget(place)
            _mark_demo(place)
            control.install_missing(place.site(), progress)
            # What cannot be started is better said here than in the supervisor's log.
            for line in plan.as_root(place.site()):
                progress.say(f"  – {line}")
            control.start(place, os.environ)
        names = plan.names(place.site())
        control.await_serving(place, names, progress)
    except (SettingsError, home.HomeUnusable, lan.AddressUnusable) as error:
        raise _end(f"tonypi up: {error}", UNUSABLE) from None
    except (InstallFailed, ProgramMissing, StartFailed, control.UpFailed) as error:
        raise _end(f"tonypi up: {error}", FAILED) from None
    welcome.show(place, place.site(), progress)


def _bind(lan_mode: bool | None, address: str) -> str | None:
    """Where to listen from now on; None: as before. Raises :class:`lan.AddressUnusable`."""
    if lan_mode is None:
        return None
    asked = settings_module.given(os.environ).get(lan.BIND)
    wanted = lan.checked(address) if lan_mode else lan.LOOPBACK
    if asked and asked != wanted:
        raise lan.AddressUnusable(
            f"{lan.BIND}={asked} is set in the environment or in .env and would win; remove it"
        )
    return wanted


def _change_mode(place: Home, bind: str | None, progress: Progress) -> None:
    """Another address needs a start afresh; the broker's sessions keep what arrives meanwhile."""
    if bind and home.is_running(place) and place.site().settings.stack.bind != bind:
        progress.say(f"it runs on {place.site().settings.stack.bind}; starting it on {bind}")
        control.stop(place, progress)


def _choose_demo(place: Home, wanted: bool | None, bind: str | None, progress: Progress) -> None:
    """Put into our environment, and so into that of all that we start, whether it is a demo. Raises
    ``SettingsError`` where others could reach it."""
    was = (place.path / "run" / DEMO).exists() and home.is_running(place)
    if wanted is None and was:
        wanted = True
    if wanted is not None:
        os.environ["GLUE_DEMO"] = "1" if wanted else "0"
    settings = place.site().settings
    if bind:
        settings = settings.model_copy(
            update={
                "stack": settings.stack.model_copy(update={"bind": bind}),
                "glue": settings.glue.model_copy(update={"host": bind}),
            }
        )
    demo.check(settings)
    if home.is_running(place) and was != settings.glue.demo:
        progress.say("it runs in demo mode; leaving it" if was else "starting it in demo mode")
        control.stop(place, progress)


def _mark_demo(place: Home) -> None:
    marker = place.path / "run" / DEMO
    if place.site().settings.glue.demo:
        marker.touch()
    else:
        marker.unlink(missing_ok=True)


def _dry_run(place: Home, progress: Progress, as_json: bool) -> None:
    site = place.site()
    known, found = preflight.look(place, site, dict(os.environ))
    if as_json:
        preflight.show_json(known, found, site)
    else:
        preflight.show_plan(known, found, site, progress)


def _stop_at_errors(place: Home, progress: Progress) -> bool:
    """Print what was found; raises an exit where something must be mended first. Returns whether
    passwords are going to be reset."""
    known, found = preflight.look(place, place.site(), dict(os.environ))
    preflight.show(found, progress)
    wrong = {finding.about for finding in found if finding.level == "error"}
    if wrong and not home.is_running(place):
        code = FAILED if wrong == {"tool"} else UNUSABLE
        raise _end("tonypi up: nothing was started; what is marked ✗ must be mended first", code)
    return bool(known.misfits or known.secrets_lost)


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
    """Each part, who evaluates the rules and why, the broker's queue, which messages were dropped
    or refused.

    Exit codes: 0 everything serves, 2 settings unusable, 3 nothing runs, 4 some part does not
    serve.
    """
    place = _home()
    if compose.status(place, as_json):
        return
    # In a container the parts are Compose's, and the systems can be asked all the same.
    native = quiet.is_native(place.site().settings)
    facts = report.parts(place) if native else report.NO_PARTS | {"running": True}
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
    columns = ("part", "state", "user", "pid", "restarts", "up", "where")
    table = Table(*columns, box=None, pad_edge=False)
    for name, part in facts["parts"].items():
        uptime = f"{part['uptime_s']:.0f} s" if part["uptime_s"] is not None else "–"
        state = f"{part['state']}: {part['reason']}" if part["reason"] else part["state"]
        user, pid = part["user"] or "–", str(part["pid"] or "–")
        table.add_row(name, state, user, pid, str(part["restarts"]), uptime, part["url"])
    console.print(table)
    for name, part in facts["parts"].items():
        if part["root_because"]:
            console.print(f"{name} runs as root: {part['root_because']}", markup=False)
    if facts["trouble"]:
        console.print(f"accounts and tables: {facts['trouble']}", markup=False)
    if charge := facts["evaluator"]:
        console.print(f"evaluator: {charge['name'] or 'unknown'} ({charge.get('reason', '')})")
    for line in queue_words.sentences(facts["queue"]) if facts["queue"] else ():
        console.print(line, markup=False)
    for refused in facts["refused"]:
        console.print(
            f"refused by {refused['by']}: {refused['count']} × {refused['reason']} "
            f"on {refused['topic']}{_last(refused)}",
            markup=False,
        )
    if (limits := facts["limits"]) and limits.get("trouble"):
        console.print(
            f"limits: not written since {limits['at'][:19].replace('T', ' ')} UTC:"
            f" {limits['trouble']}",
            markup=False,
        )
    if facts["grafana"]:
        console.print(f"Grafana: {facts['grafana']}", markup=False)
    if retention := facts["retention"]:
        console.print(f"retention: {_retention(retention)}", markup=False)
    for unknown in facts["unknown"]:
        console.print(f"{unknown['what']}: cannot be asked: {unknown['reason']}", markup=False)


def _last(refused: dict[str, Any]) -> str:
    at, detail = refused.get("last_at"), refused.get("last_detail")
    return (f", last {at:%Y-%m-%d %H:%M:%S} UTC" if at else "") + (f": {detail}" if detail else "")


def _retention(told: dict[str, Any]) -> str:
    gone = [f"{count} of {table}" for table, count in told["deleted"].items() if count]
    text = f"at {told['at'][:19].replace('T', ' ')} UTC removed {', '.join(gone) or 'nothing'}"
    return "; ".join([text, *told["errors"].values()])


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

"""``tonypi`` where the stack runs in containers: ``up|down|status|logs`` are Compose's, and what
asks the systems is done in the glue's container, for only there are they reached.

Each function says whether it was in charge; if not, the native run's command goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from glue import settings as settings_module
from glue.core.roles import ROLES
from glue.settings import PROJECT
from glue.stack import compose, quiet, secrets
from glue.stack import home as homes
from glue.stack.home import Home
from glue.stack.progress import Progress

FAILED = 1
UNUSABLE = 2
DEGRADED = 4
ASKS_THE_SYSTEMS = {
    *("users", "groups", "maintenance", "mutes", "thresholds", "notify", "reports", "sync", "db"),
    "simulate",
}
"""Commands that are done in the glue's container."""
ENDS_ITSELF = {"--for", "--forget", "--help"}
"""Options of ``simulate``."""


def up(place: Home, progress: Progress, dry_run: bool, checkout: Path = PROJECT) -> bool:
    """Write ``.env``, build, start, wait, say where it is."""
    if why_not(place):
        return False
    if dry_run:
        progress.say("a Docker engine runs: docker compose up (NATIVE=1 for the native run)")
        return True
    progress.say("a Docker engine runs: starting in containers (NATIVE=1 for the native run)")
    first = not (checkout / compose.ENV).exists()
    try:
        for remark in compose.write_env(checkout, secrets.read(place.path), os.environ):
            progress.say(f"  – {remark}")
        compose.up(settings_module.load().stack.robots, checkout)
    except (compose.ComposeFailed, settings_module.SettingsError) as error:
        raise _end("up", error) from None
    values = compose.read_env(checkout, os.environ)
    for name, address in compose.published(values).items():
        progress.say(f"{name:11} {address}")
    if first:
        user = values.get("GF_SECURITY_ADMIN_USER") or settings_module.load().grafana.admin_user
        progress.say("passwords, generated now and shown this once (kept in .env):")
        progress.say(f"  Grafana   {user}  {values['GF_SECURITY_ADMIN_PASSWORD']}")
        for role in reversed(ROLES):
            progress.say(f"  API       {role:8}  {values[f'GLUE_{role.upper()}_PASSWORD']}")
    return True


def why_not(place: Home) -> str:
    """Why the native run is in charge; empty when the containers are."""
    return compose.why_not(os.environ, place)


def down(place: Home, purge: bool, yes: bool, checkout: Path = PROJECT) -> bool:
    """Stop the containers; with ``purge`` remove their volumes and ``.env``."""
    if not _in_charge(place, checkout):
        return False
    if purge and not yes and not typer.confirm("Remove all volumes and secrets (.env)?"):
        raise typer.Exit(FAILED)
    try:
        compose.down(purge, checkout)
    except compose.ComposeFailed as error:
        raise _end("down", error) from None
    if purge:
        (checkout / compose.ENV).unlink(missing_ok=True)
    return True


def status(place: Home, as_json: bool, checkout: Path = PROJECT) -> bool:
    """The containers, and what the glue knows, as it says it itself."""
    if not _in_charge(place, checkout):
        return False
    waiting = compose.unhealthy(checkout)
    as_asked = ("--json",) if as_json else ()
    status = compose.answer(checkout, "exec", "-T", "glue", "tonypi", "status", *as_asked)
    if as_json:
        facts = {**json.loads(status or "{}"), "containers": compose.listed(checkout)}
        typer.echo(json.dumps({**facts, "unhealthy": waiting}, indent=2))
    else:
        compose.show("ps", "--all", checkout=checkout)
        if status:
            typer.echo(status)
        if waiting:
            typer.echo(f"not healthy: {', '.join(waiting)}")
    raise typer.Exit(DEGRADED if waiting else 0)


def forwarded(arguments: Sequence[str], checkout: Path = PROJECT) -> int | None:
    """Do ``tonypi ARGUMENTS`` in the glue's container; its exit code. None where it is to be done
    here: it does not ask the systems, or they are not in containers."""
    if not arguments or arguments[0] not in ASKS_THE_SYSTEMS:
        return None
    try:
        settings = settings_module.load()
    except settings_module.SettingsError:
        return None
    if not (quiet.is_native(settings) and _in_charge(Home(settings.stack.home), checkout)):
        return None
    options = {word.split("=")[0] for word in arguments}
    if "--out" in options:
        typer.echo(
            "tonypi: --out would write inside of the container; the console and the API"
            " (/api/v1/reports) give the file, or run it there and copy it with"
            " `docker compose cp`",
            err=True,
        )
        return UNUSABLE
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if arguments[0] == "simulate" and not terminal and not options & ENDS_ITSELF:
        typer.echo(
            "tonypi: without a terminal a signal would end this command and not the robots in the"
            " container: give --for, or use the service that Compose can stop:"
            " `docker compose --profile simulator up --detach simulator`, and then"
            " `docker compose --profile simulator stop simulator`",
            err=True,
        )
        return UNUSABLE
    plain = () if terminal else ("-T",)
    return compose.show("exec", *plain, "glue", "tonypi", *arguments, checkout=checkout)


def logs(place: Home, part: str, lines: int, follow: bool, checkout: Path = PROJECT) -> bool:
    """A container's log; of all of them without a name."""
    if not _in_charge(place, checkout):
        return False
    chosen = () if part == "supervisor" else (part,)
    following = ("--follow",) if follow else ()
    told = compose.show("logs", "--tail", str(lines), *following, *chosen, checkout=checkout)
    raise typer.Exit(FAILED if told else 0)


def _in_charge(place: Home, checkout: Path) -> bool:
    try:
        return not homes.is_running(place) and compose.is_up(checkout)
    except PermissionError:
        # The home of another user, as of a part that root started under an account of its own.
        return False


def _end(command: str, error: Exception) -> typer.Exit:
    typer.echo(f"tonypi {command}: {error}", err=True)
    return typer.Exit(FAILED)

"""``tonypi db``: the database's shape, and what an older one brought along."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from glue import settings

if TYPE_CHECKING:
    from glue.core.repair import Offence
    from glue.store import repair as mending

app = typer.Typer(help="The database's tables and views.", no_args_is_help=True)

NOT_EMPTY = 2
"""Exit code of a plan that has something to do."""

EXAMPLES = 3
"""Rows of one kind that are listed where nobody asked for all."""


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="db")


@app.command()
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, change nothing.")] = False,
    naive_times: Annotated[
        str, typer.Option(help="Zone of an older database's times without one.")
    ] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the database to the newest migration. Safe to repeat, and for two at once.

    An existing database is adopted: nothing is deleted, no row stops it; what breaks a rule is
    reported and waits for `tonypi db repair`.

    Exit codes: 0 done (or nothing to do), 1 failed, 2 settings unusable.
    """
    from glue.store import StoreError, migrations, repair

    def told(applied: migrations.Applied) -> None:
        if not as_json:
            typer.echo(f"applied {applied.name} ({applied.seconds:.2f} s)")

    try:
        zone = _zone(naive_times)
        dsn = settings.load().postgres.dsn
        done = migrations.upgrade(dsn, dry_run=dry_run, naive_times=zone, told=told)
        found = None if dry_run else repair.survey(dsn)
    except settings.SettingsError as error:
        _end("upgrade", error, 2)
    except StoreError as error:
        _end("upgrade", error)
    if as_json:
        typer.echo(json.dumps(asdict(done) | (_as_json(found) if found else {})))
        return
    if dry_run:
        for applied in done.applied:
            typer.echo(f"would apply {applied.name}")
    if not done.applied:
        typer.echo(f"nothing to do: all {len(done.already)} migrations are applied")
    for name, why in done.without.items():
        typer.echo(
            f"without {name}, which makes searches fast ({why}); the next upgrade tries again"
        )
    if found:
        _tell(found, adopted=bool(done.applied))


@app.command()
def repair(
    plan: Annotated[bool, typer.Option("--plan", help="Show, change nothing.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it, in one transaction.")] = False,
    all_rows: Annotated[bool, typer.Option("--all", help="List every value.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Mend what an adopted database brought along. What was is kept in repaired_values.

    Exit codes: 0 done, or nothing to do; 1 failed, or settings unusable; 2 the plan is not empty.
    """
    from glue.store import StoreError
    from glue.store import repair as mending

    if plan == apply:
        _end("repair", "give --plan to see what would be done, or --apply to do it")
    try:
        dsn = settings.load().postgres.dsn
        if apply:
            offences = mending.apply(dsn, "tonypi db repair")
        else:
            offences = list(mending.survey(dsn).offences)
    except (settings.SettingsError, StoreError) as error:
        _end("repair", error)
    if as_json:
        rows = [asdict(o) | {"kind": o.kind} for o in offences]
        typer.echo(json.dumps({"applied": apply, "offences": rows}))
    else:
        _list(
            offences, "mended" if apply else "would mend", len(offences) if all_rows else EXAMPLES
        )
    if plan and offences:
        raise typer.Exit(NOT_EMPTY)


def _list(offences: list[Offence], verb: str, most: int) -> None:
    """Print each kind with its count and at most ``most`` rows of it."""
    from glue.core.repair import by_kind

    if not offences:
        typer.echo("nothing to mend")
        return
    kinds = by_kind(offences)
    for (kind, why), found in kinds.items():
        typer.echo(f"{len(found)} {kind}: {why}")
        _few([f"  row {one.row_id}: {one.what}" for one in found], most, "--all lists them")
    typer.echo(f"{verb} {len(offences)} values of {len(kinds)} kinds")


def _few(lines: list[str], most: int, rest: str) -> None:
    for line in lines[:most]:
        typer.echo(line)
    if len(lines) > most:
        typer.echo(f"  and {len(lines) - most} more ({rest})")


def _tell(found: mending.Survey, adopted: bool) -> None:
    """What an adoption changed is told once, what waits for repair each time."""
    from glue.core.repair import counted

    if adopted:
        for kind in found.changed:
            typer.echo(f"changed {kind.count} {kind.kind}: {kind.why}")
        pairs = [
            f"limits of {pair['robot_id']} taken over: {pair['metric']}"
            f" {pair['warning']:g} / {pair['critical']:g}"
            for pair in found.taken_over
        ]
        _few(pairs, EXAMPLES, "`tonypi db upgrade --json` lists them")
        for table, count in found.unregistered.items():
            typer.echo(f"{count} {table} of robots that are not registered stay as they are")
    for kind in counted(found.offences):
        typer.echo(f"to mend: {kind.count} {kind.kind}: {kind.why}")
    if found.offences:
        typer.echo("these rows work on as they are; `tonypi db repair --plan` shows their repair")


def _as_json(found: mending.Survey) -> dict[str, Any]:
    from glue.core.repair import counted

    return {
        "to_mend": [asdict(kind) for kind in counted(found.offences)],
        "changed": [asdict(kind) for kind in found.changed],
        "taken_over": list(found.taken_over),
        "unregistered": found.unregistered,
    }


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        _end("upgrade", f"{name} is no time zone; use a name like Europe/Berlin")
    return name


def _end(command: str, why: object, code: int = 1) -> NoReturn:
    typer.echo(f"tonypi db {command}: {why}", err=True)
    raise typer.Exit(code)

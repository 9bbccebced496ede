"""``tonypi db``: the database's shape."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from glue import settings

app = typer.Typer(help="The database's tables and views.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="db")


@app.callback()
def _group() -> None:
    """Keeps ``upgrade`` a command of its own while it is the only one."""


@app.command()
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the database to the newest migration. Safe to repeat, and for two at once.

    Exit codes: 0 done (or nothing to do), 1 failed, 2 settings unusable.
    """
    from glue.store import StoreError, migrations

    def told(applied: migrations.Applied) -> None:
        if not as_json:
            typer.echo(f"applied {applied.name} ({applied.seconds:.2f} s)")

    try:
        dsn = settings.load().postgres.dsn
        done = migrations.upgrade(dsn, dry_run=dry_run, told=told)
    except settings.SettingsError as error:
        typer.echo(f"tonypi db upgrade: {error}", err=True)
        raise typer.Exit(2) from None
    except StoreError as error:
        typer.echo(f"tonypi db upgrade: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    elif dry_run:
        for applied in done.applied:
            typer.echo(f"would apply {applied.name}")
    if not as_json and not done.applied:
        typer.echo(f"nothing to do: all {len(done.already)} migrations are applied")

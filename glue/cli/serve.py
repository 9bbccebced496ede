"""``tonypi serve``: the glue's own process."""

from __future__ import annotations

import asyncio

import typer


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve() -> None:
    """Run the glue: API, webhook, events, evaluator. Ends when one of its loops does.

    Exit codes: 0 stopped by a signal, 1 a loop died (the log says of what), 2 settings unusable.
    """
    from glue import logs, service, settings

    try:
        loaded = settings.load()
    except settings.SettingsError as error:
        typer.echo(f"tonypi serve: {error}", err=True)
        raise typer.Exit(2) from None
    logs.configure(loaded.glue.log_format)
    try:
        asyncio.run(service.run(loaded))
    except settings.SettingsError as error:
        typer.echo(f"tonypi serve: {error}", err=True)
        raise typer.Exit(2) from None

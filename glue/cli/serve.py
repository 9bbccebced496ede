"""``tonypi serve``: the glue's own process, which ``tonypi up`` runs beside the others."""

from __future__ import annotations

import asyncio

import typer

from glue import logs, service, settings


def serve() -> None:
    """Run API, webhook, events and evaluator until stopped (as ``tonypi up`` does).

    Exit codes: 0 stopped by a signal, 1 one of its loops ended (the log says which and why).
    """
    try:
        loaded = settings.load()
    except settings.SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    logs.configure(loaded.glue.log_format)
    asyncio.run(service.run(loaded))


def register(app: typer.Typer) -> None:
    app.command()(serve)

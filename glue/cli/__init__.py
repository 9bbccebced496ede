"""``tonypi``: what people type. One file a group of commands; no decisions here."""

from __future__ import annotations

import importlib

import typer

app = typer.Typer(
    name="tonypi",
    help="Observability for robot fleets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS = ("stack", "serve", "simulate", "telegraf", "db", "users", "rules", "dashboards", "docs")


def main() -> None:
    """Entry point of ``tonypi``."""
    for name in COMMANDS:
        try:
            module = importlib.import_module(f"glue.cli.{name}")
        except ModuleNotFoundError:
            continue
        module.register(app)
    app()

"""``tonypi``: what people type. One file a group of commands; no decisions here."""

from __future__ import annotations

import sys

import typer

app = typer.Typer(
    name="tonypi",
    help="Observability for robot fleets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of ``tonypi``."""
    from glue.cli import (
        backup,
        compose,
        dashboards,
        db,
        docs,
        groups,
        init,
        maintenance,
        mutes,
        notify,
        reports,
        rules,
        serve,
        simulate,
        stack,
        sync,
        telegraf,
        thresholds,
        users,
    )

    if (code := compose.forwarded(sys.argv[1:])) is not None:
        sys.exit(code)
    for module in (
        stack,
        backup,
        serve,
        simulate,
        telegraf,
        db,
        users,
        groups,
        maintenance,
        thresholds,
        notify,
        mutes,
        reports,
        rules,
        dashboards,
        sync,
        init,
        docs,
    ):
        module.register(app)
    app()

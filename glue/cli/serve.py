"""``tonypi serve``: the glue's own process."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve() -> None:
    """Run the glue: API, webhook, events, evaluator. Ends when one of its loops does."""
    from glue import service

    service.run()

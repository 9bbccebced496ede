"""``tonypi dashboards``: write Grafana's dashboards from their code in ``grafana/build``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Annotated

import typer

from glue.settings import PROJECT

UNUSABLE = 2


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Grafana's dashboards, from code.")
    group.command("build")(build)
    group.callback()(lambda: None)
    app.add_typer(group, name="dashboards")


def build(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file is stale.")
    ] = False,
) -> None:
    """Write grafana/dashboards/*.json. Exit codes: 0 done, 1 stale, 2 cannot be built here."""
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        typer.echo(
            "dashboards cannot be built: the package grafana-foundation-sdk is missing;"
            " install what development needs: pip install -e .[dev]",
            err=True,
        )
        raise typer.Exit(UNUSABLE)
    # A process of its own: the code stands beside the dashboards, not in the package glue.
    command = [sys.executable, "-m", "grafana.build", *(["--check"] if check else [])]
    raise typer.Exit(subprocess.run(command, cwd=PROJECT, check=False).returncode)

"""``tonypi rules``: the alert rules as Grafana's provisioning file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from glue.core.provisioning import rules_file
from glue.core.rules import RULES
from glue.settings import PROJECT

TARGET = PROJECT / "provisioning" / "alerting" / "rules.yml"

app = typer.Typer(help="Alert rules: one model for Grafana and for the standby evaluator.")


@app.command()
def render(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if stale.")] = False,
    target: Annotated[Path, typer.Option(help="The provisioning file.")] = TARGET,
) -> None:
    """Write provisioning/alerting/rules.yml from the rule model."""
    text = rules_file()
    current = target.read_text() if target.exists() else ""
    if text == current:
        typer.echo(f"{target.name} is up to date")
        return
    if check:
        typer.echo(f"{target.name} is stale; run `tonypi rules render`", err=True)
        raise typer.Exit(1)
    target.write_text(text)
    typer.echo(f"wrote {target.name}: {len(RULES)} rules")


@app.command(name="list")
def list_rules(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """The rules, one a line."""
    for rule in RULES:
        if as_json:
            typer.echo(
                json.dumps({"uid": rule.uid, "metric": rule.metric, "severity": rule.severity})
            )
        else:
            typer.echo(
                f"{rule.uid:32} {rule.metric:12} {rule.severity:9} pending {rule.pending:g}s"
            )


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="rules")

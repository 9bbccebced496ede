"""``tonypi docs``: the pages that are generated from the code."""

from __future__ import annotations

from typing import Annotated

import typer

from glue.settings import GROUPS, PROJECT

CONFIGURATION = PROJECT / "docs" / "configuration.md"

HEAD = """# Configuration

Rendered from `glue/settings` by `tonypi docs settings`; do not edit.

Values come, first found wins, from the environment, from the file that `NAME_FILE` points to
(secrets only), from `.env` in the working directory, from `stack.env` in `TONYPI_HOME` (written by
`tonypi up`: ports, generated secrets, and what its environment gave it), from the default.

What `tonypi up` is given once holds at the next start; `up` names it, and its line in `stack.env`
(in containers `.env`) can be changed or taken out. `.env` is read by the rules of Docker Compose:
put values with a `$`, a `#` or a space between single quotes. Grafana's own settings (`GF_…`) reach
Grafana; those that must fit to this stack are ours, and `up` says which. Of PostgreSQL's own
variables only `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER` and `PGPASSWORD` are read.

How long InfluxDB keeps points is changed by `INFLUXDB_RETENTION_DAYS` alone. A shorter time deletes
what is older; `tonypi up` says so before it does it. Without the setting the bucket stays as it is.

Where the unit is one of time, `90s`, `24h`, `1h30m` and `7d` are taken as well as plain numbers.
"""

app = typer.Typer(help="Pages that are generated from the code.")


def settings_page() -> str:
    """The text of docs/configuration.md."""
    parts = [HEAD]
    for name, group in GROUPS.items():
        parts += [
            f"## {name.replace('_', ' ').capitalize()}\n",
            f"{(group.__doc__ or '').strip()}\n",
        ]
        parts += ["| name | default | unit | what for |", "|---|---|---|---|"]
        for field in group.model_fields.values():
            extra = field.json_schema_extra
            unit = extra.get("unit", "") if isinstance(extra, dict) else ""
            parts.append(
                f"| `{field.validation_alias}` | {_default(field)} | {unit} | {field.description} |"
            )
        parts.append("")
    return "\n".join(parts)


def _default(field) -> str:  # type: ignore[no-untyped-def]
    if "Secret" in str(field.annotation):
        return "generated or empty"
    if field.default is None:
        return "`/var/lib/tonypi` as root, else `~/.local/share/tonypi`"
    return f"`{field.default}`" if str(field.default) else "empty"


@app.command()
def settings(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if stale.")] = False,
) -> None:
    """Write docs/configuration.md from glue/settings."""
    text = settings_page()
    current = CONFIGURATION.read_text() if CONFIGURATION.exists() else ""
    if text == current:
        typer.echo("docs/configuration.md is up to date")
    elif check:
        typer.echo("docs/configuration.md is stale; run `tonypi docs settings`", err=True)
        raise typer.Exit(1)
    else:
        CONFIGURATION.write_text(text)
        typer.echo("wrote docs/configuration.md")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="docs")

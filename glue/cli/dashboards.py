"""``tonypi dashboards``: write Grafana's dashboards from their code in ``grafana/build``; and what
somebody's own dashboard has otherwise, ready to become code."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from glue import settings
from glue.settings import PROJECT

if TYPE_CHECKING:
    from glue.grafana.dashboards import Found

UNUSABLE = 2
FAILED = 1
DIFFERS = 2
FILES = PROJECT / "grafana" / "dashboards"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Grafana's dashboards, from code and back.", no_args_is_help=True)
    group.command("build")(build)
    group.command("pull")(pull)
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


def pull(
    uid: Annotated[str, typer.Argument(help="From the dashboard's address: /d/UID/name.")],
    against: Annotated[
        str, typer.Option(help="Ours to compare with, such as fleet; else what it resembles most.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """What a dashboard of Grafana has otherwise than ours: by panel and option; writes nothing.

    Exit codes: 0 the same, 1 failed, 2 they differ.
    """
    from glue.cli import dashboards_text as text
    from glue.core import dashboard_diff as diff

    ours = _ours()
    if against and against not in ours:
        _end(f"there is no dashboard of ours that is called {against}; there are {_listed(ours)}")
    found = _fetch(uid)
    try:
        chosen = against or diff.original(found.model, ours)
    except diff.NoOriginal:
        _end(
            f"{found.title} has no panel of ours, so it is not clear what to compare it with;"
            f" say --against, one of {_listed(ours)}"
        )
    result = diff.compare(ours[chosen], found.model)
    if as_json:
        typer.echo(json.dumps(text.as_json(found, chosen, result), ensure_ascii=False))
    else:
        for line in text.lines(found, chosen, result):
            typer.echo(line)
    if not result.same:
        raise typer.Exit(DIFFERS)


def _ours() -> dict[str, dict[str, Any]]:
    """Our dashboards by their file's name without its end."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FILES.glob("*.json"))}


def _fetch(uid: str) -> Found:
    from glue.core.grafana_desired import OWN
    from glue.grafana import Grafana, GrafanaError

    try:
        given = settings.load()
    except settings.SettingsError as error:
        _end(error)
    if not given.grafana.url:
        _end("there is no Grafana here (GRAFANA_URL is empty)")

    async def looked_up() -> tuple[Found | None, dict[str, str]]:
        grafana = Grafana(given.grafana)
        try:
            found = await grafana.dashboard(uid)
            return found, {} if found else await grafana.dashboards_in(OWN.uid)
        finally:
            await grafana.close()

    try:
        found, others = asyncio.run(looked_up())
    except GrafanaError as error:
        _end(error)
    if found is None:
        own = ", ".join(f"{one} ({title})" for one, title in sorted(others.items())[:20])
        _end(
            f"Grafana at {given.grafana.url} has no dashboard with the uid {uid}; it stands in the"
            f" address, /d/UID/name. In {OWN.title} there are: {own or 'none'}"
        )
    return found


def _listed(ours: dict[str, Any]) -> str:
    return ", ".join(ours)


def _end(why: object) -> NoReturn:
    typer.echo(f"tonypi dashboards pull: {why}", err=True)
    raise typer.Exit(FAILED)

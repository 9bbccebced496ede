"""``tonypi sync``: Grafana kept in step with PostgreSQL and the repository's files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from glue import settings

if TYPE_CHECKING:
    from glue.core.grafana_change import Change, Plan
    from glue.sync.reconciler import Outcome, Reconciler

app = typer.Typer(
    help="Users, roles, teams, folders, marks and files: what Grafana should hold.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Prune = Annotated[
    bool, typer.Option("--prune", help="Also remove what we made and nobody wants any more.")
]
DRIFT = 2
"""Exit code where Grafana is not as it should be."""

Result = TypeVar("Result")


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="sync")


@app.command()
def plan(prune: Prune = False, as_json: Json = False) -> None:
    """What an apply would write; writes nothing.

    Exit codes: 0 in step, 1 failed, 2 there is drift or a conflict.
    """
    found = _run("plan", lambda reconciler: reconciler.plan())
    changes = [*found.changes, *(found.leftovers if prune else ())]
    if as_json:
        typer.echo(json.dumps(_as_json(found, changes)))
    else:
        _list(changes)
        _tell(found, prune)
        typer.echo(f"{_counted(changes)} to write" if changes else "in step")
    if changes or found.conflicts:
        raise typer.Exit(DRIFT)


@app.command()
def apply(
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As `plan`.")] = False,
    as_json: Json = False,
) -> None:
    """Write what differs, now. A running glue does so by itself, but for a prune.

    Exit codes: 0 in step, 1 failed, 2 something still differs.
    """
    if dry_run:
        plan(prune, as_json)
        return
    done = _run("apply", lambda reconciler: reconciler.apply(prune=prune))
    if as_json:
        typer.echo(json.dumps({"done": [asdict(one) for one in done.done], **_figures(done)}))
    else:
        _list(done.done)
        _tell(done.left, prune)
        _list(done.left.changes, "still differs")
        for refusal in done.refused:
            typer.echo(f"! {refusal}")
        typer.echo(
            f"{_counted(done.done) if done.done else 'nothing'} written: {done.requests} requests,"
            f" writes {done.writes}, {done.seconds:.1f} s"
        )
    if done.left.changes or done.left.conflicts:
        raise typer.Exit(DRIFT)


@app.command()
def status(
    as_json: Json = False,
    rows: Annotated[int, typer.Option("--last", help="Repairs to list.", min=0)] = 10,
) -> None:
    """How the glue's last compare went, and what it repaired last.

    Exit codes: 0 in step, 1 failed or never compared, 2 there is drift or a conflict.
    """
    from glue.sync import report

    told = _with_store("status", lambda pool: report.read(pool, rows))
    if as_json:
        typer.echo(json.dumps(told.as_json()))
    else:
        for line in told.lines():
            typer.echo(line)
    if told.at is None or told.error:
        raise typer.Exit(1)
    if told.drift or told.conflicts:
        raise typer.Exit(DRIFT)


def _run(command: str, do: Callable[[Reconciler], Awaitable[Result]]) -> Result:
    from glue.grafana import Grafana, GrafanaError
    from glue.sync.files import FilesError
    from glue.sync.reconciler import Busy, Reconciler

    given = _settings(command)
    if not given.grafana.url:
        _end(command, "there is no Grafana here (GRAFANA_URL is empty)")

    async def with_grafana(pool: Any) -> Result:
        grafana = Grafana(given.grafana)
        try:
            return await do(Reconciler(given, pool, grafana))
        finally:
            await grafana.close()

    try:
        return _with_store(command, with_grafana)
    except (GrafanaError, FilesError, Busy) as error:
        _end(command, error)


def _with_store(command: str, do: Callable[[Any], Awaitable[Result]]) -> Result:
    from glue import store

    given = _settings(command)

    async def opened() -> Result:
        async with store.open_pool(given.postgres) as pool:
            return await do(pool)

    try:
        return asyncio.run(opened())
    except store.StoreUnavailable as error:
        _end(command, error)


def _settings(command: str) -> settings.Settings:
    try:
        return settings.load()
    except settings.SettingsError as error:
        _end(command, error)


def _list(changes: Iterable[Change], note: str = "") -> None:
    from glue.core.grafana_change import said

    for change in changes:
        typer.echo(f"{said(change)}{f'   ({note})' if note else ''}")


def _tell(found: Plan, prune: bool) -> None:
    for conflict in found.conflicts:
        typer.echo(f"! {conflict.kind} {conflict.name}: {conflict.why}")
    for other in found.others:
        typer.echo(f"not ours, and may act in Grafana: {other}")
    if found.leftovers and not prune:
        typer.echo(f"{_counted(found.leftovers)} of ours no longer wanted: --prune removes them")


def _counted(changes: Iterable[Change]) -> str:
    from glue.sync.report import counted

    return counted(len(list(changes)), "change")


def _as_json(found: Plan, changes: Iterable[Change]) -> dict[str, Any]:
    return {
        "changes": [asdict(one) for one in changes],
        "conflicts": [asdict(one) for one in found.conflicts],
        "leftovers": [asdict(one) for one in found.leftovers],
        "others": list(found.others),
    }


def _figures(done: Outcome) -> dict[str, Any]:
    return {
        "refused": done.refused,
        "left": _as_json(done.left, done.left.changes),
        "requests": done.requests,
        "writes": done.writes,
        "seconds": round(done.seconds, 3),
    }


def _end(command: str, why: object, code: int = 1) -> NoReturn:
    typer.echo(f"tonypi sync {command}: {why}", err=True)
    raise typer.Exit(code)

"""``tonypi mutes``: of what nobody is told, for how long.

It works at the database itself, also while the glue is down: what a mute holds back is decided when
the glue decides who is told.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from glue.alerts import mutes as acts
from glue.alerts import people
from glue.cli.at_database import Refused, moment, print_json, remark, run
from glue.store import audit, mutes, references

app = typer.Typer(help="Mutes: alerts of which nobody is told.", no_args_is_help=True)

WHO = "tonypi mutes"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Until = Annotated[
    str | None,
    typer.Option(help="A time (2027-01-31T18:00, tomorrow), or so long from now: 90m, 2h, 1d12h."),
]
Comment = Annotated[str | None, typer.Option(help="Why.")]
Patterns = list[str] | None


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="mutes")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Standing mutes that hold, and alerts with a mute of their own. Exit codes of all: 0 done, 1
    failed or refused, 2 settings unusable."""

    async def work(_: Any, conn: Any) -> Any:
        return await mutes.rows(conn), await mutes.muted_alerts(conn)

    standing, alerts = run(WHO, work)
    if as_json:
        return print_json({"mutes": standing, "alerts": alerts})
    for row in standing:
        typer.echo(f"mute {row['id']:>5}  {_named(row):<40} {_until(row['until'])}  {_why(row)}")
    for row in alerts:
        end = _until(row["muted_until"], "until it is over")
        typer.echo(f"alert {row['id']:>4}  {row['title'][:40]:<40} {end}  by {row['muted_by']}")
    if not (standing or alerts):
        typer.echo("nothing is muted")


@app.command()
def add(
    robot: Annotated[Patterns, typer.Option(help="Id or pattern like lab-*.")] = None,
    group: Annotated[Patterns, typer.Option(help="Group or pattern.")] = None,
    metric: Annotated[Patterns, typer.Option(help="Metric or pattern, e.g. servo_temp.")] = None,
    type_: Annotated[
        Patterns, typer.Option("--type", help="Type or pattern, e.g. battery.")
    ] = None,
    until: Until = None,
    comment: Comment = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tell nobody of what all the given conditions name, from now on."""
    end = moment(WHO, until)
    values: dict[str, Any] = {
        "robots": robot or [],
        "groups": group or [],
        "metrics": metric or [],
        "types": type_ or [],
        "until": end,
        "comment": comment,
    }

    async def work(_: Any, conn: Any) -> dict[str, Any]:
        if not any((robot, group, metric, type_)):
            raise Refused("name some robots, groups, metrics or types; '*' stands for all")
        names = {key: values[key] for key in ("robots", "groups", "metrics", "types")}
        remark(WHO, await references.check(conn, **names))
        if dry_run:
            return {"id": None, "created_by": WHO, **values}
        return await acts.add(conn, values, WHO)

    row = run(WHO, work)
    if as_json:
        return print_json(row)
    said = "would mute" if dry_run else f"mute {row['id']}:"
    typer.echo(f"{said} {_named(row)} {_until(row['until'])}")


@app.command()
def remove(
    mute_id: Annotated[int, typer.Argument(help="Number of the mute.")], dry_run: DryRun = False
) -> None:
    """End a standing mute. What it held back is told, where it still is there."""

    async def work(_: Any, conn: Any) -> dict[str, Any]:
        row = await mutes.one(conn, mute_id, hold=True)
        if row is None:
            raise Refused(f"there is no mute {mute_id}; `tonypi mutes list` shows which there are")
        if not dry_run:
            await acts.remove(conn, row, WHO)
        return row

    row = run(WHO, work)
    typer.echo(f"{'would remove' if dry_run else 'removed'} mute {mute_id}: {_named(row)}")


@app.command()
def alert(
    alert_id: Annotated[int, typer.Argument(help="Number of the alert.")],
    until: Until = None,
    comment: Comment = None,
    off: Annotated[bool, typer.Option("--off", help="Let people be told of it again.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Tell nobody of one alert, until a time or until it is over."""
    end = moment(WHO, until)

    async def work(_: Any, conn: Any) -> None:
        await audit.acting(conn, WHO)
        try:
            held = await people.hold(conn, alert_id)
            if off and not dry_run:
                await acts.unmute(conn, held, WHO)
            elif not dry_run:
                await acts.mute(conn, held, WHO, end, comment)
        except (people.NoSuchAlert, people.AlreadyResolved, acts.NotMuted) as error:
            raise Refused(str(error)) from None

    run(WHO, work)
    verb = "would be " if dry_run else ""
    done = "told of again" if off else f"muted {_until(end, 'until it is over')}"
    typer.echo(f"alert {alert_id} {verb or 'is '}{done}")


def _named(row: dict[str, Any]) -> str:
    words = {"robots": "robots", "groups": "groups", "metrics": "metrics", "types": "types"}
    return "; ".join(f"{word} {', '.join(row[key])}" for key, word in words.items() if row[key])


def _until(at: datetime | None, without: str = "until removed") -> str:
    return without if at is None else f"until {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _why(row: dict[str, Any]) -> str:
    return f"by {row['created_by']}" + (f": {row['comment']}" if row["comment"] else "")

"""``tonypi groups``: robots that belong together. Works at the database, also without the glue."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from glue.cli.at_database import Refused, print_json, run
from glue.core.robot_id import PATTERN
from glue.store import audit, fleet, references

app = typer.Typer(
    help="Groups of robots, for routes, mutes and maintenance windows.", no_args_is_help=True
)

WHO = "tonypi groups"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Group = Annotated[str, typer.Argument(help="Name of the group.")]
Robots = Annotated[list[str], typer.Argument(help="Ids of robots.")]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="groups")


@app.command("list")
def list_(
    group: Annotated[str | None, typer.Argument(help="Show the robots of this one.")] = None,
    as_json: Json = False,
) -> None:
    """Groups and how many robots are in each. Exit codes of all: 0 done, 1 failed or refused, 2
    settings unusable."""

    async def work(_: Any, conn: Any) -> Any:
        await references.check(conn, group=group)
        return await fleet.groups(conn) if group is None else await fleet.of_group(conn, group)

    found = run(WHO, work)
    if as_json:
        return print_json(found)
    for one in found:
        typer.echo(one if group else f"{one['name']:<30} {one['robots']:>5}")
    if not found:
        typer.echo("there are no groups" if group is None else f"no robot is in {group}")


@app.command()
def add(group: Group, robots: Robots, dry_run: DryRun = False) -> None:
    """Put robots into a group, which is made where it is not there."""
    changed = _change(group, robots, dry_run, into=True)
    typer.echo(f"{'would be' if dry_run else 'now'} in {group}: {', '.join(changed) or 'none new'}")


@app.command()
def remove(group: Group, robots: Robots, dry_run: DryRun = False) -> None:
    """Take robots out of a group; with the last one it is gone."""
    changed = _change(group, robots, dry_run, into=False)
    typer.echo(f"{'would leave' if dry_run else 'left'} {group}: {', '.join(changed) or 'none'}")


def _change(group: str, robots: list[str], dry_run: bool, *, into: bool) -> list[str]:
    async def work(_: Any, conn: Any) -> list[str]:
        if not re.fullmatch(PATTERN, group) or len(group) > 50:
            raise Refused("a name has 1 to 50 letters, digits and _ . : -")
        await audit.acting(conn, WHO)
        await references.lock_groups(conn)
        await references.check(conn, robot=robots, group=() if into else group)
        await fleet.hold(conn, robots)
        if dry_run:
            inside = set(await fleet.of_group(conn, group))
            return [one for one in dict.fromkeys(robots) if (one in inside) != into]
        try:
            act = fleet.put_into_group if into else fleet.take_out_of_group
            changed = await act(conn, group, robots)
            await references.let_go(conn, () if into else [group])
        except fleet.RobotRefused:
            raise Refused("a robot is in 20 groups at most; nothing was changed") from None
        verb = "put robots into" if into else "took robots out of"
        details = {"username": WHO, "group": group, "robots": changed}
        await audit.record(conn, "api", f"{WHO}: {verb} {group}", details=details)
        return changed

    changed: list[str] = run(WHO, work)
    return changed

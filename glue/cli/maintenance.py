"""``tonypi maintenance``: planned windows. Works at the database, also while the glue is down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from glue.cli.at_database import Refused, end, print_json, remark, run
from glue.core import names, times
from glue.core.maintenance_windows import Schedule, mistake, moment, next_ones
from glue.events import maintenance_windows as acts
from glue.store import maintenance, references

app = typer.Typer(help="Maintenance windows: planned, once or repeating.", no_args_is_help=True)

WHO = "tonypi maintenance"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Names = list[str] | None


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="maintenance")


@app.command("list")
def list_(
    count: Annotated[int, typer.Option("--next", min=0, max=100, help="Occurrences of each.")] = 1,
    as_json: Json = False,
) -> None:
    """Windows, and when they take place next. Exit codes of all: 0 done, 1 failed or refused, 2
    not understood, or settings unusable."""
    rows = run(WHO, lambda _, conn: maintenance.windows(conn))
    now = datetime.now(UTC)
    if as_json:
        for row in rows:
            found = next_ones(maintenance.schedule(row), now, count)
            row["occurrences"] = [{"starts_at": x.starts_at, "ends_at": x.ends_at} for x in found]
        return print_json(rows)
    for row in rows:
        state = "now" if row["running"] else "" if row["enabled"] else "off"
        typer.echo(f"{row['name']:<24} {state:<4} {_whom(row)}; {_when(row)}")
        _show(maintenance.schedule(row), now, count)
    if not rows:
        typer.echo("no maintenance is planned")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="At most 60 characters.")],
    start: Annotated[str, typer.Option(help="First start, local: 2027-01-31T22:00, or now.")],
    end_: Annotated[
        str, typer.Option("--end", help="Its end, local: 2027-02-01T02:00, or after 4h.")
    ],
    zone: Annotated[str | None, typer.Option(help="Of both; FLEET_TZ unless given.")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="All robots, also those to come.")] = False,
    robot: Annotated[Names, typer.Option(help="Id or pattern like lab-*.")] = None,
    group: Annotated[Names, typer.Option(help="Group of robots.")] = None,
    on: Annotated[
        Names, typer.Option(help=f"Repeat on these days: {', '.join(DAYS)} or daily.")
    ] = None,
    every_weeks: Annotated[int, typer.Option(min=1, max=52, help="Every so many weeks.")] = 1,
    last_day: Annotated[str | None, typer.Option(help="Starts at last on this day.")] = None,
    reason: Annotated[str | None, typer.Option(help="Shown with the robots.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan a window; with --dry-run, show when it would take place."""
    values: dict[str, Any] = {
        **{"name": name, "reason": reason, "fleet": fleet, "enabled": True, "zone": zone},
        **{"robots": robot or [], "groups": group or [], "every_weeks": every_weeks},
        "weekdays": _weekdays(on or []),
    }
    if why := names.objection(name):
        end(WHO, why, 2)
    if fleet == bool(robot or group):
        end(WHO, "give either --fleet, or some --robot or --group", 2)

    async def work(loaded: Any, conn: Any) -> int | None:
        values["zone"] = zone or loaded.fleet.tz
        place = _zone(values["zone"])
        values["starts"] = _local(start, datetime.now(UTC), place)
        values["ends"] = _local(end_, moment(values["starts"], place), place)
        until = _local(last_day, datetime.now(UTC), place) if last_day else None
        values["last_day"] = until.date() if until else None
        _check(maintenance.schedule(values))
        given = {key: values[key] for key in ("robots", "groups")}
        remark(WHO, await references.check(conn, **given))
        if dry_run:
            return None
        try:
            return await acts.add(conn, values, WHO)
        except acts.NameTaken as error:
            raise Refused(str(error)) from None

    made = run(WHO, work)
    schedule = maintenance.schedule(values)
    if as_json:
        found = next_ones(schedule, datetime.now(UTC), 10)
        times = [{"starts_at": one.starts_at, "ends_at": one.ends_at} for one in found]
        return print_json({"id": made, "occurrences": times})
    typer.echo(f"{'would plan' if dry_run else 'planned'} {name}: {_whom(values)}; {_when(values)}")
    _show(schedule, datetime.now(UTC), 5)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the window.")], dry_run: DryRun = False
) -> None:
    """Remove a window. If it takes place now, its robots are watched again."""

    async def work(_: Any, conn: Any) -> None:
        await maintenance.lock(conn)
        await references.check(conn, window=name)
        window_id = await maintenance.named(conn, name)
        row = await maintenance.one(conn, window_id) if window_id else None
        assert row is not None
        if not dry_run:
            await acts.remove(conn, row, WHO)

    run(WHO, work)
    typer.echo(f"{'would remove' if dry_run else 'removed'} {name}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise Refused(f"{name} is no time zone; use a name like Europe/Berlin") from None


def _check(schedule: Schedule) -> None:
    if why := mistake(schedule, datetime.now(UTC)):
        raise Refused(why)


def _local(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in ``zone`` shows, to the minute; a duration is from ``now``. What is given as
    such is kept so, also where the clocks skip it on the first day."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        try:
            at = times.moment(text, now, zone, ahead=True).astimezone(zone)
        except times.BadTime as error:
            end(WHO, str(error), 2)
    return at.replace(tzinfo=None, fold=0, second=0, microsecond=0)


def _weekdays(days: list[str]) -> list[int]:
    found = set()
    for name in (part.strip().lower() for one in days for part in one.split(",")):
        if name == "daily":
            found |= set(range(1, 8))
        elif name[:3] in DAYS:
            found.add(DAYS.index(name[:3]) + 1)
        else:
            end(WHO, f"{name} is no day; there are {', '.join(DAYS)} and daily", 2)
    return sorted(found)


def _whom(row: dict[str, Any]) -> str:
    groups = [f"group {one}" for one in row["groups"]]
    return "the fleet" if row["fleet"] else ", ".join([*row["robots"], *groups])


def _when(row: dict[str, Any]) -> str:
    said = f"{row['starts']:%H:%M} to {row['ends']:%H:%M} {row['zone']}"
    if not row["weekdays"]:
        return f"once, {said}"
    days = ", ".join(DAYS[one - 1] for one in row["weekdays"])
    weeks = f" every {row['every_weeks']} weeks" if row["every_weeks"] > 1 else ""
    last = f" until {row['last_day']}" if row["last_day"] else ""
    return f"{days}{weeks}, {said}{last}"


def _show(schedule: Schedule, now: datetime, count: int) -> None:
    zone = ZoneInfo(schedule.zone)
    for one in next_ones(schedule, now, count):
        begin, finish = (at.astimezone(zone) for at in (one.starts_at, one.ends_at))
        typer.echo(f"    {begin:%a %Y-%m-%d %H:%M %Z} to {finish:%a %H:%M %Z}")

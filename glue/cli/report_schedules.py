"""``tonypi reports schedule``: reports that come by themselves."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError

from glue import store
from glue.cli.report_options import (
    DryRun,
    Group,
    Json,
    Refused,
    Robots,
    Sections,
    Title,
    Type,
    Zone,
    end,
    print_json,
    run,
)
from glue.core import names
from glue.core.report import schedule
from glue.core.report.request import known_zone
from glue.reports import scheduler
from glue.settings import Settings
from glue.store import audit, notifications, references, report_schedules

app = typer.Typer(help="Reports that come by themselves.", no_args_is_help=True)

WHO = "tonypi reports schedule"
Name = Annotated[str, typer.Argument(help="Name of a schedule.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="At most 60 characters.")],
    kind: Type,
    every: Annotated[str | None, typer.Option(help="daily, weekly or monthly.")] = None,
    at: Annotated[str, typer.Option(help="Local time of day, HH:MM.")] = "06:00",
    weekday: Annotated[str, typer.Option(help="Of a weekly one.")] = "monday",
    day: Annotated[int, typer.Option(help="Of a monthly one, 1 to 28.")] = 1,
    cron: Annotated[str | None, typer.Option(help="Five fields, instead of --every.")] = None,
    covers: Annotated[
        str | None, typer.Option(help="day, week or month; follows from --every.")
    ] = None,
    robot: Robots = None,
    group: Group = "",
    section: Sections = None,
    title: Title = "",
    zone: Zone = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="A notification target; several times.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="pdf, html, csv or json.")] = "pdf",
    paper: Annotated[str, typer.Option(help="a4 or letter.")] = "a4",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a schedule. Times are local times of its zone, with daylight saving."""
    if (every is None) == (cron is None):
        end(WHO, "give --every, or --cron", 2)
    if covers not in (None, "day", "week", "month"):
        end(WHO, f"--covers is day, week or month, not {covers!r}", 2)
    if form not in ("pdf", "html", "csv", "json"):
        end(WHO, f"--format is pdf, html, csv or json, not {form!r}", 2)
    if every not in (None, *schedule.COVERS):
        end(WHO, f"--every is daily, weekly or monthly, not {every!r}", 2)
    if why := names.objection(name):
        end(WHO, why, 2)
    about = {
        "kind": kind,
        "robots": robot or [],
        "group": group,
        "title": title,
        "sections": section or [],
    }

    async def work(loaded: Settings, pool: store.Pool) -> dict[str, Any]:
        chosen = zone or loaded.fleet.tz
        written, following = _times(every, at, weekday, day, cron, chosen)
        period = covers or (schedule.COVERS[every] if every else "day")  # type: ignore[index]
        _check(about | {"paper": paper}, period, chosen)
        values = {
            "name": name,
            "enabled": True,
            "request": about | {"paper": paper},
            "cron": written,
            "zone": chosen,
            "covers": period,
            "format": form,
            "next_run_at": following,
            "created_by": WHO,
        }
        async with store.transaction(pool) as conn:
            await notifications.lock_routes(conn)
            await references.check(conn, robot=robot, group=group, to=to)
            values["targets"] = [await _target(conn, one) for one in to or ()]
            if dry_run:
                return values
            made = await report_schedules.add(conn, values)
            if made is None:
                raise Refused(f"there is a schedule {name} already")
            await audit.record(conn, "api", f"{WHO}: added the report schedule {name}")
        return asdict(made)

    made = run(WHO, work)
    if as_json:
        return print_json(made)
    next_run = made["next_run_at"].astimezone(ZoneInfo(made["zone"]))
    verb = "would add" if dry_run else "added"
    typer.echo(f"{verb} {name}: {made['cron']} ({made['zone']}), next {next_run:%a %d %b %H:%M}")


@app.command("list")
def list_schedules(as_json: Json = False) -> None:
    """All schedules, with their next run."""

    async def work(_: Settings, pool: store.Pool) -> Any:
        async with store.transaction(pool) as conn:
            known = {one.id: one.name for one in await notifications.targets(conn)}
            return await report_schedules.every(conn), known

    found, known = run(WHO, work)
    if as_json:
        return print_json([asdict(one) for one in found])
    for one in found:
        at = one.next_run_at.astimezone(ZoneInfo(one.zone))
        to = ", ".join(known.get(target, str(target)) for target in one.targets) or "nobody"
        state = f"next {at:%Y-%m-%d %H:%M} ({one.zone})" if one.enabled else "off"
        typer.echo(f"{one.name:<20} {one.request['kind']:<12} {one.cron:<14} {state}, to {to}")


@app.command()
def remove(name: Name, dry_run: DryRun = False) -> None:
    """Remove a schedule; its reports stay."""

    async def work(_: Settings, pool: store.Pool) -> None:
        async with store.transaction(pool) as conn:
            found = await _named(conn, name)
            if not dry_run:
                await report_schedules.delete(conn, found.id)
                await audit.record(conn, "api", f"{WHO}: removed the report schedule {name}")

    run(WHO, work)
    typer.echo(f"{'would remove' if dry_run else 'removed'} {name}")


@app.command("run")
def run_schedule(name: Name, as_json: Json = False) -> None:
    """Have the glue run a schedule now, besides its planned runs, and send what comes of it."""

    async def work(_: Settings, pool: store.Pool) -> int:
        async with store.transaction(pool) as conn:
            found = await _named(conn, name)
            try:
                job = await scheduler.run_now(conn, found, datetime.now(UTC), WHO)
            except ValueError as error:
                raise Refused(str(error)) from None
            await audit.record(conn, "api", f"{WHO}: ran the report schedule {name}")
            return job

    job = run(WHO, work)
    if as_json:
        return print_json({"job_id": job})
    typer.echo(f"queued as job {job}; the glue makes and sends it")


def _times(
    every: str | None, at: str, weekday: str, day: int, cron: str | None, zone: str
) -> tuple[str, datetime]:
    """As cron, and the next run. Raises :class:`Refused`."""
    try:
        tz = ZoneInfo(known_zone(zone))
        if cron is not None:
            written = schedule.check(" ".join(cron.split()))
        else:
            written = schedule.cron(every, at, weekday, day)  # type: ignore[arg-type]
        return written, schedule.following(written, tz, datetime.now(UTC))
    except ValueError as error:
        raise Refused(str(error)) from None


def _check(about: dict[str, Any], covers: Any, zone: str) -> None:
    """Raises :class:`Refused`."""
    try:
        schedule.request_of(about, covers, datetime.now(UTC), zone)
    except ValidationError as error:
        why = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise Refused(why) from None


async def _target(conn: Any, name: str) -> int:
    found = await notifications.target_named(conn, name)
    assert found is not None
    return found.id


async def _named(conn: Any, name: str) -> report_schedules.Schedule:
    await references.check(conn, schedule=name)
    found = await report_schedules.named(conn, name)
    assert found is not None
    return found

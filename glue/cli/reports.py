"""``tonypi reports``: make one now, list, show, remove; schedules.

It works at the databases itself, also while the glue is down. ``build`` makes the report here, with
a progress bar; a schedule's runs are made by the glue.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from glue import store
from glue.cli import report_schedules
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
from glue.core import sorting, times
from glue.core.report import periods
from glue.core.report.content import Content, Period
from glue.core.report.request import Request, known_zone
from glue.reports import keeping
from glue.reports.formats import FORMATS
from glue.reports.making import Lost, make
from glue.settings import Settings
from glue.store import audit, listing, references, report_files, report_jobs, report_reads
from glue.store.report_jobs import LEASE_S, Lease

app = typer.Typer(help="Reports: make, list, show, send by schedule.", no_args_is_help=True)
app.add_typer(report_schedules.app, name="schedule")

WHO = "tonypi reports"

ReportId = Annotated[int, typer.Argument(min=1, help="Number of a report.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help=f"Write it here; the ending says as what: {', '.join(FORMATS)}."),
]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="reports")


@app.command()
def build(
    kind: Type,
    robot: Robots = None,
    group: Group = "",
    last: Annotated[
        str,
        typer.Option(
            help="The last whole day, week (seven days) or month; today, yesterday; or so long"
            " until now: 24h, 7d."
        ),
    ] = "week",
    since: Annotated[
        str | None, typer.Option(help="Instead of --last: 2h, now-6h, today, or an ISO time.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Likewise; now unless given.")] = None,
    zone: Zone = None,
    section: Sections = None,
    title: Title = "",
    paper: Annotated[str, typer.Option(help="a4 or letter.")] = "a4",
    out: Out = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a report now and keep it, as the API does. Exit codes of all: 0 done, 1 failed or
    refused, 2 settings or options unusable."""
    form = _form(out)

    async def work(loaded: Settings, pool: store.Pool) -> dict[str, Any]:
        values = {
            "kind": kind,
            "robots": robot or [],
            "group": group,
            "sections": section or [],
            "title": title,
            "paper": paper,
            "zone": zone or loaded.fleet.tz,
        }
        request = _request(values, last, since, until)
        async with store.transaction(pool) as conn:
            await references.check(conn, robot=robot, group=group)
        if dry_run:
            return {"would_make": request.plain()}
        report_id = await _make(loaded, pool, request, quiet=as_json)
        async with store.transaction(pool) as conn:
            row = await report_reads.one(conn, report_id)
        assert row is not None
        if out is not None:
            out.write_bytes(_written(loaded, row, form))
        file = keeping.file_of(loaded, row["file_path"])
        return {"id": report_id, "title": row["title"], "file": str(out or file)}

    made = run(WHO, work)
    if as_json or dry_run:
        return print_json(made)
    typer.echo(f"report {made['id']}: {made['title']}\n{made['file']}")


@app.command("list")
def list_reports(
    robot: Robots = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows at most.")] = 30,
    as_json: Json = False,
) -> None:
    """Reports, the newest first."""

    async def work(_: Settings, pool: store.Pool) -> list[dict[str, Any]]:
        known = report_reads.REPORTS
        sort = sorting.parse(known.default, known.columns, known.key)
        async with store.transaction(pool) as conn:
            return (
                await listing.page(conn, known, {"robot_id": robot or None}, sort, None, limit)
            ).rows

    rows = run(WHO, work)
    if as_json:
        return print_json(rows)
    for row in rows:
        made = f"{row['created_at']:%Y-%m-%d %H:%M}"
        typer.echo(
            f"{row['id']:>6} {made} {row['report_type']:<12} {row['about']:<24} {row['title']}"
        )
    if not rows:
        typer.echo("no reports; `tonypi reports build performance` makes one", err=True)


@app.command()
def show(report_id: ReportId, out: Out = None, as_json: Json = False) -> None:
    """What a report says in short; with --out the whole of it as a file."""
    form = _form(out)

    async def work(loaded: Settings, pool: store.Pool) -> dict[str, Any]:
        async with store.transaction(pool) as conn:
            row = await report_reads.one(conn, report_id)
        if row is None:
            raise Refused(f"there is no report {report_id}")
        if out is not None:
            out.write_bytes(_written(loaded, row, form))
        return row

    row = run(WHO, work)
    if as_json:
        return print_json(row["data"])
    if out is not None:
        return typer.echo(f"wrote {out}")
    content = _content(row)
    typer.echo("\n".join([content.title, "", *content.summary, *content.missing]))


@app.command()
def remove(report_id: ReportId, dry_run: DryRun = False) -> None:
    """Remove a report and its file."""

    async def work(loaded: Settings, pool: store.Pool) -> str:
        async with store.transaction(pool) as conn:
            held = await report_files.hold(conn, report_id)
            if held is None:
                raise Refused(f"there is no report {report_id}")
            if dry_run:
                return str(held["title"])
            await report_files.delete(conn, report_id)
            await audit.record(conn, "api", f"{WHO}: removed the report {report_id}")
        keeping.remove(loaded, held["file_path"])
        return str(held["title"])

    typer.echo(f"{'would remove' if dry_run else 'removed'} {report_id}: {run(WHO, work)}")


async def _make(loaded: Settings, pool: store.Pool, request: Request, quiet: bool) -> int:
    """Under a lease like anybody's, so that the glue takes it up where this is killed."""
    async with store.transaction(pool) as conn:
        job_id = await report_jobs.add(conn, request, WHO)
        held = await report_jobs.lease(conn, job_id)
    assert held is not None
    console = Console(stderr=True, quiet=quiet)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        renewed = time.monotonic()

        async def told(progress: float, step: str) -> None:
            nonlocal renewed
            bar.update(task, completed=progress, description=step)
            if time.monotonic() - renewed > LEASE_S / 10:
                renewed = time.monotonic()
                await _renew(pool, held, progress, step)

        keeper = asyncio.create_task(_keep(pool, held))
        try:
            report_id = await make(loaded, pool, held, told)
        except Lost:
            raise Refused("somebody cancelled it") from None
        except asyncio.CancelledError:
            async with store.transaction(pool) as conn:
                await report_jobs.cancel(conn, held.id, WHO)
            raise
        finally:
            keeper.cancel()
    if report_id is None:
        raise Refused(await _why(pool, held))
    return report_id


async def _keep(pool: store.Pool, held: Lease) -> None:
    """A query may take longer than a lease."""
    while True:
        await asyncio.sleep(LEASE_S / 3)
        try:
            await _renew(pool, held)
        except (Lost, store.StoreUnavailable):
            return  # whoever finishes the job finds out


async def _renew(
    pool: store.Pool, held: Lease, progress: float | None = None, step: str | None = None
) -> None:
    async with store.transaction(pool) as conn:
        if not await report_jobs.keep(conn, held, progress, step):
            raise Lost


async def _why(pool: store.Pool, held: Lease) -> str:
    async with store.transaction(pool) as conn:
        # Nobody else is to take up what somebody here waited for.
        await report_jobs.cancel(conn, held.id, WHO)
        row = await report_jobs.one(conn, held.id)
    return str(row["error"]) if row else "its job is gone"


def _request(values: dict[str, Any], last: str, since: str | None, until: str | None) -> Request:
    """Raises :class:`Refused`."""
    try:
        zone = ZoneInfo(known_zone(values["zone"]))
        now = datetime.now(UTC)
        if since is not None:
            end_ = times.moment(until, now, zone) if until else now
            found = Period(since=times.moment(since, now, zone), until=end_)
        else:
            found = periods.named(last, now, zone)
        return Request.model_validate(values | {"since": found.since, "until": found.until})
    except ValidationError as error:
        why = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise Refused(why) from None
    except ValueError as error:
        raise Refused(str(error)) from None


def _form(out: Path | None) -> str:
    form = out.suffix.lstrip(".").lower() if out else "pdf"
    if form not in FORMATS:
        end(WHO, f"{out}: the ending is one of {', '.join(FORMATS)}", 2)
    return form


def _written(loaded: Settings, row: dict[str, Any], form: str) -> bytes:
    kept = keeping.file_of(loaded, row["file_path"]) if form == "pdf" else None
    return kept.read_bytes() if kept else FORMATS[form].write(_content(row), "a4")


def _content(row: dict[str, Any]) -> Content:
    """Raises :class:`Refused`."""
    try:
        return Content.model_validate(row["data"])
    except ValidationError:
        raise Refused(f"report {row['id']} was not made by this glue") from None

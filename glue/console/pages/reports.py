"""Reports: asked for, watched while they are made, listed, and their files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query, Request, Response

from glue.api import report_jobs, reports
from glue.api.conventions import listing
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import ProblemError
from glue.api.report_shapes import Format, JobFilter, JobPath, NewReport
from glue.console import browser, forms, page
from glue.console.operations import perform
from glue.console.pages.overview import first
from glue.store import report_jobs as jobs
from glue.store import report_reads

router = page.router("/reports")

RECENT = 10
"""Jobs that are shown."""
FAILED_SHOWN = timedelta(days=1)


@router.get("")
async def list_reports(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[reports.ReportFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(report_reads.REPORTS)],
) -> Response:
    """Those that are being made, and those that were, newest first."""
    found = await perform(reports.list_reports, request, reader, wanted=wanted, asked=asked)
    making = await perform(
        report_jobs.list_report_jobs,
        request,
        reader,
        wanted=JobFilter(state=["queued", "running", "failed"]),
        asked=first(jobs.JOBS, RECENT),
    )
    since = datetime.now(UTC) - FAILED_SHOWN
    shown = [one for one in making.items if one.state != "failed" or one.created_at > since]
    return page.show(request, "reports", reader, found=found, wanted=wanted, making=shown)


@router.get("/new")
async def ask_for_report(request: Request, reader: page.Reader) -> Response:
    """A form for a new one."""
    return page.show(request, "report_new", reader)


@router.post("/new")
@page.does(report_jobs.make_report)
async def make_report(request: Request, reader: page.Reader) -> Response:
    """Ask for it; the list shows how far it is."""
    form = await page.form(request)
    try:
        given = about(form) | form.only("zone", "covers")
        for name in ("since", "until"):
            given[name] = forms.moment(name, form[name], browser.zone(request))
        body = forms.body(NewReport, given)
        await perform(report_jobs.make_report, request, reader, body=body)
    except ProblemError as problem:
        return page.show(request, "report_new", reader, problem=problem)
    return page.go(request, "/reports", "It is being made; it will stand in the list below.")


@router.post("/jobs/{job_id}/cancel")
@page.does(report_jobs.cancel_report_job)
async def cancel_job(request: Request, reader: page.Reader, job_id: JobPath) -> Response:
    """Make this one no more."""
    await perform(report_jobs.cancel_report_job, request, reader, job_id=job_id)
    return page.go(request, "/reports", f"The report of job {job_id} is made no more.")


@router.get("/{report_id}/file")
async def download(
    request: Request,
    reader: page.Reader,
    report_id: reports.ReportPath,
    form: Annotated[Format | None, Query(alias="format")] = None,
) -> Response:
    """The file, or what is made of its content."""
    return await perform(reports.download_report, request, reader, report_id=report_id, form=form)


@router.post("/{report_id}/remove")
@page.does(reports.delete_report)
async def remove(request: Request, reader: page.Reader, report_id: reports.ReportPath) -> Response:
    """The report and its file, after a question."""
    if not (await page.form(request))["confirm"]:
        return await _sure(request, reader, report_id)
    await perform(reports.delete_report, request, reader, report_id=report_id)
    return page.go(request, "/reports", f"Report {report_id} is removed.")


async def _sure(request: Request, reader: Caller, report_id: int) -> Response:
    report = await perform(reports.read_report, request, reader, report_id=report_id)
    would = f"“{report.title}” and its file will be gone for everybody, also where a link leads."
    return page.ask(request, reader, "Remove this report?", would, "/reports")


def about(form: page.Form) -> dict[str, Any]:
    """What a report is about, as the form of one and that of a schedule ask."""
    return {
        **form.only("type", "group", "title", "paper"),
        "robots": form["robots"].replace(",", " ").split(),
        "sections": form.all("sections") if form["type"] == "custom" else [],
    }

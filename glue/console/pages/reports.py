"""Reports: the list, and their files."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from glue.api import reports
from glue.api.conventions import listing
from glue.console import page
from glue.console.operations import perform
from glue.store import report_reads

router = page.router("/reports")


@router.get("")
async def list_reports(
    request: Request,
    reader: page.Reader,
    wanted: Annotated[reports.ReportFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(report_reads.REPORTS)],
) -> Response:
    """Reports, newest first."""
    found = await perform(reports.list_reports, request, reader, wanted=wanted, asked=asked)
    return page.show(request, "reports", reader, found=found, wanted=wanted)


@router.get("/{report_id}/file")
async def download(
    request: Request, reader: page.Reader, report_id: reports.ReportPath
) -> Response:
    """The file."""
    return await perform(reports.download_report, request, reader, report_id=report_id)

"""Reports, reading: the list, one with its data, its file in any format; removing. They are kept
until somebody removes them."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Path as InPath
from fastapi import Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, ValidationError, computed_field, model_validator

from glue import store
from glue.api.conventions import access, etag, listing
from glue.api.conventions.fields import LARGEST_ID, Instant, Name, Reply, RobotId, Utc
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.report_shapes import Format
from glue.core.report.content import Content
from glue.core.roles import allows
from glue.reports import keeping
from glue.reports.formats import FORMATS
from glue.reports.keeping import within
from glue.store import audit, report_files, report_reads

router = access.router("reports", f"{access.PREFIX}/reports")

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
SANDBOX = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups"
}
"""A report's page runs and loads nothing, whatever a robot is called."""

ReportType = Literal["performance", "job", "system", "battery", "custom"]
ReportPath = Annotated[int, InPath(ge=1, le=LARGEST_ID)]


class ReportFilter(BaseModel):
    """Which reports; what is left out lets everything through. Several values: any of them."""

    robot_id: list[RobotId] | None = Field(None, max_length=100)
    type: list[ReportType] | None = Field(None, max_length=5)
    created_by: Name | None = None
    has_file: bool | None = None
    since: Instant | None = Field(None, description="Made at or after.")
    until: Instant | None = Field(None, description="Made before.")
    text: Name | None = Field(None, description="In title or description, whatever its case.")

    @model_validator(mode="after")
    def _range(self) -> ReportFilter:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until is not after since")
        return self


class Report(Reply):
    """A report; `robot_id` is null where it is not about one robot."""

    id: int
    title: str
    description: str | None
    robot_id: str | None
    about: str = Field(description="The robot, the group or the fleet, in words.")
    report_type: ReportType
    created_at: Utc
    created_by: str | None
    file_path: str | None = Field(exclude=True)

    @computed_field(description="Name of its file, null where it has none.")  # type: ignore[prop-decorator]
    @property
    def file_name(self) -> str | None:
        # Where the file stands is nobody's business.
        return Path(self.file_path).name or None if self.file_path else None


class ReportWithData(Report):
    """A report and the figures it was made of."""

    data: Any


class Reports(Reply):
    """A page. `next` is null on the last one."""

    items: list[Report]
    next: str | None


@router.get("", responses=documented(401, 403, 422, 503))
async def list_reports(
    request: Request,
    user: access.Viewer,
    wanted: Annotated[ReportFilter, Query()],
    asked: Annotated[listing.Asked, listing.of(report_reads.REPORTS)],
) -> Reports:
    """Reports, newest first unless asked for another sort."""
    return Reports.model_validate(await listing.page(request, asked, wanted.model_dump()))


@router.get("/{report_id}", responses=documented(401, 403, 404, 422, 503))
async def read_report(
    request: Request, response: Response, user: access.Viewer, report_id: ReportPath
) -> ReportWithData:
    """One report with its data."""
    row = await _row(request, report_id)
    return etag.tagged(response, ReportWithData.model_validate(row))


@router.get(
    "/{report_id}/file",
    response_class=FileResponse,
    responses={
        200: {"description": "The file.", "content": {"application/octet-stream": {}}},
        **documented(401, 403, 404, 422, 503),
    },
)
async def download_report(
    request: Request,
    user: access.Viewer,
    report_id: ReportPath,
    form: Annotated[
        Format | None,
        Query(alias="format", description="Its file unless given; others are made of its data."),
    ] = None,
) -> Response:
    """Its file. 404 when it has none, or when that is not in the reports' folder any more."""
    row = await _row(request, report_id)
    if form not in (None, "pdf"):
        return await written(row, form)
    return kept(request, row)


def kept(request: Request, row: dict[str, Any]) -> FileResponse:
    """The report's own file. Raises :class:`NotFound`."""
    report_id, path = row["id"], row["file_path"]
    if not path:
        raise NotFound(
            f"Report {report_id} has no file, or not any more (REPORTS_KEEP_DAYS); it may be had"
            " as html, csv and json."
        )
    file = within(request.app.state.settings.reports_folder, path)
    if file is None:
        raise NotFound(
            f"The file of report {report_id} is not in the folder of reports"
            " (GLUE_REPORTS_FOLDER); it was moved or deleted."
        )
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return FileResponse(file, headers=HEADERS, media_type=kind, filename=file.name)


async def written(row: dict[str, Any], form: str) -> Response:
    """The report in ``form``, made of its data. Raises :class:`NotFound`."""
    name = f"report-{row['id']}.{form}"
    try:
        content = Content.model_validate(row["data"])
    except ValidationError:
        raise NotFound(f"Report {row['id']} was not made here: it is no {form}.") from None
    # In a thread, so that other requests are answered meanwhile.
    data = await asyncio.to_thread(FORMATS[form].write, content, "a4")
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    if form == "html":
        headers |= SANDBOX | {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(data, 200, headers, FORMATS[form].media_type)


@router.delete("/{report_id}", status_code=204, responses=documented(401, 403, 404, 422, 503))
async def delete_report(request: Request, user: access.Viewer, report_id: ReportPath) -> None:
    """Remove a report and its file: one's own, or any as an admin."""
    async with store.transaction(request.app.state.pool) as conn:
        held = await report_files.hold(conn, report_id)
        if held is None:
            raise NotFound(f"There is no report {report_id}.")
        if held["created_by"] != user.username and not allows(user.role, "admin"):
            raise ProblemError(403, f"{held['created_by']} made it; an admin may remove it.")
        await report_files.delete(conn, report_id)
        told = f"{user.username} removed the report {report_id}: {held['title']}"
        await audit.record(conn, "api", told[:1000], details={"report": report_id})
    keeping.remove(request.app.state.settings, held["file_path"])


async def _row(request: Request, report_id: int) -> dict[str, Any]:
    async with store.transaction(request.app.state.pool) as conn:
        row = await report_reads.one(conn, report_id)
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return row

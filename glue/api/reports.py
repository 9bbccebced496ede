"""Reports, reading: the list, one with its data, its file. They are kept for ever."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Path as InPath
from fastapi import Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, computed_field, model_validator

from glue import store
from glue.api.conventions import access, etag, listing
from glue.api.conventions.fields import LARGEST_ID, Instant, Name, Reply, RobotId, Utc
from glue.api.conventions.problems import NotFound, documented
from glue.store import report_reads

router = access.router("reports", f"{access.PREFIX}/reports")

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
    """A report; `robot_id` is null where it is about the fleet."""

    id: int
    title: str
    description: str | None
    robot_id: str | None
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
    request: Request, user: access.Viewer, report_id: ReportPath
) -> FileResponse:
    """Its file. 404 when it has none, or when that is not in the reports' folder any more."""
    path = (await _row(request, report_id))["file_path"]
    if not path:
        raise NotFound(f"Report {report_id} has no file.")
    file = within(request.app.state.settings.reports_folder, path)
    if file is None:
        raise NotFound(
            f"The file of report {report_id} is not in the folder of reports"
            " (GLUE_REPORTS_FOLDER); it was moved or deleted."
        )
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
    return FileResponse(file, headers=headers, media_type=kind, filename=file.name)


def within(folder: Path, path: str) -> Path | None:
    """The regular file that ``path``, absolute or relative to ``folder``, leads to, when that is
    inside of ``folder`` once every link and ``..`` is followed."""
    try:
        file = (folder / path).resolve(strict=True)
        inside = file.is_relative_to(folder.resolve(strict=True)) and file.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return file if inside else None


async def _row(request: Request, report_id: int) -> dict[str, Any]:
    async with store.transaction(request.app.state.pool) as conn:
        row = await report_reads.one(conn, report_id)
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return row

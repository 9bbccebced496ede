"""A report's content as PDF, HTML, JSON and CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glue.core.report.content import Content
from glue.core.report.request import Paper
from glue.reports.formats import csv, html, pdf


@dataclass(frozen=True)
class Format:
    """How ``write`` turns a content into a file's bytes."""

    media_type: str
    write: Callable[[Content, Paper], bytes]


FORMATS: dict[str, Format] = {
    "pdf": Format("application/pdf", pdf.write),
    "html": Format("text/html; charset=utf-8", lambda content, _: html.write(content)),
    "json": Format(
        "application/json", lambda content, _: content.model_dump_json(indent=1).encode()
    ),
    "csv": Format("text/csv; charset=utf-8", lambda content, _: csv.write(content)),
}

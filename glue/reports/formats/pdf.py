"""PDF, by Typst. Words and pictures reach the template as data, never as markup.

Typst compiles in the process; who renders runs in one that ends with the report (``worker``), so
that the memory goes back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typst

from glue import charts
from glue.core.report.content import Content
from glue.core.report.request import Paper
from glue.reports.formats.view import view

TEMPLATE = Path(__file__).with_name("report.typ")
PAPERS: dict[Paper, str] = {"a4": "a4", "letter": "us-letter"}


def write(content: Content, paper: Paper = "a4") -> bytes:
    """The file's bytes, tagged for screen readers. Letters that no font of this machine has are
    empty boxes (docs/reports.md names the fonts)."""
    told = asdict(view(content, charts.LIGHT), dict_factory=_plain)
    return typst.compile(
        TEMPLATE,
        sys_inputs={"report": json.dumps(told, default=_dumped), "paper": PAPERS[paper]},
    )


def _plain(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return dict(pairs)


def _dumped(value: object) -> object:
    return value.model_dump() if hasattr(value, "model_dump") else str(value)

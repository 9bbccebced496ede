"""HTML: one file without anything from elsewhere, light or dark as the reader's system is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from glue import charts
from glue.charts.themes import variables
from glue.core.report.content import Content
from glue.reports.formats.view import view

TEMPLATE = Path(__file__).with_name("report.html")


def write(content: Content) -> bytes:
    """The file's bytes."""
    return (
        _template()
        .render(
            report=view(content, charts.CSS),
            light=variables(charts.LIGHT),
            dark=variables(charts.DARK),
        )
        .encode()
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))

"""Charts as SVG text: series in, a picture out, for the web, for PDFs, in light and dark.

::

    svg = charts.lines(
        [Series("sim_01", [(unix_seconds, 41.5), (unix_seconds + 60, None)])],
        title="CPU load", unit="%", span=(since, until), zone=ZoneInfo("Europe/Berlin"),
        limits=[Limit(70, "warning"), Limit(90, "critical")], theme=charts.CSS,
    )

No I/O, no state, no script, no style sheet: every colour is a presentation attribute, so that a
page with a strict content security policy shows it and Typst draws the same. What a chart shows is
said in its ``<desc>`` for whoever cannot see it (:func:`described`).
"""

from glue.charts.bars import Bar, Stack, bars, columns
from glue.charts.line import Limit, Series, described, lines
from glue.charts.themes import CSS, DARK, LIGHT, Theme

__all__ = [
    "CSS",
    "DARK",
    "LIGHT",
    "Bar",
    "Limit",
    "Series",
    "Stack",
    "Theme",
    "bars",
    "columns",
    "described",
    "lines",
]

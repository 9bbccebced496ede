"""Panels beside lines, figures and tables (:mod:`.look`): counts in bars, places and pairs of
values, states and heat along time. Here too no colour stands without its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import TypeVar

from grafana_foundation_sdk.builders import barchart, statetimeline, statushistory, timeseries
from grafana_foundation_sdk.builders import bargauge as gauges_of
from grafana_foundation_sdk.builders import common as cb
from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import xychart as xy
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d
from grafana_foundation_sdk.models import xychart as xym

from . import look
from .look import Query, fixed, prop
from .queries import MIXED, SQL, sql_text

P = TypeVar(
    "P",
    timeseries.Panel,
    barchart.Panel,
    gauges_of.Panel,
    xy.Panel,
    statetimeline.Panel,
    statushistory.Panel,
)

FRAME = "Frame"
"""The series of two unseen points that each scatter has, left and right of all others. Grafana
11.0.0 gives the axis below no margin, never ends its ticks where all points stand above each other,
and shows a program's error where there is no point."""

BUCKETS = 60
"""Bars along a time range: more are too thin to be told apart."""


def _framed(
    panel: P,
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    span: int,
    height: int,
    empty: str,
) -> P:
    panel.id(number).title(title).description(description).datasource(MIXED)
    panel.span(span).height(height).no_value(empty)
    panel.override_by_regexp(".*", [look.NO_VALUE])
    for query in queries:
        panel.with_target(query)
    return panel


def _legend(show: bool = True) -> cb.VizLegendOptions:
    return (
        cb.VizLegendOptions()
        .display_mode(c.LegendDisplayMode.LIST)
        .placement(c.LegendPlacement.BOTTOM)
        .show_legend(show)
        .calcs([])
    )


def counts(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    colours: Mapping[str, str],
    every: str = "1m",
    span: int = 12,
    height: int = 8,
    unit: str = "short",
    empty: str,
) -> timeseries.Panel:
    """How many a window of time: bars on top of each other, ``colours`` by series."""
    panel = _framed(timeseries.Panel(), number, title, description, queries, span, height, empty)
    panel.interval(every).max_data_points(BUCKETS).unit(unit).decimals(0).min(0)
    panel.draw_style(c.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
    panel.bar_width_factor(0.8)
    panel.stacking(cb.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))
    panel.legend(_legend().calcs(["sum"]))
    panel.tooltip(
        cb.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING)
    )
    for name, colour in colours.items():
        panel.override_by_name(name, [fixed(colour)])
    return panel


def ranking(
    number: int,
    title: str,
    description: str,
    query: SQL,
    *,
    by: str,
    colours: Mapping[str, str],
    span: int = 12,
    height: int = 8,
    unit: str = "short",
    empty: str,
) -> barchart.Panel:
    """The most first: a lying bar a row, with ``by`` as its name and a part for each of
    ``colours``. Without a row this kind of panel shows words of Grafana's own, so ``empty`` is the
    name of one without a bar."""
    first, *others = colours
    nothing = f'{sql_text(empty)} AS "{by}", 0 AS "{first}"'
    nothing += "".join(f', NULL::integer AS "{other}"' for other in others)
    ranked = SQL(
        query.ref_id,
        f"""
        WITH ranked AS ({dedent(query.query).strip()})
        SELECT * FROM ranked
        UNION ALL SELECT {nothing} WHERE NOT EXISTS (SELECT FROM ranked)
        """,
    )
    panel = _framed(barchart.Panel(), number, title, description, [ranked], span, height, empty)
    panel.x_field(by).orientation(c.VizOrientation.HORIZONTAL).unit(unit).decimals(0).min(0)
    panel.stacking(c.StackingMode.NORMAL).show_value(c.VisibilityMode.AUTO)
    panel.text(cb.VizTextDisplayOptions().value_size(12))
    panel.group_width(0.8).bar_width(0.9).fill_opacity(80).line_width(0)
    panel.legend(_legend(len(colours) > 1)).x_tick_label_max_length(max(26, len(empty)))
    panel.tooltip(cb.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.NONE))
    for name, colour in colours.items():
        # The numbers stand on the bars; an axis of whole ones would repeat itself.
        panel.override_by_name(name, [fixed(colour), prop("custom.axisPlacement", "hidden")])
    return panel


def scatter(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    x: str,
    ys: Mapping[str, str],
    units: tuple[str, str],
    axes: tuple[str, str],
    ends: str,
    size: int = 7,
    empty: str,
) -> xy.Panel:
    """Points at ``x`` and one of ``ys`` (column to colour); ``axes`` names and ``units`` both.
    ``ends`` is SQL for two rows: where the axis below begins and ends.

    Where each of ``ys`` comes from a query of its own, so must its ``x``: "{} x" takes the name in.
    """
    frame = SQL(FRAME, f'SELECT x AS "{FRAME} x", 0.0 AS "{FRAME}" FROM ({ends}) AS ends(x)')
    queries = [*queries, frame]
    panel = _framed(xy.Panel(), number, title, description, queries, 8, 8, empty)
    panel.series_mapping(xym.SeriesMapping.MANUAL)
    points = [_points(x.format(y), y, colour, size) for y, colour in ys.items()]
    panel.series([*points, _points(f"{FRAME} x", FRAME, "transparent", 0)])
    panel.show(xym.ScatterShow.POINTS).unit(units[1])
    # Its legend names the wrong series as soon as one before them is empty: titles say the colours.
    panel.legend(_legend(False)).tooltip(
        cb.VizTooltipOptions().mode(c.TooltipDisplayMode.SINGLE).sort(c.SortOrder.NONE)
    )
    for y in ys:
        panel.override_by_name(y, [prop("custom.axisLabel", axes[1])])
        panel.override_by_name(
            x.format(y), [prop("unit", units[0]), prop("custom.axisLabel", axes[0])]
        )
    # A unit of its own is a height of its own: the frame has width alone.
    panel.override_by_name(FRAME, [prop("unit", "none"), prop("custom.axisPlacement", "hidden")])
    # The axis is that of the first series there is: the reason stands there when it is the frame.
    return panel.override_by_name(
        f"{FRAME} x", [prop("unit", units[0]), prop("custom.axisLabel", empty)]
    )


def _points(x: str, y: str, colour: str, size: int) -> xy.ScatterSeriesConfig:
    return (
        xy.ScatterSeriesConfig()
        .x(x)
        .y(y)
        .name(y)
        .show(xym.ScatterShow.POINTS)
        .point_color(cb.ColorDimensionConfig().fixed(colour))
        .line_color(cb.ColorDimensionConfig().fixed(colour))
        .point_size(cb.ScaleDimensionConfig().fixed(size).min(0).max(100))
    )


def gauges(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    span: int,
    height: int,
    empty: str,
) -> gauges_of.Panel:
    """A bar a series, filled as far as its newest value reaches."""
    panel = _framed(gauges_of.Panel(), number, title, description, queries, span, height, empty)
    panel.unit(unit).decimals(0).display_mode(c.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    panel.value_mode(c.BarGaugeValueMode.COLOR).orientation(c.VizOrientation.VERTICAL)
    return panel.reduce_options(
        cb.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("")
    )


def heat(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    every: str,
    span: int,
    height: int,
    empty: str,
) -> statushistory.Panel:
    """A row a series along time; from blue, the coldest in sight, to red, the hottest."""
    panel = _framed(statushistory.Panel(), number, title, description, queries, span, height, empty)
    panel.interval(every).max_data_points(BUCKETS).unit(unit).decimals(0)
    panel.color_scheme(db.FieldColor().mode(d.FieldColorModeId.CONTINUOUS_BL_YL_RD))
    panel.show_value(c.VisibilityMode.AUTO).row_height(0.9).col_width(0.95).fill_opacity(80)
    panel.line_width(0).legend(_legend(False))
    return panel.tooltip(
        cb.VizTooltipOptions().mode(c.TooltipDisplayMode.SINGLE).sort(c.SortOrder.NONE)
    )


def states(
    number: int,
    title: str,
    description: str,
    query: Query,
    *,
    colours: Mapping[str, str],
    span: int,
    height: int,
    empty: str,
) -> statetimeline.Panel:
    """A row a series along time, painted while its value, a word, is one of ``colours``."""
    panel = _framed(statetimeline.Panel(), number, title, description, [query], span, height, empty)
    panel.show_value(c.VisibilityMode.AUTO).row_height(0.8).fill_opacity(85).line_width(0)
    panel.merge_values(True).legend(_legend(False))
    panel.tooltip(cb.VizTooltipOptions().mode(c.TooltipDisplayMode.SINGLE).sort(c.SortOrder.NONE))
    # Nothing is said of what is not painted.
    said = {word: " " if colour == look.CLEAR else word for word, colour in colours.items()}
    mapped = look.words(dict(colours), said)
    panel.override_by_regexp(".*", [mapped, prop("color", {"mode": "thresholds"})])
    return panel

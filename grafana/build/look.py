"""One look for all panels: what severities are called and coloured, charts, figures, tables.

Colour never stands alone: where a severity has a colour, its name stands there too. Every panel has
a description (the "i" in its corner) and says in words why it is empty when it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.builders import common as cb
from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d

from glue.core.metrics import Direction

from .queries import MIXED

METRES, VOLTS = "suffix:m", "suffix:V"
"""Grafana's own units change to mm and mV beside, on one axis."""
CLEAR = "rgba(0,0,0,0)"
CRITICAL, WARNING, INFO, FINE, ASIDE = "red", "yellow", "blue", "green", "#8e8e8e"

SEVERITY = {"critical": CRITICAL, "warning": WARNING, "info": INFO}
STATE = {
    "online": FINE,
    "offline": ASIDE,
    "silent": CRITICAL,
    "error": CRITICAL,
    "maintenance": INFO,
    "never seen": ASIDE,
}

Query = cogbuilder.Builder[Dataquery]
Property = d.DynamicConfigValue
Coloured = TypeVar("Coloured", bargauge.Panel, stat.Panel)


def prop(name: str, value: object) -> Property:
    return Property(name, value)


NO_VALUE = prop("noValue", "\u200b")
"""Of every series: the words for an empty panel are the panel's. A series without a
value would have them in its legend, and an axis at each line between two whole numbers. It is no
blank, which is the number 0 to JavaScript and is then drawn in every gap."""


def words(colours: dict[str, str], said: dict[str, str] | None = None) -> Property:
    """Colours for values that are words; ``said`` is how a value reads, where not as it is."""
    options = {
        value: {"color": colour, "index": i, **({"text": said[value]} if said else {})}
        for i, (value, colour) in enumerate(colours.items())
    }
    nothing = {"match": "null+nan", "result": {"text": " ", "color": CLEAR, "index": 99}}
    return prop(
        "mappings",
        [{"type": "value", "options": options}, {"type": "special", "options": nothing}],
    )


YES_OR_NO = words({"true": INFO, "false": ASIDE}, {"true": "yes", "false": "no"})


def steps(*levels: tuple[float | None, str]) -> Property:
    """Colours from a number upwards; None is the lowest."""
    return prop(
        "thresholds",
        {"mode": "absolute", "steps": [{"value": v, "color": colour} for v, colour in levels]},
    )


def when_any(colour: str) -> list[Property]:
    """Coloured only above zero: a row of zeros is quiet."""
    return [
        prop("color", {"mode": "thresholds"}),
        steps((None, ASIDE), (1, colour)),
        prop("decimals", 0),
    ]


def fixed(colour: str) -> Property:
    return prop("color", {"mode": "fixed", "fixedColor": colour})


def cell(kind: str, **more: Any) -> Property:
    return prop("custom.cellOptions", {"type": kind, **more})


def painted() -> Property:
    """The severity fills the cell. A gradient, because only that keeps a clear colour clear."""
    return cell("color-background", mode="gradient")


def width(pixels: int) -> Property:
    return prop("custom.width", pixels)


HIDDEN = prop("custom.hidden", True)


def link(title: str, url: str) -> Property:
    return prop("links", [{"title": title, "url": url}])


def opens(title: str) -> list[Property]:
    """A cell whose value is an address: it says "open", which leads there in a new tab."""
    shown = {"type": "regex", "options": {"pattern": ".+", "result": {"text": "open", "index": 0}}}
    nothing = {"match": "null+nan", "result": {"text": " ", "color": CLEAR, "index": 1}}
    return [
        prop("mappings", [shown, {"type": "special", "options": nothing}]),
        prop("links", [{"title": title, "url": "${__value.raw}", "targetBlank": True}]),
    ]


def chart(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    every: str = "10s",
    gap: int = 60,
    fill: int = 0,
    span: int = 8,
    height: int = 8,
    empty: str = "No readings in this time range",
) -> timeseries.Panel:
    """Lines over time. ``every``: how often a robot sends this, below which a window makes no
    sense; ``gap``: seconds without a reading that are drawn as a gap."""
    panel = (
        timeseries.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(MIXED)
        .interval(every)
        .unit(unit)
        .span(span)
        .height(height)
        .line_width(1.5)
        .fill_opacity(fill)
        .show_points(c.VisibilityMode.NEVER)
        .span_nulls(gap * 1000)
        .no_value(empty)
        .tooltip(
            cb.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING)
        )
        .legend(
            cb.VizLegendOptions()
            .display_mode(c.LegendDisplayMode.LIST)
            .placement(c.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .override_by_regexp(".*", [NO_VALUE])
    )
    for query in queries:
        panel.with_target(query)
    return panel


def names_only(panel: timeseries.Panel) -> timeseries.Panel:
    """A legend of one line, for small charts."""
    return panel.legend(
        cb.VizLegendOptions()
        .display_mode(c.LegendDisplayMode.LIST)
        .placement(c.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


LOWEST = "{} lowest"
PALETTE = ("green", "yellow", "blue", "orange", "red", "purple")


def bands(panel: timeseries.Panel, names: Iterable[str]) -> timeseries.Panel:
    """Each of ``names`` down to its ``LOWEST``, in one colour. Where an interval holds one reading
    a band is a line; a legend's last value would be the highest of the last interval."""
    for name, colour in zip(names, PALETTE, strict=False):
        lowest = LOWEST.format(name)
        below = [prop("custom.fillBelowTo", lowest), prop("custom.fillOpacity", 20)]
        panel.override_by_name(name, [fixed(colour), *below])
        nowhere = {"legend": True, "tooltip": False, "viz": False}
        panel.override_by_name(lowest, [fixed(colour), prop("custom.hideFrom", nowhere)])
    return names_only(panel)


def limit_styles(panel: timeseries.Panel) -> timeseries.Panel:
    """The two series of ``limit_lines``: dashed, yellow and red, straight across."""
    for severity, colour in (("Warning", WARNING), ("Critical", CRITICAL)):
        panel.override_by_name(
            f"{severity} limit",
            [
                fixed(colour),
                prop("custom.lineStyle", {"fill": "dash", "dash": [10, 6]}),
                prop("custom.lineWidth", 1.5),
                prop("custom.fillOpacity", 0),
                prop("custom.spanNulls", True),
            ],
        )
    return panel


def on_the_right(panel: timeseries.Panel, name: str, unit: str, decimals: int) -> timeseries.Panel:
    """The series ``name`` on an axis of its own."""
    return panel.override_by_name(
        name,
        [
            prop("unit", unit),
            prop("decimals", decimals),
            prop("min", None),
            prop("max", None),
            prop("custom.axisPlacement", "right"),
            prop("custom.fillOpacity", 0),
            fixed("purple"),
        ],
    )


def coloured_by_limits(panel: Coloured, field: str, query: str, direction: Direction) -> Coloured:
    """Colour ``field`` (a name, or a regular expression between slashes) by the limits that
    ``query`` gives (:func:`.queries.limit_steps`); without a row of limits it has no colour.

    Comes before transformations that join queries. No override may set ``thresholds`` of ``field``:
    overrides come after all transformations, and win.
    """

    def level(name: str, colour: str) -> dict[str, object]:
        arguments = {"threshold": {"color": colour}}
        return {"fieldName": name, "handlerKey": "threshold1", "handlerArguments": arguments}

    colours = {
        "low": {"floor": CRITICAL, "critical": WARNING, "warning": FINE},
        "high": {"floor": FINE, "warning": WARNING, "critical": CRITICAL},
    }[direction]
    matcher = "byRegexp" if field.startswith("/") else "byName"
    panel.with_transformation(
        transformed(
            "configFromData",
            configRefId=query,
            applyTo={"id": matcher, "options": field},
            mappings=[level(name, colour) for name, colour in colours.items()],
        )
    )
    # Else Grafana's own thresholds hold: green, and red from 80.
    no_limits = d.Threshold(value=None, color="text")
    panel.thresholds(db.ThresholdsConfig().mode(d.ThresholdsMode.ABSOLUTE).steps([no_limits]))
    override = panel.override_by_regexp if matcher == "byRegexp" else panel.override_by_name
    override(field, [prop("color", {"mode": "thresholds"})])
    return panel


def figures(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    fields: str,
    span: int,
    height: int = 4,
    empty: str = "no data",
) -> stat.Panel:
    """Large values side by side; ``fields`` is the regular expression of their names."""
    panel = (
        stat.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(MIXED)
        .span(span)
        .height(height)
        .no_value(empty)
        .color_scheme(db.FieldColor().mode(d.FieldColorModeId.FIXED).fixed_color("text"))
        .color_mode(c.BigValueColorMode.VALUE)
        .graph_mode(c.BigValueGraphMode.NONE)
        .text_mode(c.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(c.BigValueJustifyMode.AUTO)
        .orientation(c.VizOrientation.AUTO)
        .reduce_options(cb.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields(fields))
        .text(cb.VizTextDisplayOptions().title_size(13).value_size(22))
    )
    for query in queries:
        panel.with_target(query)
    return panel


def listing(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    span: int,
    height: int,
    empty: str,
) -> table.Panel:
    """A table. ``empty`` stands there when it has no row; a cell without a value is blank."""
    panel = (
        table.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(MIXED)
        .span(span)
        .height(height)
        .no_value(empty)
        .cell_height(c.TableCellHeight.SM)
        .align(c.FieldTextAlignment.AUTO)
        .min_width(60)
        .override_by_regexp(".*", [prop("noValue", " ")])
    )
    for query in queries:
        panel.with_target(query)
    return panel


def transformed(name: str, **options: Any) -> d.DataTransformerConfig:
    return d.DataTransformerConfig(id_val=name, options=options)


def without_nulls(*fields: str) -> d.DataTransformerConfig:
    filters = [{"fieldName": f, "config": {"id": "isNull", "options": {}}} for f in fields]
    return transformed("filterByValue", type="exclude", match="any", filters=filters)

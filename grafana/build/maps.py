"""Places from above, a metre to the east as long as a metre to the north.

A chart of x against y stretches with its panel. A map does not: metres are put around the point
where the equator meets the zero meridian, where a degree is as long in either direction, and
Grafana draws them on a map without a country.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as cb
from grafana_foundation_sdk.builders import geomap
from grafana_foundation_sdk.models import common as c

from . import look
from .look import Query, prop
from .queries import MIXED, SQL, sql_text

DEGREE = 111319.49
"""Metres of a degree on that map."""
NOTHING = "Nothing"
"""The layer of the words for an empty map."""
CLOSEST = 23.9
"""Zoom of one place: 100 pixels are a metre, below which the scale would be in millimetres."""
MARGIN = 25
"""% that is seen more than from the first place to the last, so that no dot is cut."""


def columns(x: str, y: str) -> str:
    """Columns of a query, SQL or InfluxQL: the expressions ``x`` and ``y`` in metres, and in
    degrees for the map."""
    return f'{x} AS "x", {y} AS "y", {x} / {DEGREE} AS "longitude", {y} / {DEGREE} AS "latitude"'


def places(
    number: int,
    title: str,
    description: str,
    query: Query,
    layers: list[cb.MapLayerOptions],
    *,
    span: int = 8,
    height: int = 8,
    empty: str,
) -> geomap.Panel:
    """A map of what ``query`` gives (:func:`columns`), drawn by ``layers``, always all of it."""
    panel = geomap.Panel().id(number).title(title).description(description).datasource(MIXED)
    panel.span(span).height(height).no_value(empty).decimals(2)
    panel.with_target(query).with_target(_nothing(empty))
    # No layer that asks a server for pictures of the Earth.
    panel.basemap(_layer("markers", "", ""))
    panel.layers([*layers, _words()])
    view = geomap.MapViewConfig().id("fit").all_layers(False).layer(layers[0].build().name)
    panel.view(view.zoom(CLOSEST).padding(MARGIN))
    panel.controls(
        geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_scale(True)
    )
    for name in ("x", "y"):
        panel.override_by_name(name, [prop("unit", look.METRES)])
    panel.override_by_name("longitude", [UNSEEN])
    return panel.override_by_name("latitude", [UNSEEN])


UNSEEN = prop("custom.hideFrom", {"legend": True, "tooltip": True, "viz": False})
"""Of columns that are not for people."""


def dots(ref_id: str, size: int, colour: str, by: str = "") -> cb.MapLayerOptions:
    """A dot a row of the query ``ref_id``, in the colour that the value of ``by`` is mapped to."""
    style = {
        "size": {"fixed": size},
        "color": {"fixed": colour, "field": by} if by else {"fixed": colour},
        "opacity": 0.8,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
    }
    return _layer("markers", "dots", ref_id).config({"style": style, "showLegend": False})


def route(ref_id: str, colour: str) -> cb.MapLayerOptions:
    """A line along the rows of the query ``ref_id``."""
    style = {"size": {"fixed": 2}, "color": {"fixed": colour}, "opacity": 1, "lineWidth": 2}
    return _layer("route", "route", ref_id).tooltip(False).config({"style": style, "arrow": 0})


def _layer(kind: str, name: str, ref_id: str) -> cb.MapLayerOptions:
    where = cb.FrameGeometrySource().mode(c.FrameGeometrySourceMode.COORDS)
    return (
        cb.MapLayerOptions()
        .type(kind)
        .name(name)
        .filter_data({"id": "byRefId", "options": ref_id})
        .location(where.latitude("latitude").longitude("longitude"))
    )


def _nothing(empty: str) -> SQL:
    """The words for an empty map, where no robot gets: in sight only while there is nothing that
    the map could be fitted to, when it shows the whole Earth."""
    return SQL(
        NOTHING, f'SELECT {sql_text(empty)} AS "{NOTHING}", 0.0 AS longitude, -30.0 AS latitude'
    )


def _words() -> cb.MapLayerOptions:
    style = {
        "size": {"fixed": 1},
        "color": {"fixed": "text"},
        "opacity": 0,
        "text": {"mode": "field", "field": NOTHING},
    }
    layer = _layer("markers", "words", NOTHING).tooltip(False)
    return layer.config({"style": style, "showLegend": False})

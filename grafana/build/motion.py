"""Motion: how a robot stands, moves and falls, from its inertial sensors and its location.

A robot sends one axis a message, so the axes meet only in windows of time; how far it leans is
computed in InfluxDB from the acceleration of each window, with z upwards in a robot that stands.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import geomap, stat, table, timeseries
from grafana_foundation_sdk.models import common as c

from . import look, maps, variables
from . import robot_charts as charts
from .annotations import changes, every_rule
from .board import board
from .look import fixed, prop, steps
from .queries import AROUND, THIS_ROBOT, InfluxQL

UID = "tonypi-motion"
FALLEN = 60
"""Degrees from upright from which a robot is said to lie."""
WINDOW = 6
"""Seconds: three readings of each axis, as a TonyPi sends them."""
WINDOWS = 40_000
"""At most in a time range, else windows are longer: InfluxDB takes its time by the window, and a
week in windows of 6 s took more than a second."""
EACH = "${window:raw}"
PLACES = 5000
"""Points of a path: fewer cut the bends of a week off."""

_AXES = (
    'SELECT mean("accel_x") AS "x", mean("accel_y") AS "y", mean("accel_z") AS "z" FROM "imu"'
    f" WHERE {THIS_ROBOT} AND $timeFilter GROUP BY time({EACH}) fill(none)"
)
_TILT = f'SELECT atan2(sqrt(pow("x", 2) + pow("y", 2)), "z") * 57.29578 AS "tilt" FROM ({_AXES})'
# 1 from FALLEN degrees to 180, 0 below: InfluxQL has no CASE.
_LIES = f'SELECT floor(("tilt" + {181 - 2 * FALLEN}) / 121) AS "lies" FROM ({_TILT})'
_TURNS = f'SELECT difference("lies") AS "turn" FROM ({_LIES})'


def dashboard() -> db.Dashboard:
    return (
        board(UID, "How one robot stands, moves and falls.", "robot")
        .with_variable(variables.window(WINDOW, WINDOWS))
        .annotation(every_rule())
        .annotation(changes("$robot"))
        .with_panel(_figures())
        .with_panel(_tilt())
        .with_panel(path(21, 9))
        .with_row(db.Row("Inertial sensors").id(100))
        .with_panel(charts.imu(40, "Acceleration", "accel", "accMS2"))
        .with_panel(charts.imu(41, "Rotation", "gyro", "rotdegs"))
        .with_panel(charts.imu(43, "Magnetic field", "mag", "suffix:µT"))
        .with_row(db.Row("Falls and places").id(101))
        .with_panel(_falls())
        .with_panel(charts.location().span(16))
    )


def _figures() -> stat.Panel:
    way = (
        'SELECT sqrt(pow("dx", 2) + pow("dy", 2)) AS "d" FROM (SELECT difference("x") AS "dx",'
        f' difference("y") AS "dy" FROM "location" WHERE {THIS_ROBOT} AND $timeFilter)'
        " WHERE $timeFilter"
    )
    return (
        look.figures(
            1,
            "Motion",
            f"In this time range. Tilt is the angle from upright, worked out from the acceleration"
            f" of {EACH} at a time with z upwards; a fall is a passage beyond {FALLEN}°. Way: the"
            " sum of the steps from each place that it sent to the next; standing still adds what"
            " the location wavers.",
            [
                InfluxQL(
                    "Tilt", f'SELECT last("tilt") AS "Tilt now" FROM ({_TILT}) WHERE {AROUND}'
                ),
                InfluxQL(
                    "Most",
                    f'SELECT max("tilt") AS "Largest tilt" FROM ({_TILT}) WHERE {AROUND}',
                ),
                # Half of what falling and rising add up to, so that none is a 0 and not nothing.
                InfluxQL(
                    "Falls",
                    'SELECT sum("down") / 2 AS "Falls" FROM'
                    f' (SELECT abs("turn") + "turn" AS "down" FROM ({_TURNS})) WHERE {AROUND}',
                ),
                InfluxQL("Way", f'SELECT sum("d") AS "Way" FROM ({way}) WHERE $timeFilter'),
            ],
            fields="/^(Tilt now|Largest tilt|Falls|Way)$/",
            span=4,
            height=9,
            empty="none",
        )
        .orientation(c.VizOrientation.HORIZONTAL)
        .override_by_name("Tilt now", _degrees())
        .override_by_name("Largest tilt", _degrees())
        .override_by_name(
            "Falls",
            [
                prop("decimals", 0),
                prop("color", {"mode": "thresholds"}),
                steps((None, look.FINE), (1, look.CRITICAL)),
            ],
        )
        .override_by_name("Way", [prop("unit", look.METRES), prop("decimals", 1)])
    )


def _degrees() -> list[look.Property]:
    return [
        prop("unit", "degree"),
        prop("decimals", 0),
        prop("color", {"mode": "thresholds"}),
        steps((None, look.FINE), (FALLEN, look.CRITICAL)),
    ]


def _tilt() -> timeseries.Panel:
    query = InfluxQL(
        "Tilt",
        f'SELECT max("tilt") AS "Tilt" FROM ({_TILT}) WHERE $timeFilter'
        " GROUP BY time($__interval) fill(null)",
        "time_series",
        "$col",
    )
    panel = look.chart(
        20,
        "Tilt",
        f"Largest angle from upright in each interval, worked out from {EACH} at a time. Beyond the"
        f" line, {FALLEN}°, the robot lies.",
        [query],
        unit="degree",
        every=f"{WINDOW}s",
        gap=30,
        fill=8,
        span=12,
        height=9,
        empty="No inertial readings in this time range",
    )
    return (
        panel.decimals(0)
        .min(0)
        .max(180)
        .override_by_name(
            "Tilt",
            [
                fixed(look.INFO),
                steps((None, look.CLEAR), (FALLEN, look.CRITICAL)),
                prop("custom.thresholdsStyle", {"mode": "dashed"}),
            ],
        )
    )


def path(number: int, height: int = 8) -> geomap.Panel:
    """Where the robot went."""
    last = maps.columns('last("x")', 'last("y")')
    query = InfluxQL(
        "Path",
        f'SELECT {last} FROM "location"'
        f" WHERE {THIS_ROBOT} AND $timeFilter GROUP BY time($__interval) fill(none)",
    )
    panel = maps.places(
        number,
        "Path",
        "Where the robot was in this time range, from above, in metres of its own map: at most some"
        f" {PLACES} places, each one that it sent, the last of its interval.",
        query,
        [maps.route("Path", look.INFO), maps.dots("Path", 2, look.INFO)],
        height=height,
        empty="No location in this time range",
    )
    return panel.interval("5s").max_data_points(PLACES)


def _falls() -> table.Panel:
    query = InfluxQL(
        "Falls", f'SELECT "turn" FROM ({_TURNS}) WHERE "turn" > 0 AND {AROUND} LIMIT 200'
    )
    return (
        look.listing(
            50,
            "Falls",
            f"When the tilt passed {FALLEN}°, first to last; 200 at most. Sure to be seen is what"
            f" lasts one and a third times {EACH}: a longer time range sees less. A robot that was"
            " laid down counts as well: the sensors cannot tell.",
            [query],
            span=8,
            height=8,
            empty="No fall in this time range",
        )
        .override_by_name("Time", [prop("displayName", "Fell at"), prop("unit", "dateTimeAsLocal")])
        .override_by_name("turn", [look.HIDDEN])
    )

"""Power: a robot's battery, how long it lasts and how it ages; and who of the fleet is empty first.

A rate is how fast the charge fell while the robot did not charge: readings before which it charged
or leapt up do not count. InfluxDB works it out; names and division are the browser's.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import stat, table, timeseries, xychart

from glue.core.metrics import SEVERITIES

from . import look, shapes
from . import robot_charts as charts
from .annotations import Alerts, changes, every_rule
from .board import board
from .look import link, prop, transformed, without_nulls
from .names import address
from .queries import (
    AROUND,
    COUNTED,
    IN_USE,
    LIVE,
    NAME_SQL,
    NEWEST,
    SQL,
    THIS_ROBOT,
    WHOLE,
    InfluxQL,
    limit_steps,
)

UID = "tonypi-power"
RECENT = "time >= ${__to}ms - 30m AND time <= ${__to}ms"
"""What a rate is taken of: the end of the time range."""
LEAP = 2
"""% from one reading to the next: who gains so much was charged or has another battery. Less is
what a reading wavers, and counts, else a rate would be of the falls alone."""
STEADY = f'"rise" < {LEAP}'
ENDLESS = 1e9
"""Seconds until empty from which on there is no time to tell."""


def dashboard() -> db.Dashboard:
    made = (
        board(
            UID,
            "Battery of one robot; who of the fleet is empty first.",
            "robot",
            since="now-6h",
        )
        .annotation(every_rule())
        .annotation(changes("$robot"))
        .with_panel(_now())
        .with_panel(charts.battery())
        .with_panel(_discharge())
        .with_row(db.Row("How it ages").id(100))
        .with_panel(_cycles())
        .with_panel(_voltage_at_charge())
        .with_panel(_current())
        .with_row(db.Row("The fleet").id(101))
        .with_panel(_first_empty())
    )
    for severity in SEVERITIES:
        made.annotation(Alerts("battery", severity))
    return made


def _slopes(where: str, group: str = "") -> str:
    """InfluxQL for how steeply the charge fell (% an hour) before each reading in ``where``.

    Between readings and not between means of windows: at the edges of a window, and where a charge
    or a new battery lies in it, a mean is of another moment than its window.
    """
    return (
        'SELECT -1 * derivative("percentage", 1h) AS "slope", difference("percentage") AS "rise"'
        f' FROM "battery" WHERE "charging" = false AND {where}{group}'
    )


def _rate(where: str, group: str = "") -> str:
    """InfluxQL for % an hour and a second of each robot in ``where``; nothing where it did not
    fall."""
    mean = (
        f'SELECT mean("slope") AS "rate" FROM ({_slopes(where, group)})'
        f" WHERE {STEADY} AND {RECENT}{group}"
    )
    return (
        'SELECT "rate", "rate" / 3600 AS "speed"'
        f' FROM ({mean}) WHERE "rate" > 0 AND {AROUND}{group}'
    )


def _cycled(group: str = "") -> InfluxQL:
    """What was discharged in the time range, in full cycles; net of what readings waver."""
    slopes = _slopes(f"{THIS_ROBOT} AND $timeFilter")
    return InfluxQL(
        "Cycles",
        f'SELECT -1 * sum("rise") / 100 AS "Full cycles" FROM ({slopes})'
        f" WHERE {STEADY} AND $timeFilter{group}",
        *(("time_series", "$col") if group else ()),
    )


def _until_empty(alias: str, speed: str) -> look.d.DataTransformerConfig:
    """Seconds; ``speed`` is the name of a field in % a second."""
    return transformed(
        "calculateField",
        mode="binary",
        alias=alias,
        binary={"left": "Charge", "operator": "/", "right": speed},
    )


def _duration() -> list[look.Property]:
    """Seconds until empty; nothing where they are as good as endless."""

    def between(low: float, high: float, text: str) -> dict[str, object]:
        return {
            "type": "range",
            "options": {"from": low, "to": high, "result": {"text": text, "index": 0}},
        }

    return [
        prop("unit", "s"),
        prop("decimals", 1),
        prop("mappings", [between(0, 0, "empty"), between(ENDLESS, 1e15, " ")]),
    ]


def _now() -> stat.Panel:
    shown = ("Charge", "Charging", "Voltage", "Discharge", "Time to empty", "Full cycles")
    panel = look.figures(
        1,
        "Now",
        "Newest reading of the last quarter of an hour, coloured by this robot's limits. Discharge:"
        " over the last half hour of the time range, while it did not charge; time to empty if it"
        " goes on so. Full cycles: all that was discharged in this time range, in hundreds of per"
        " cent.",
        [
            InfluxQL(
                "Battery",
                'SELECT last("percentage") AS "Charge", "charging" AS "Charging",'
                f' "voltage" AS "Voltage" FROM "battery" WHERE {THIS_ROBOT} AND {NEWEST}',
            ),
            InfluxQL("Rate", _rate(f"{THIS_ROBOT} AND {RECENT}")),
            _cycled(),
            limit_steps("Limits", "battery"),
        ],
        fields=f"/^({'|'.join(shown)})$/",
        span=24,
        empty="unknown",
    )
    look.coloured_by_limits(panel, "Charge", "Limits", "low")
    return (
        panel.with_transformation(transformed("concatenate", frameNameMode="drop"))
        .with_transformation(_until_empty("Time to empty", "speed"))
        .with_transformation(
            transformed("renameByRegex", regex="^rate$", renamePattern="Discharge")
        )
        .override_by_name("Charge", [prop("unit", "percent"), prop("decimals", 0)])
        .override_by_name("Charging", [look.YES_OR_NO])
        .override_by_name("Voltage", [prop("unit", look.VOLTS), prop("decimals", 2)])
        .override_by_name("Discharge", [prop("unit", "suffix:%/h"), prop("decimals", 1)])
        .override_by_name("Time to empty", _duration())
        .override_by_name("Full cycles", [prop("decimals", 2)])
    )


def _discharge() -> timeseries.Panel:
    query = InfluxQL(
        "Rate",
        'SELECT mean("slope") AS "Discharge"'
        f" FROM ({_slopes(f'{THIS_ROBOT} AND $timeFilter')}) WHERE {STEADY} AND $timeFilter"
        f" GROUP BY {WHOLE} fill(null)",
        "time_series",
        "$col",
    )
    panel = look.chart(
        21,
        "Discharge",
        "How fast the charge falls while the robot does not charge, in per cent an hour, in each"
        " interval of at least a quarter of an hour. More than usual for the same work is a battery"
        " that ages, or a joint that is stuck.",
        [query],
        unit="suffix:%/h",
        # Most robots send whole per cent: in less time hardly one is lost.
        every="15m",
        gap=1200,
        fill=8,
        span=12,
        empty="No battery readings in this time range, or it charged all the time",
    )
    return panel.decimals(1).min(0).show_points(look.c.VisibilityMode.AUTO)


def _cycles() -> timeseries.Panel:
    panel = shapes.counts(
        30,
        "Charge cycles",
        "What was discharged in each interval, in full cycles of 100 %. Batteries are rated by how"
        " many of them they live through.",
        [_cycled(" GROUP BY time($__interval) fill(none)")],
        colours={"Full cycles": look.INFO},
        every="1h",
        span=8,
        empty="No battery readings in this time range, or nothing was discharged",
    )
    return panel.decimals(2)


def _voltage_at_charge() -> xychart.Panel:
    query = InfluxQL(
        "Voltage",
        'SELECT mean("percentage") AS "charge", mean("voltage") AS "Voltage" FROM "battery"'
        f' WHERE {THIS_ROBOT} AND "charging" = false AND $timeFilter'
        " GROUP BY time($__interval) fill(none)",
    )
    panel = shapes.scatter(
        31,
        "Voltage at charge",
        "Mean voltage against charge while the robot does not charge. Compare two time ranges: the"
        " lower the voltage at the same charge, the older the battery.",
        [query],
        x="charge",
        ys={"Voltage": "purple"},
        units=("percent", look.VOLTS),
        axes=("charge", "voltage"),
        ends="VALUES (-4.0), (104.0)",
        size=4,
        empty="No battery readings in this time range, or it charged all the time",
    )
    return panel.interval("30s").max_data_points(500)


def _current() -> timeseries.Panel:
    panel = look.chart(
        32,
        "Current",
        "From the lowest to the highest current of each interval, as the robot sends it (amperes or"
        " milliamperes, in either direction). Not all clients send it.",
        charts.band("battery", {"Current": "current"}),
        unit="none",
        every="30s",
        gap=120,
        empty="This robot sent no current in this time range",
    )
    return look.bands(panel, ["Current"])


def _first_empty() -> table.Panel:
    names = SQL(
        "Names",
        f"""
        SELECT robot_id, {NAME_SQL} AS "Robot", state AS "Status", 1e-9 AS still,
        CASE WHEN {LIVE} THEN 0 ELSE 1e12 END AS away
        FROM grafana.robots WHERE {IN_USE} ORDER BY name {COUNTED}
        """,
    )
    newest = InfluxQL(
        "Battery",
        'SELECT last("percentage") AS "Charge", "charging" AS "Charging", "voltage" AS "Voltage"'
        f' FROM "battery" WHERE {RECENT} GROUP BY "robot_id"',
    )
    rate = InfluxQL("Rate", _rate(RECENT, ' GROUP BY "robot_id"'))
    columns = ["Robot", "Status", "Charge", "Charging", "Voltage", "Discharge", "Time to empty"]
    panel = look.listing(
        40,
        "Empty first",
        "Robots in use by the time until they are empty, if they go on as in the last half hour of"
        " the time range. One that charges, has not discharged since or is silent or offline has no"
        " time and stands at the end. A click on the name shows the robot here.",
        [names, newest, rate],
        span=24,
        height=9,
        empty="No robot in use has sent its battery in the last half hour of this time range",
    )
    panel.with_transformation(transformed("joinByField", byField="robot_id", mode="outer"))
    panel.with_transformation(without_nulls("Robot", "Charge"))
    # A robot without a rate has no number there: not 0, and not to be divided by.
    panel.with_transformation(
        transformed(
            "calculateField",
            mode="reduceRow",
            alias="fast",
            reduce={"reducer": "max", "include": ["speed", "still"]},
        )
    )
    panel.with_transformation(_until_empty("discharged", "fast"))
    panel.with_transformation(
        transformed(
            "calculateField",
            mode="binary",
            alias="left",
            binary={"left": "discharged", "operator": "+", "right": "away"},
        )
    )
    panel.with_transformation(transformed("sortBy", fields={}, sort=[{"field": "left"}]))
    order = ["robot_id", "Robot", "Status", "Charge", "Charging", "Voltage", "rate", "left"]
    panel.with_transformation(transformed("filterFieldsByName", include={"names": order}))
    panel.with_transformation(
        transformed(
            "organize",
            indexByName={name: i for i, name in enumerate(order)},
            renameByName=dict(zip(order[1:], columns, strict=True)),
            excludeByName={},
        )
    )
    here = f"{address(UID)}?var-robot=${{__data.fields.robot_id:raw}}&${{__url_time_range}}"
    return (
        panel.override_by_name("robot_id", [look.HIDDEN])
        .override_by_name("Robot", [link("Show this robot here", here)])
        .override_by_name("Status", [look.words(look.STATE), look.cell("color-text")])
        .override_by_name("Charge", [prop("unit", "percent"), prop("decimals", 0)])
        .override_by_name("Charging", [look.YES_OR_NO])
        .override_by_name("Voltage", [prop("unit", look.VOLTS), prop("decimals", 2)])
        .override_by_name("Discharge", [prop("unit", "suffix:%/h"), prop("decimals", 1)])
        .override_by_name("Time to empty", _duration())
    )

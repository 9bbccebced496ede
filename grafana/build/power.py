"""Power: a robot's battery, how long it lasts and how it ages; and who of the fleet is empty first.

A rate is how fast the charge fell while the robot did not charge: intervals in which it rose or
charged do not count. InfluxDB works it out; names and division are the browser's.
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
from .queries import AROUND, IN_USE, NAME_SQL, NEWEST, SQL, THIS_ROBOT, InfluxQL, limit_steps

UID = "tonypi-power"
RECENT = "time >= ${__to}ms - 30m AND time <= ${__to}ms"
"""What a rate is taken of: the end of the time range."""
WITH_ITS_FIRST_WINDOW = RECENT.replace("30m", "60m")
"""As ``queries.AROUND`` is to the time range."""


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


def _rate(where: str, every: str, group: str = "") -> str:
    """InfluxQL for % an hour of each robot in ``where``: the mean of the slopes between means of
    ``every`` that go down; nothing where none does. (The sum of falls divided by that of their
    times says the same, and takes three times as long.)"""
    by = ' GROUP BY "robot_id"' if group else ""
    slopes = (
        'SELECT derivative(mean("percentage"), 1h) AS "slope" FROM "battery"'
        f' WHERE "charging" = false AND {where} GROUP BY time({every}){group} fill(none)'
    )
    downwards = f'"slope" <= 0 AND {WITH_ITS_FIRST_WINDOW}'
    return f'SELECT -1 * mean("slope") AS "rate" FROM ({slopes}) WHERE {downwards}{by}'


def _fell(where: str, every: str) -> str:
    """InfluxQL for what the charge fell between ends of windows."""
    return (
        'SELECT -1 * difference(last("percentage")) AS "fell" FROM "battery"'
        f" WHERE {where} GROUP BY time({every}) fill(none)"
    )


def _hours(alias: str, charge: str) -> look.d.DataTransformerConfig:
    return transformed(
        "calculateField",
        mode="binary",
        alias=alias,
        binary={"left": charge, "operator": "/", "right": "rate"},
    )


def _now() -> stat.Panel:
    shown = ("Charge", "Charging", "Voltage", "Discharge", "Time to empty", "Full cycles")
    return (
        look.figures(
            1,
            "Now",
            "Newest reading, coloured by this robot's limits. Discharge: over the last half hour of"
            " the time range, while it did not charge; time to empty if it goes on so. Full cycles:"
            " all that was discharged in this time range, in hundreds of per cent.",
            [
                InfluxQL(
                    "Battery",
                    'SELECT last("percentage") AS "Charge", "charging" AS "Charging",'
                    f' "voltage" AS "Voltage" FROM "battery" WHERE {THIS_ROBOT} AND {NEWEST}',
                ),
                InfluxQL("Rate", _rate(f"{THIS_ROBOT} AND {RECENT}", "1m")),
                InfluxQL(
                    "Cycles",
                    'SELECT sum("fell") / 100 AS "Full cycles" FROM'
                    f" ({_fell(f'{THIS_ROBOT} AND $timeFilter', '5m')})"
                    f' WHERE "fell" > 0 AND {AROUND}',
                ),
                limit_steps("Limits", "battery"),
            ],
            fields=f"/^({'|'.join(shown)})$/",
            span=24,
            empty="unknown",
        )
        .with_transformation(look.coloured_by_limits("Charge", "Limits", "low"))
        .with_transformation(transformed("concatenate", frameNameMode="drop"))
        .with_transformation(_hours("Time to empty", "Charge"))
        .with_transformation(
            transformed("renameByRegex", regex="^rate$", renamePattern="Discharge")
        )
        .override_by_name(
            "Charge",
            [prop("unit", "percent"), prop("decimals", 0), prop("color", {"mode": "thresholds"})],
        )
        .override_by_name("Charging", [look.YES_OR_NO])
        .override_by_name("Voltage", [prop("unit", "volt"), prop("decimals", 2)])
        .override_by_name("Discharge", [prop("unit", "suffix: %/h"), prop("decimals", 1)])
        .override_by_name("Time to empty", [prop("unit", "suffix: h"), prop("decimals", 1)])
        .override_by_name("Full cycles", [prop("decimals", 2)])
    )


def _discharge() -> timeseries.Panel:
    query = InfluxQL(
        "Rate",
        'SELECT -1 * derivative(mean("percentage"), 1h) AS "Discharge" FROM "battery"'
        f' WHERE {THIS_ROBOT} AND "charging" = false AND $timeFilter'
        " GROUP BY time($__interval) fill(none)",
        "time_series",
        "$col",
    )
    panel = look.chart(
        21,
        "Discharge",
        "How fast the charge falls while the robot does not charge, in per cent an hour. More than"
        " usual for the same work is a battery that ages, or a joint that is stuck.",
        [query],
        unit="suffix: %/h",
        every="5m",
        gap=900,
        fill=8,
        span=12,
        empty="No battery readings in this time range, or it charged all the time",
    )
    # A new battery or the end of a charge is a leap upwards, not a discharge.
    return panel.decimals(1).min(0).show_points(look.c.VisibilityMode.AUTO)


def _cycles() -> timeseries.Panel:
    query = InfluxQL(
        "Cycles",
        'SELECT sum("fell") / 100 AS "Full cycles" FROM'
        f' ({_fell(f"{THIS_ROBOT} AND $timeFilter", "5m")}) WHERE "fell" > 0 AND $timeFilter'
        " GROUP BY time($__interval) fill(none)",
        "time_series",
        "$col",
    )
    panel = shapes.counts(
        30,
        "Charge cycles",
        "What was discharged in each interval, in full cycles of 100 %. Batteries are rated by how"
        " many of them they live through.",
        [query],
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
        units=("percent", "volt"),
        axes=("charge", "voltage"),
        size=4,
        empty="No battery readings in this time range, or it charged all the time",
    )
    return panel.interval("30s").max_data_points(500)


def _current() -> timeseries.Panel:
    return look.chart(
        32,
        "Current",
        "Mean current, as the robot sends it (amperes or milliamperes, in either direction). Not"
        " all clients send it.",
        [charts.over_time("Reading", "battery", {"Current": "current"}, "mean")],
        unit="none",
        every="30s",
        gap=120,
        empty="This robot sent no current in this time range",
    )


def _first_empty() -> table.Panel:
    names = SQL(
        "Names",
        f"""
        SELECT robot_id, {NAME_SQL} AS "Robot", state AS "Status" FROM grafana.robots
        WHERE {IN_USE}
        """,
    )
    newest = InfluxQL(
        "Battery",
        'SELECT last("percentage") AS "Charge", "charging" AS "Charging", "voltage" AS "Voltage"'
        f' FROM "battery" WHERE {RECENT} GROUP BY "robot_id"',
    )
    rate = InfluxQL("Rate", _rate(RECENT, "5m", ', "robot_id"'))
    columns = ["Robot", "Status", "Charge", "Charging", "Voltage", "Discharge", "Time to empty"]
    panel = look.listing(
        40,
        "Empty first",
        "Robots in use by the time until they are empty, if they go on as in the last half hour of"
        " the time range. One that charges, or has not discharged since, has no time and stands at"
        " the end. A click on the name shows the robot here.",
        [names, newest, rate],
        span=24,
        height=9,
        empty="No robot in use has sent its battery in the last half hour of this time range",
    )
    panel.with_transformation(transformed("joinByField", byField="robot_id", mode="outer"))
    panel.with_transformation(without_nulls("Robot", "Charge"))
    panel.with_transformation(_hours("hours", "Charge"))
    panel.with_transformation(transformed("sortBy", fields={}, sort=[{"field": "hours"}]))
    order = ["robot_id", "Robot", "Status", "Charge", "Charging", "Voltage", "rate", "hours"]
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
        .override_by_name("Voltage", [prop("unit", "volt"), prop("decimals", 2)])
        .override_by_name("Discharge", [prop("unit", "suffix: %/h"), prop("decimals", 1)])
        .override_by_name("Time to empty", [prop("unit", "suffix: h"), prop("decimals", 1)])
    )

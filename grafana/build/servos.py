"""Servos: the six joints of a robot side by side, their heat along time, load and voltage."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, statushistory, timeseries
from grafana_foundation_sdk.builders import dashboard as db

from glue.core.metrics import SEVERITIES

from . import look, shapes
from . import robot_charts as charts
from .annotations import Alerts, changes, every_rule
from .board import board
from .look import fixed
from .queries import NEWEST, THIS_ROBOT, WHOLE, InfluxQL, limit_lines, limit_steps, over_time

UID = "tonypi-servos"
NUMBERS = range(20, 26)


def dashboard() -> db.Dashboard:
    made = (
        board(UID, "All joints of one robot: heat, load, voltage and position.", "robot")
        .with_panel(_now())
        .with_panel(_heat())
        .with_row(db.Row("Joint by joint").id(100))
    )
    for number, joint in zip(NUMBERS, charts.JOINTS, strict=True):
        made.with_panel(_joint(number, joint))
        for severity in SEVERITIES:
            made.annotation(Alerts("servo_temp", severity, (number,), joint))
    return (
        made.annotation(every_rule())
        .annotation(changes("$robot"))
        .with_row(db.Row("All joints").id(101))
        .with_panel(charts.servos(30, "Load", "load", "max", "percent", charts.LOAD))
        .with_panel(_sag())
        .with_panel(charts.positions(32, "Position"))
    )


def _now() -> bargauge.Panel:
    newest = InfluxQL(
        "Newest",
        f'SELECT last("temperature") FROM "servos" WHERE {THIS_ROBOT} AND {NEWEST}'
        ' GROUP BY "servo_id"',
        "time_series",
        "$tag_servo_id",
    )
    panel = shapes.gauges(
        1,
        "Temperature now",
        "Newest temperature of each joint in the time range's last quarter of an hour, in the"
        " colours of the limits in force for this robot; without limits it has none.",
        [newest, limit_steps("Limits", "servo_temp")],
        unit="celsius",
        span=8,
        height=8,
        empty="No servo readings in this quarter of an hour",
    )
    panel.min(0).max(100)
    return look.coloured_by_limits(panel, "/^servo/", "Limits", "high")


def _heat() -> statushistory.Panel:
    return shapes.heat(
        2,
        "Heat over time",
        "Highest temperature of each joint in each of at most 60 intervals, from the coldest in"
        " sight (blue) to the hottest (red). Which joint works hardest, and when, shows here.",
        [
            over_time(
                "Reading",
                "servos",
                {"Temperature": "temperature"},
                "max",
                group_by="servo_id",
                alias="$tag_servo_id",
            )
        ],
        unit="celsius",
        every="3s",
        span=16,
        height=8,
        empty="No servo readings in this time range",
    )


def _joint(number: int, joint: str) -> timeseries.Panel:
    only = f"\"servo_id\" = '{joint}'"
    panel = look.chart(
        number,
        joint.replace("_", " ").capitalize(),
        f"Highest temperature of {joint} in each interval with the limits in force for this robot,"
        " and its lowest voltage on the right: a joint that works hard heats up and sags.",
        [
            over_time("Heat", "servos", {"Temperature": "temperature"}, "max", only=only),
            over_time("Volts", "servos", {"Voltage": "voltage"}, "min", only=only),
            limit_lines("Limits", "servo_temp"),
        ],
        unit="celsius",
        every="3s",
        gap=30,
        height=8,
        empty=f"This robot sent nothing of {joint} in this time range",
    )
    panel.decimals(0).override_by_name("Temperature", [fixed("orange")])
    return look.limit_styles(look.names_only(look.on_the_right(panel, "Voltage", look.VOLTS, 2)))


def _sag() -> timeseries.Panel:
    return look.chart(
        31,
        "Voltage sag",
        "How far the voltage at each joint fell within an interval: highest minus lowest. One joint"
        " that sags has a bad contact or too much to carry; all at once mean a weak battery.",
        [
            # As spread, which reads every point; these two take a block's own figures.
            InfluxQL(
                "Reading",
                'SELECT max("voltage") - min("voltage") AS "Sag" FROM "servos"'
                f' WHERE {THIS_ROBOT} AND $timeFilter GROUP BY {WHOLE}, "servo_id"'
                " fill(null)",
                "time_series",
                "$tag_servo_id",
            )
        ],
        unit=look.VOLTS,
        every="30s",
        gap=90,
        empty="This robot sent no servo voltage in this time range",
    ).decimals(2)

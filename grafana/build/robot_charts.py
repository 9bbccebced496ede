"""A robot's charts: its readings over time, with the limits in force where there are any."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from glue.core.metrics import METRICS
from glue.core.rules import BY_KEY

from . import look
from .queries import InfluxQL, Reducer, limit_lines, over_time

HEART = "The heart is the alert rule's for all robots; this robot's alerts are in the table above."
JOINTS = tuple(f"servo_{number}" for number in range(1, 7))
"""What a TonyPi has. A robot with more shows the others in the charts of all joints."""
UNITS = {"%": "percent", "°C": "celsius"}


def performance(name: str, field: str) -> timeseries.Panel:
    metric = METRICS[name]
    panel = look.chart(
        BY_KEY[name, "warning"].panel,
        metric.title,
        f"Highest {metric.title} of each interval, and the limits in force for this robot. {HEART}",
        [
            over_time("Reading", "performance", {metric.title: field}, "max"),
            limit_lines("Limits", name),
        ],
        unit=UNITS[metric.unit],
        fill=8,
        empty="No status from this robot in this time range",
    )
    if metric.unit == "%":
        panel.min(0).max(100)
    return look.limit_styles(panel.decimals(0))


def servo_temperature() -> timeseries.Panel:
    panel = look.chart(
        BY_KEY["servo_temp", "warning"].panel,
        "Servo temperatures",
        "Highest temperature of each servo in each interval. The rule looks at the hottest servo."
        f" {HEART}",
        [
            over_time(
                "Reading",
                "servos",
                {"Temperature": "temperature"},
                "max",
                group_by="servo_id",
                alias="$tag_servo_id",
            ),
            limit_lines("Limits", "servo_temp"),
        ],
        unit="celsius",
        every="3s",
        gap=30,
        span=12,
        empty="No servo readings in this time range",
    )
    return look.limit_styles(panel.decimals(0))


def battery() -> timeseries.Panel:
    panel = look.chart(
        BY_KEY["battery", "warning"].panel,
        "Battery",
        "Lowest charge of each interval, and the limits in force for this robot; they do not count"
        f" while it charges. Voltage on the right. {HEART}",
        [
            over_time("Reading", "battery", {"Charge": "percentage"}, "min"),
            over_time("Voltage", "battery", {"Voltage": "voltage"}, "min"),
            limit_lines("Limits", "battery"),
        ],
        unit="percent",
        every="30s",
        gap=120,
        span=12,
        empty="No battery readings in this time range",
    )
    panel.min(0).max(100).decimals(0)
    return look.limit_styles(look.on_the_right(panel, "Voltage", look.VOLTS, 2))


VOLTAGE = "Lowest voltage at each servo in each interval."
LOAD = "Highest load of each servo in each interval. Not all clients send it."


def servos(
    number: int, title: str, field: str, reducer: Reducer, unit: str, description: str
) -> timeseries.Panel:
    return look.chart(
        number,
        title,
        description,
        [
            over_time(
                "Reading",
                "servos",
                {field: field},
                reducer,
                group_by="servo_id",
                alias="$tag_servo_id",
            )
        ],
        unit=unit,
        every="3s",
        gap=30,
        empty=f"This robot sent no servo {field} in this time range",
    )


def band(
    measurement: str, fields: dict[str, str], *, group_by: str = "", alias: str = "$col"
) -> list[InfluxQL]:
    """The highest and the lowest of each interval, for :func:`.look.bands`."""
    lowest = look.LOWEST.format
    fields_of_lowest = {lowest(title): field for title, field in fields.items()}
    named_lowest = alias if "$col" in alias else lowest(alias)
    return [
        over_time("Reading", measurement, fields, "max", group_by=group_by, alias=alias),
        over_time(
            "Lowest", measurement, fields_of_lowest, "min", group_by=group_by, alias=named_lowest
        ),
    ]


def positions(number: int, title: str) -> timeseries.Panel:
    panel = look.chart(
        number,
        title,
        "From the lowest to the highest position of each servo in each interval; degrees or 0-4095,"
        " as the robot's own client sends it.",
        band("servos", {"position": "position"}, group_by="servo_id", alias="$tag_servo_id"),
        unit="none",
        every="3s",
        gap=30,
        empty="This robot sent no servo position in this time range",
    )
    return look.bands(panel, JOINTS)


def imu(number: int, title: str, kind: str, unit: str) -> timeseries.Panel:
    panel = look.chart(
        number,
        title,
        f"From the lowest to the highest {title.lower()} along each axis in each interval, from the"
        " robot's inertial sensors.",
        band("imu", {axis: f"{kind}_{axis}" for axis in "xyz"}),
        unit=unit,
        every="2s",
        gap=30,
        empty=f"This robot sent no {title.lower()} in this time range",
    )
    return look.bands(panel, "xyz")


def location() -> timeseries.Panel:
    return look.chart(
        42,
        "Location",
        "The last place of each interval, in the robot's own map.",
        [over_time("Reading", "location", {axis: axis for axis in "xyz"}, "last")],
        unit=look.METRES,
        every="5s",
        gap=30,
        empty="No location in this time range",
    )

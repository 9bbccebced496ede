"""The Fleet's table of robots: newest readings, each against its own robot's limits, worst first.

The alert rules on silence point to it; do not renumber it.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as d

from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS
from glue.core.pipeline_rules import ROBOT_SILENT

from . import look
from .look import link, painted, prop, transformed, width, without_nulls, words
from .queries import COUNTED, IN_USE, LIVE, NAME_SQL, NEWEST, SQL, InfluxQL

SHOWN = {
    "battery": "Battery",
    "temperature": "CPU temp",
    "servo_temp": "Servo temp",
    "cpu": "CPU",
    "memory": "Memory",
}
"""Columns of the robots table, by metric."""
WIDTHS = {"battery": 70, "temperature": 84, "servo_temp": 97, "cpu": 58, "memory": 76}
"""Together with the others they fit a screen of 1600 pixels with Grafana's menu open."""


def robots() -> table.Panel:
    panel = look.listing(
        ROBOT_SILENT.panel,
        "Robots, worst first",
        "Newest readings of the time range's last quarter of an hour, as the alert rules take them;"
        " what is older is not shown. Beside each, what it means by the limits in force for that"
        " robot; a battery that charges has none, nor has a robot that is silent or offline. Alert"
        " is the severest that is open. Robots that are heard come first, sorted by alerts, then by"
        " how near (or beyond) its limits a robot is. A click on the name shows the robot.",
        [_states(), *_readings()],
        span=24,
        height=11,
        empty="No robot is known yet. Robots appear by themselves when they send",
    )
    for transformation in _worst_first():
        panel.with_transformation(transformation)
    panel.override_by_name(
        "Robot",
        [
            link(
                "Show this robot",
                "/d/tonypi-robot/robot?var-robot=${__data.fields.robot_id:raw}&${__url_time_range}",
            ),
            prop("custom.minWidth", 100),
        ],
    )
    panel.override_by_name("robot_id", [look.HIDDEN])
    panel.override_by_name("Status", [words(look.STATE), look.cell("color-text"), width(92)])
    panel.override_by_name("Alert", [words(look.SEVERITY), painted(), width(70)])
    panel.override_by_name(
        "Last seen, ago",
        [prop("unit", "s"), prop("decimals", 0), prop("noValue", "never"), width(118)],
    )
    panel.override_by_name("Charging", [look.YES_OR_NO, width(80)])
    panel.override_by_name("Camera", [*look.opens("Open the camera"), width(74)])
    for metric, title in SHOWN.items():
        unit = "celsius" if METRICS[metric].unit == "°C" else "percent"
        panel.override_by_name(
            title, [prop("unit", unit), prop("decimals", 0), width(WIDTHS[metric])]
        )
        panel.override_by_name(f"{title} limit", _meaning())
    return panel


def _states() -> SQL:
    """Per robot: state, severest open alert, and per metric its warning limit and the reciprocal of
    the way from warning to critical, so that (reading - limit) * way is 0 at the one and 1 at the
    other, whichever side is bad."""
    limits = ",\n".join(
        f"max(l.warning) FILTER (WHERE l.metric = '{m}') AS {m}_limit,\n"
        f"max(1 / (l.critical - l.warning)) FILTER (WHERE l.metric = '{m}') AS {m}_way"
        for m in METRICS
    )
    # Readings of a robot that is silent or offline are old, and mean nothing.
    columns = ", ".join(
        f"CASE WHEN {LIVE} THEN {m}_{what} END AS {m}_{what}"
        for m in METRICS
        for what in ("limit", "way")
    )
    return SQL(
        "States",
        f"""
        SELECT robot_id, {NAME_SQL} AS "Robot", r.state AS "Status", a.severity AS "Alert",
        CASE WHEN camera_url ~* '^https?://' THEN camera_url END AS "Camera",
        floor(r.last_seen_age_s) AS "Last seen, ago", coalesce(a.rank, 0) * 1000
        - CASE WHEN in_maintenance OR last_seen IS NULL THEN 500 ELSE 0 END
        - CASE WHEN {LIVE} THEN 0 ELSE 10000 END AS rank, {columns}
        FROM grafana.robots r
        LEFT JOIN (SELECT robot_id, max(array_position(ARRAY['info', 'warning', 'critical'],
        severity::text)) AS rank, (ARRAY['info', 'warning', 'critical'])[max(array_position(
        ARRAY['info', 'warning', 'critical'], severity::text))] AS severity
        FROM grafana.alerts WHERE NOT resolved GROUP BY robot_id) a USING (robot_id)
        LEFT JOIN (SELECT l.robot_id,
        {limits}
        FROM grafana.limits l GROUP BY l.robot_id) w USING (robot_id)
        WHERE {IN_USE} ORDER BY r.name {COUNTED}
        """,
    )


def _readings() -> list[InfluxQL]:
    """Newest reading of each robot, as the rules read it (but for the minute ahead)."""
    servo, in_use = (
        READINGS[m].influxql.replace("$timeFilter", NEWEST) for m in ("servo_temp", "battery")
    )
    return [
        InfluxQL(
            "Performance",
            'SELECT last("cpu_percent") AS "cpu", last("memory_percent") AS "memory",'
            ' last("cpu_temperature") AS "temperature" FROM "performance"'
            f' WHERE {NEWEST} GROUP BY "robot_id"',
        ),
        InfluxQL(
            "Battery",
            'SELECT last("percentage") AS "charge", last("charging") AS "charging" FROM "battery"'
            f' WHERE {NEWEST} GROUP BY "robot_id"',
        ),
        InfluxQL("BatteryInUse", in_use.replace('SELECT "v" FROM', 'SELECT "v" AS "battery" FROM')),
        InfluxQL("Servos", servo.replace('max("v") AS "v"', 'max("v") AS "servo_temp"')),
    ]


def _worst_first() -> list[d.DataTransformerConfig]:
    """Join by robot, put each reading against that robot's limits, sort, name the columns."""
    meanings = [f"{m}_meaning" for m in SHOWN]
    columns = {name: name for name in ("robot_id", "Robot", "Status", "Last seen, ago", "Alert")}
    for metric, title in SHOWN.items():
        columns["charge" if metric == "battery" else metric] = title
        columns[f"{metric}_meaning"] = f"{title} limit"
        if metric == "battery":
            columns["charging"] = "Charging"
    columns["Camera"] = "Camera"
    return [
        transformed("joinByField", byField="robot_id", mode="outer"),
        # Series of robots that are not in use have readings here, but no row there.
        without_nulls("Robot"),
        *(step for metric in SHOWN for step in _meant(metric)),
        transformed(
            "calculateField",
            mode="reduceRow",
            alias="nearest",
            reduce={"reducer": "max", "include": meanings},
        ),
        _binary("order", "rank", "+", "nearest"),
        transformed("sortBy", fields={}, sort=[{"field": "order", "desc": True}]),
        transformed("filterFieldsByName", include={"names": list(columns)}),
        transformed(
            "organize",
            indexByName={name: i for i, name in enumerate(columns)},
            renameByName={name: title for name, title in columns.items() if name != title},
            excludeByName={},
        ),
    ]


def _meant(metric: str) -> list[d.DataTransformerConfig]:
    return [
        _binary(f"{metric}_beyond", metric, "-", f"{metric}_limit"),
        _binary(f"{metric}_meaning", f"{metric}_beyond", "*", f"{metric}_way"),
    ]


def _binary(alias: str, left: str, operator: str, right: str) -> d.DataTransformerConfig:
    return transformed(
        "calculateField",
        mode="binary",
        alias=alias,
        binary={"left": left, "operator": operator, "right": right},
    )


def _meaning() -> list[look.Property]:
    """0 is at the warning limit, 1 at the critical one; a limit is crossed beyond it, and the
    first range that holds a value wins."""

    def between(low: float, high: float, index: int, text: str, colour: str) -> object:
        result = {"text": text, "color": colour, "index": index}
        return {"type": "range", "options": {"from": low, "to": high, "result": result}}

    nothing = {"text": " ", "color": look.CLEAR, "index": 3}
    return [
        prop(
            "mappings",
            [
                between(-1e9, 0, 0, " ", look.CLEAR),
                between(0, 1, 1, "warning", look.WARNING),
                between(1, 1e9, 2, "critical", look.CRITICAL),
                {"type": "special", "options": {"match": "null+nan", "result": nothing}},
            ],
        ),
        prop("displayName", " "),
        prop("custom.filterable", False),
        painted(),
        width(64),
    ]

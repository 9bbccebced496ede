"""Fleet: who is online, what is firing, and the robots that stand worst first; for 1 to 2,000."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import geomap, stat, timeseries

from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS

from . import alerts, look, maps, robots_table, variables
from .annotations import changes
from .board import board
from .look import prop, steps, transformed, without_nulls
from .names import address
from .queries import IN_USE, NAME_SQL, RANGE, SQL, InfluxQL, sql_text
from .variables import WORST

UID = "tonypi-fleet"


def dashboard() -> db.Dashboard:
    return (
        board(UID, "All robots: who is online, what is firing, which stand worst.", "fleet")
        .annotation(changes())
        .with_panel(_robots_now())
        .with_panel(_alerts_now())
        .with_panel(_heartbeat())
        .with_panel(_refused())
        .with_panel(alerts.listed(3, 15, 10, "true"))
        .with_panel(_places())
        .with_panel(robots_table.robots())
        .with_variable(variables.worst("battery"))
        .with_variable(variables.worst("temperature"))
        .with_variable(variables.worst("servo_temp"))
        .with_panel(_worst(30, "Lowest batteries", "battery", "30s"))
        .with_panel(_worst(31, "Hottest CPUs", "temperature", "10s"))
        .with_panel(_worst(32, "Hottest servos", "servo_temp", "10s"))
    )


def _robots_now() -> stat.Panel:
    query = SQL(
        "Robots",
        f"""
        SELECT count(*) FILTER (WHERE state = 'online') AS "Online",
        count(*) FILTER (WHERE state = 'offline') AS "Offline",
        count(*) FILTER (WHERE state = 'silent') AS "Silent",
        count(*) FILTER (WHERE state = 'error') AS "Error",
        count(*) FILTER (WHERE state = 'maintenance') AS "Maintenance",
        count(*) FILTER (WHERE emergency_stopped) AS "Stopped",
        count(*) FILTER (WHERE state = 'never seen') AS "Never seen",
        (SELECT count(*) FROM grafana.robots WHERE registration = 'pending') AS "To approve"
        FROM grafana.robots WHERE {IN_USE}
        """,
    )
    panel = look.figures(
        1,
        "Robots",
        "Robots in use by their state, each in one. Silent: nothing for longer than"
        " FLEET_SILENT_AFTER while we listened, and not gone offline in an orderly way. Stopped: by"
        " an emergency stop, counted in its state as well. To approve: robots that wait for an"
        " admin to accept them.",
        [query],
        fields="/.*/",
        span=13,
    )
    for name, colour in {
        "Online": look.FINE,
        "Offline": "text",
        "Silent": look.CRITICAL,
        "Error": look.CRITICAL,
        "Maintenance": look.INFO,
        "Stopped": look.CRITICAL,
        "Never seen": "text",
        "To approve": look.WARNING,
    }.items():
        panel.override_by_name(name, look.when_any(colour))
    return panel


def _alerts_now() -> stat.Panel:
    query = SQL(
        "Alerts",
        """
        SELECT count(*) FILTER (WHERE severity = 'critical') AS "Critical",
        count(*) FILTER (WHERE severity = 'warning') AS "Warning",
        count(*) FILTER (WHERE acknowledged) AS "Seen to"
        FROM grafana.alerts WHERE NOT resolved
        """,
    )
    panel = look.figures(
        4,
        "Open alerts",
        "Alerts that are not resolved, by severity; seen to: those of them that somebody has"
        " acknowledged.",
        [query],
        fields="/.*/",
        span=5,
    )
    for name, colour in {
        "Critical": look.CRITICAL,
        "Warning": look.WARNING,
        "Seen to": look.INFO,
    }.items():
        panel.override_by_name(name, look.when_any(colour))
    return panel


def _heartbeat() -> stat.Panel:
    return look.figures(
        5,
        "Pipeline",
        "Age of our own heartbeat through the broker: above half a minute, states and silences"
        " here are old.",
        [SQL("Age", 'SELECT floor(age_s) AS "Heartbeat, ago" FROM grafana.events_age')],
        fields="/.*/",
        span=3,
    ).override_by_name(
        "Heartbeat, ago",
        [
            prop("unit", "s"),
            prop("decimals", 0),
            prop("color", {"mode": "thresholds"}),
            steps((None, look.FINE), (15, look.WARNING), (30, look.CRITICAL)),
        ],
    )


def _refused() -> stat.Panel:
    query = InfluxQL("Refused", f'SELECT sum("count") AS "Refused" FROM "refused" WHERE {RANGE}')
    return look.figures(
        6,
        "Refused",
        "Messages of the time range that could not be stored: not JSON, a wrong type, without an"
        " id, out of range. `tonypi status` says which, and why.",
        [query],
        fields="/^messages$/",
        span=3,
        # A measurement without a point has no sum.
        empty="0",
    ).override_by_name(
        "Refused",
        [
            prop("displayName", "messages"),
            prop("decimals", 0),
            prop("color", {"mode": "thresholds"}),
            steps((None, look.FINE), (1, look.WARNING)),
        ],
    )


def _worst(number: int, title: str, metric: str, every: str) -> timeseries.Panel:
    """The robots that stand worst now, by name; ``variables.worst`` says which they are."""
    about = METRICS[metric]
    reading = READINGS[metric]
    reducer = "min" if about.direction == "low" else "max"
    readings = InfluxQL(
        "Reading",
        f'SELECT {reducer}("{reading.field}") AS "Value" FROM "{reading.measurement}"'
        f' WHERE "robot_id" =~ /^${{worst_{metric}:regex}}$/ AND $timeFilter'
        ' GROUP BY time($__interval), "robot_id" fill(none)',
    )
    names = SQL(
        "Names",
        f"""
        SELECT robot_id, "Robot" FROM
        (SELECT robot_id, {NAME_SQL} AS "Robot" FROM grafana.robots WHERE {IN_USE}) named
        WHERE robot_id = ANY (string_to_array('${{worst_{metric}:csv}}', ','))
        """,
    )
    panel = look.chart(
        number,
        title,
        f"{about.title} of the {WORST} robots that stand worst at the end of the time range.",
        [readings, names],
        unit="celsius" if about.unit == "°C" else "percent",
        every=every,
        height=9,
        empty="No readings in this time range",
    )
    panel.with_transformation(transformed("joinByField", byField="robot_id", mode="outerTabular"))
    panel.with_transformation(without_nulls("Robot", "Value"))
    panel.with_transformation(transformed("sortBy", fields={}, sort=[{"field": "Time"}]))
    panel.with_transformation(
        transformed("filterFieldsByName", include={"names": ["Time", "Value", "Robot"]})
    )
    panel.with_transformation(
        transformed(
            "partitionByValues", fields=["Robot"], keepFields=False, naming={"asLabels": True}
        )
    )
    return (
        panel.display_name("${__field.labels.Robot}")
        .decimals(0)
        .span_nulls(True)
        .show_points(look.c.VisibilityMode.AUTO)
    )


PLACES = {
    "critical": look.CRITICAL,
    "warning": look.WARNING,
    "online": look.FINE,
    "other": look.ASIDE,
}
"""Colours on the map of robots: by the severest open alert, then by state."""


def _places() -> geomap.Panel:
    worst_first = ", ".join(map(sql_text, PLACES))
    query = SQL(
        "Places",
        f"""
        SELECT * FROM (SELECT {NAME_SQL} AS "Robot",
        CASE WHEN 'critical' = ANY (open) THEN 'critical' WHEN 'warning' = ANY (open) THEN 'warning'
        WHEN state = 'online' THEN 'online' ELSE 'other' END AS "State",
        {maps.columns("location_x", "location_y")}, robot_id
        FROM grafana.robots r LEFT JOIN (SELECT robot_id, array_agg(DISTINCT severity) AS open
        FROM grafana.alerts WHERE NOT resolved GROUP BY robot_id) a USING (robot_id)
        WHERE {IN_USE} AND location_x IS NOT NULL AND location_y IS NOT NULL) placed
        ORDER BY array_position(ARRAY[{worst_first}], "State") DESC, robot_id
        """,
    )
    there = f"{address('tonypi-robot')}?var-robot=${{__data.fields.robot_id:raw}}"
    panel = maps.places(
        40,
        "Map (red: critical, yellow: warning, green: fine)",
        "The last place that each robot in use has told, from above, in metres of its own map; by"
        " its severest open alert, else green where it is online and grey where not. The same in"
        " every time range. A click on a dot leads to the robot.",
        query,
        [maps.dots("Places", 5, look.ASIDE, by="State")],
        span=9,
        height=10,
        empty="No robot in use has told where it is",
    )
    panel.override_by_name("State", [look.words(PLACES)])
    panel.override_by_name("robot_id", [maps.UNSEEN])
    return panel.override_by_name(
        "Robot", [look.link("Show this robot", f"{there}&${{__url_time_range}}")]
    )

"""Fleet: who is online, what is firing, and the robots that stand worst first; for 1 to 2,000."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as d

from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS

from . import look, robots_table, variables
from .annotations import changes
from .look import link, painted, prop, steps, transformed, width, without_nulls, words
from .queries import IN_USE, NAME_SQL, NEWEST, SQL, InfluxQL, alert_sql, severest_first, unit_sql
from .variables import WORST

UID = "tonypi-fleet"


def dashboard() -> db.Dashboard:
    return (
        db.Dashboard("Fleet")
        .uid(UID)
        .description("All robots: who is online, what is firing, which stand worst.")
        .tags(["tonypi"])
        .readonly()
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .time("now-15m", "now")
        .refresh("10s")
        .timezone("browser")
        .annotation(changes())
        .with_panel(_robots_now())
        .with_panel(_alerts_now())
        .with_panel(_heartbeat())
        .with_panel(_refused())
        .with_panel(_alerts())
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
        (SELECT count(*) FROM grafana.silence WHERE silent_s > silent_after) AS "Silent",
        count(*) FILTER (WHERE state = 'error') AS "Error",
        count(*) FILTER (WHERE in_maintenance) AS "Maintenance",
        count(*) FILTER (WHERE emergency_stopped) AS "Emergency stop",
        count(*) FILTER (WHERE state = 'never seen') AS "Never seen",
        (SELECT count(*) FROM grafana.robots WHERE registration = 'pending') AS "To approve"
        FROM grafana.robots WHERE {IN_USE}
        """,
    )
    panel = look.figures(
        1,
        "Robots",
        "Robots in use by what they last said. Silent: unheard for longer than FLEET_SILENT_AFTER"
        " while we listened, and not gone offline in an orderly way; such a robot is also counted"
        " under what it said last. To approve: robots that wait for an admin to accept them.",
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
        "Emergency stop": look.CRITICAL,
        "Never seen": "text",
        "To approve": look.WARNING,
    }.items():
        panel.override_by_name(name, _when_any(colour))
    return panel


def _when_any(colour: str) -> list[look.Property]:
    """Coloured only above zero: a row of zeros is quiet."""
    return [
        prop("color", {"mode": "thresholds"}),
        steps((None, look.ASIDE), (1, colour)),
        prop("decimals", 0),
    ]


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
        panel.override_by_name(name, _when_any(colour))
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
    query = InfluxQL("Refused", f'SELECT sum("count") AS "Refused" FROM "refused" WHERE {NEWEST}')
    return look.figures(
        6,
        "Refused",
        "Messages of the time range that could not be stored: not JSON, a wrong type, without an"
        " id, out of range. `tonypi status` says which, and why.",
        [query],
        fields="/^Refused$/",
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


def _alerts() -> table.Panel:
    # Ten minutes before it began are what explains an alert; an open one is looked at until now.
    query = SQL(
        "Alerts",
        f"""
        SELECT severity AS "Severity", coalesce(robot_name, 'the stack') AS "Robot",
        {alert_sql()} AS "Alert", state AS "State", coalesce(starts_at, created_at) AS "Since",
        round(value::numeric, 1) || {unit_sql("metric")} AS "Value at opening",
        round(threshold::numeric, 1) || {unit_sql("metric")} AS "Limit", source AS "Source",
        CASE WHEN robot_id IS NULL THEN '/d/tonypi-fleet/fleet?' ELSE
        '/d/tonypi-robot/robot?var-robot=' || robot_id || '&' END || 'from=' ||
        floor(extract(epoch FROM coalesce(starts_at, created_at)) * 1000 - 600000) || '&to=now'
        AS "link"
        FROM grafana.alerts WHERE NOT resolved
        ORDER BY {severest_first()}, 5 DESC LIMIT 500
        """,
    )
    there = link("Show the robot at that time", "${__data.fields.link:raw}")
    return (
        look.listing(
            3,
            "Open alerts",
            "Alerts that are not resolved, critical ones first, newest first among equals; 500 at"
            " most. A click on the robot shows it from ten minutes before the alert began.",
            [query],
            span=24,
            height=7,
            empty="No open alerts",
        )
        .override_by_name("Severity", [words(look.SEVERITY), painted(), width(90)])
        .override_by_name("Robot", [there, width(200)])
        .override_by_name("Alert", [there])
        .override_by_name("State", [width(120)])
        .override_by_name("Since", [prop("unit", "dateTimeFromNow"), width(140)])
        .override_by_name("Value at opening", [width(140)])
        .override_by_name("Limit", [width(100)])
        .override_by_name("Source", [width(120)])
        .override_by_name("link", [look.HIDDEN])
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
    return panel.display_name("${__field.labels.Robot}").decimals(0).span_nulls(True)

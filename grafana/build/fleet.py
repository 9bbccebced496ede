"""Fleet: who is online, what is firing, and the robots that stand worst first; for 1 to 2,000.

The alert rules on silence point to the robots table, panel 2; do not renumber it.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as d

from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS
from glue.core.pipeline_rules import ROBOT_SILENT

from . import look, variables
from .look import link, painted, prop, steps, transformed, width, words
from .queries import NAME_SQL, NEWEST, SQL, InfluxQL, alert_sql, severest_first, unit_sql
from .variables import WORST

UID = "tonypi-fleet"

IN_USE = "registration = 'accepted' AND is_active"


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
        .with_panel(_robots_now())
        .with_panel(_alerts_now())
        .with_panel(_heartbeat())
        .with_panel(_refused())
        .with_panel(_alerts())
        .with_panel(_robots())
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


SHOWN = {
    "battery": "Battery",
    "temperature": "CPU temp",
    "servo_temp": "Servo temp",
    "cpu": "CPU",
    "memory": "Memory",
}
"""Columns of the robots table, by metric."""


def _robots() -> table.Panel:
    panel = look.listing(
        ROBOT_SILENT.panel,
        "Robots, worst first",
        "Newest readings of the time range. Beside each, what it means by the limits in force for"
        " that robot; a battery that charges has none. Alert is the severest that is open. Sorted"
        " by alerts, then by how near (or beyond) its limits the robot is. A click on the name"
        " shows the robot.",
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
            prop("custom.minWidth", 120),
        ],
    )
    panel.override_by_name("robot_id", [look.HIDDEN])
    panel.override_by_name("Status", [words(look.STATE), look.cell("color-text"), width(100)])
    panel.override_by_name("Alert", [words(look.SEVERITY), painted(), width(75)])
    panel.override_by_name(
        "Last seen, ago",
        [prop("unit", "s"), prop("decimals", 0), prop("noValue", "never"), width(118)],
    )
    panel.override_by_name("Charging", [look.YES_OR_NO, width(80)])
    for metric, title in SHOWN.items():
        unit = "celsius" if METRICS[metric].unit == "°C" else "percent"
        panel.override_by_name(title, [prop("unit", unit), prop("decimals", 0), width(95)])
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
    columns = ", ".join(f"{m}_limit, {m}_way" for m in METRICS)
    return SQL(
        "States",
        f"""
        SELECT robot_id, {NAME_SQL} AS "Robot", r.state AS "Status", a.severity AS "Alert",
        floor(r.last_seen_age_s) AS "Last seen, ago", coalesce(a.rank, 0) * 1000
        - CASE WHEN in_maintenance OR last_seen IS NULL THEN 500 ELSE 0 END AS rank, {columns}
        FROM grafana.robots r
        LEFT JOIN (SELECT robot_id, max(array_position(ARRAY['info', 'warning', 'critical'],
        severity::text)) AS rank, (ARRAY['info', 'warning', 'critical'])[max(array_position(
        ARRAY['info', 'warning', 'critical'], severity::text))] AS severity
        FROM grafana.alerts WHERE NOT resolved GROUP BY robot_id) a USING (robot_id)
        LEFT JOIN (SELECT l.robot_id,
        {limits}
        FROM grafana.limits l GROUP BY l.robot_id) w USING (robot_id)
        WHERE {IN_USE} ORDER BY r.name
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
        InfluxQL("Servos", servo.replace('max("v")', 'max("v") AS "servo_temp"')),
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
    return [
        transformed("joinByField", byField="robot_id", mode="outer"),
        # Series of robots that are not in use have readings here, but no row there.
        _without_nulls("Robot"),
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


def _without_nulls(*fields: str) -> d.DataTransformerConfig:
    filters = [{"fieldName": f, "config": {"id": "isNull", "options": {}}} for f in fields]
    return transformed("filterByValue", type="exclude", match="any", filters=filters)


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
        width(66),
    ]


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
    panel.with_transformation(_without_nulls("Robot", "Value"))
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

"""Robot: everything of one robot. Rules point to its panels by number, which are those of
:mod:`glue.core.rules`; do not renumber them."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import stat, table

from glue.core.metrics import METRICS, SEVERITIES

from . import look, motion
from . import robot_charts as charts
from .annotations import Alerts, changes, every_rule
from .board import board
from .look import fixed, painted, prop, steps, width, words
from .queries import (
    NEWEST,
    SQL,
    THIS_ROBOT,
    THIS_ROBOT_SQL,
    InfluxQL,
    alert_sql,
    limit_steps,
    severest_first,
    unit_sql,
)

UID = "tonypi-robot"
FIGURES = (
    *("State", "Last seen, ago", "Battery", "Charging"),
    *("Emergency stop", "Job", "Open alerts"),
)


def dashboard() -> db.Dashboard:
    made = (
        board(UID, "Everything of one robot: state, limits, readings, alerts, jobs.", "robot")
        .annotation(every_rule())
        .annotation(changes("$robot"))
        .with_panel(_now())
        .with_panel(_facts())
        .with_panel(_alerts())
        .with_panel(_limits())
        .with_row(db.Row("Performance and power").id(100))
        .with_panel(charts.performance("cpu", "cpu_percent"))
        .with_panel(charts.performance("memory", "memory_percent"))
        .with_panel(charts.performance("temperature", "cpu_temperature"))
        .with_panel(charts.servo_temperature())
        .with_panel(charts.battery())
        .with_row(db.Row("Servos").id(101))
        .with_panel(charts.positions(31, "Servo position"))
        .with_panel(
            charts.servos(32, "Servo voltage", "voltage", "min", look.VOLTS, charts.VOLTAGE)
        )
        .with_panel(charts.servos(33, "Servo load", "load", "max", "percent", charts.LOAD))
        .with_row(db.Row("Motion").id(102))
        .with_panel(charts.imu(40, "Acceleration", "accel", "accMS2"))
        .with_panel(charts.imu(41, "Rotation", "gyro", "rotdegs"))
        .with_panel(motion.path(43))
        .with_row(db.Row("Work").id(103))
        .with_panel(_jobs())
    )
    for metric in METRICS:
        for severity in SEVERITIES:
            made.annotation(Alerts(metric, severity))
    return made


def _now() -> stat.Panel:
    state = SQL(
        "State",
        f"""
        SELECT state AS "State", floor(last_seen_age_s) AS "Last seen, ago",
        CASE WHEN emergency_stopped THEN 'STOPPED' ELSE 'released' END AS "Emergency stop",
        coalesce((SELECT coalesce(task_name, 'unnamed') || ' ' || round(percent_complete) || '%'
        FROM grafana.jobs WHERE jobs.robot_id = robots.robot_id AND status = 'active'
        ORDER BY start_time DESC LIMIT 1), 'none') AS "Job",
        (SELECT count(*) FROM grafana.alerts
        WHERE alerts.robot_id = robots.robot_id AND NOT resolved) AS "Open alerts"
        FROM grafana.robots WHERE {THIS_ROBOT_SQL}
        """,
    )
    battery = InfluxQL(
        "Battery",
        'SELECT last("percentage") AS "Battery", last("charging") AS "Charging"'
        f' FROM "battery" WHERE {THIS_ROBOT} AND {NEWEST}',
    )
    limits = limit_steps("Limits", "battery")
    panel = (
        look.figures(
            1,
            "Now",
            "State and last sign of life (arrival here, not the robot's clock), newest battery"
            " reading coloured by this robot's limits, running job, alerts that are open.",
            [state, battery, limits],
            fields=f"/^({'|'.join(FIGURES)})$/",
            span=24,
        )
        .override_by_name("State", [words(look.STATE)])
        .override_by_name(
            "Last seen, ago", [prop("unit", "s"), prop("decimals", 0), prop("noValue", "never")]
        )
        .override_by_name(
            "Battery",
            [prop("unit", "percent"), prop("decimals", 0)],
        )
        .override_by_name("Charging", [look.YES_OR_NO])
        .override_by_name(
            "Emergency stop", [words({"STOPPED": look.CRITICAL, "released": look.FINE})]
        )
        .override_by_name(
            "Open alerts",
            [
                prop("color", {"mode": "thresholds"}),
                steps((None, look.FINE), (1, look.CRITICAL)),
                prop("decimals", 0),
            ],
        )
    )
    return look.coloured_by_limits(panel, "Battery", "Limits", "low")


def _facts() -> table.Panel:
    query = SQL(
        "Robot",
        f"""
        SELECT name AS "Name", robot_id AS "Id", description AS "Description",
        ip_address AS "Address",
        CASE WHEN camera_url ~* '^https?://' THEN camera_url END AS "Camera",
        (SELECT url FROM grafana.console) AS "Console",
        round(location_x::numeric, 2) || ' / ' || round(location_y::numeric, 2)
        || coalesce(' / ' || round(location_z::numeric, 2), '') AS "Position x / y / z (m)",
        created_at AS "Known since"
        FROM grafana.robots WHERE {THIS_ROBOT_SQL}
        """,
    )
    return (
        look.listing(
            3,
            "Known of this robot",
            "What the robot said of itself and what an admin wrote. Camera and console (limits,"
            " maintenance, commands) open in a new tab; who told no address has nothing to open.",
            [query],
            span=24,
            height=4,
            empty="No such robot",
        )
        .override_by_name("Known since", [prop("unit", "dateTimeAsLocal")])
        .override_by_name("Camera", [*look.opens("Open the camera"), width(90)])
        .override_by_name("Console", [*look.opens("Open the console"), width(90)])
    )


def _alerts() -> table.Panel:
    query = SQL(
        "Alerts",
        f"""
        SELECT severity AS "Severity",
        {alert_sql()} || coalesce(' (' || source || ')', '') AS "Alert",
        state || coalesce(' (' || resolve_reason || ')', '') AS "State",
        coalesce(starts_at, created_at) AS "Since", duration_s AS "Lasting",
        round(value::numeric, 1) || {unit_sql("metric")} AS "Value",
        round(threshold::numeric, 1) || {unit_sql("metric")} AS "Limit"
        FROM grafana.alerts
        WHERE {THIS_ROBOT_SQL} AND coalesce(starts_at, created_at) <= $__timeTo()
        AND (NOT resolved OR resolved_at >= $__timeFrom())
        ORDER BY resolved, {severest_first()}, 4 DESC LIMIT 200
        """,
    )
    return (
        look.listing(
            50,
            "Alerts",
            "Alerts of this robot that are open, or were at some moment of the time range; open"
            " ones first.",
            [query],
            span=16,
            height=8,
            empty="No alert in this time range",
        )
        .override_by_name("Severity", [words(look.SEVERITY), painted(), width(75)])
        .override_by_name("State", [width(150)])
        .override_by_name("Since", [prop("unit", "dateTimeFromNow"), width(120)])
        .override_by_name("Lasting", [prop("unit", "dthms"), width(90)])
        .override_by_name("Value", [width(80)])
        .override_by_name("Limit", [width(75)])
        .override_by_name("Alert", [prop("custom.minWidth", 170)])
    )


def _limits() -> table.Panel:
    titles = " ".join(f"WHEN '{m.name}' THEN '{m.title}'" for m in METRICS.values())
    query = SQL(
        "Limits",
        f"""
        SELECT CASE metric {titles} ELSE metric END AS "Limit of",
        round(warning::numeric, 1) || ' ' || unit AS "Warning",
        round(critical::numeric, 1) || ' ' || unit AS "Critical",
        CASE source WHEN 'robot' THEN 'this robot' WHEN 'global' THEN 'the fleet'
        ELSE 'built in' END AS "Set for"
        FROM grafana.limits WHERE {THIS_ROBOT_SQL} ORDER BY 1
        """,
    )
    return (
        look.listing(
            51,
            "Limits in force",
            "The limits that rules compare with now, and whether they were set for this robot, for"
            " the fleet, or are built in. A metric that is switched off has no row; a robot in"
            " maintenance has none at all.",
            [query],
            span=8,
            height=8,
            empty="No limits in force: in maintenance, not active or not accepted",
        )
        .override_by_name("Warning", [fixed(look.WARNING), look.cell("color-text"), width(80)])
        .override_by_name("Critical", [fixed(look.CRITICAL), look.cell("color-text"), width(80)])
        .override_by_name("Set for", [width(85)])
    )


def _jobs() -> table.Panel:
    query = SQL(
        "Jobs",
        f"""
        SELECT status AS "Status", coalesce(task_name, 'unnamed') AS "Job", phase AS "Phase",
        percent_complete AS "Done",
        items_done || coalesce(' of ' || items_total, '') AS "Items",
        start_time AS "Started", duration_s AS "Lasting", reason AS "Reason"
        FROM grafana.jobs WHERE {THIS_ROBOT_SQL} AND start_time <= $__timeTo()
        ORDER BY status <> 'active', start_time DESC LIMIT 50
        """,
    )
    return (
        look.listing(
            60,
            "Jobs",
            "The last 50 jobs of this robot, the running one first.",
            [query],
            span=24,
            height=7,
            empty="This robot has had no job",
        )
        .override_by_name(
            "Status",
            [
                words({"active": look.INFO, "completed": look.FINE, "failed": look.CRITICAL}),
                look.cell("color-text"),
                width(110),
            ],
        )
        .override_by_name(
            "Done",
            [
                prop("unit", "percent"),
                prop("min", 0),
                prop("max", 100),
                fixed(look.INFO),
                look.cell("gauge", mode="basic", valueDisplayMode="text"),
                width(200),
            ],
        )
        .override_by_name("Started", [prop("unit", "dateTimeFromNow"), width(140)])
        .override_by_name("Lasting", [prop("unit", "dthms"), width(110)])
    )

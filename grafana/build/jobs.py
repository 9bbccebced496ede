"""Jobs: what was done, how much of it well, and how long it took against what was estimated."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, stat, table, timeseries, xychart
from grafana_foundation_sdk.builders import dashboard as db

from . import look, shapes
from .board import board
from .look import fixed, link, painted, prop, width, words
from .names import address
from .queries import ANY_ROBOT_SQL, COUNTED, SQL

UID = "tonypi-jobs"
OUTCOME = {"active": look.INFO, "completed": look.FINE, "failed": look.CRITICAL}
ENDED = f"{ANY_ROBOT_SQL} AND $__timeFilter(end_time) AND status <> 'active'"
"""SQL for the jobs that ended in the time range."""
ENDS = {"Completed": look.FINE, "Failed": look.CRITICAL}
EMPTY = "No job has ended in this time range"


def dashboard() -> db.Dashboard:
    return (
        board(UID, "What robots did, how well, and how long it took.", "any", since="now-24h")
        .with_panel(_figures())
        .with_panel(_ended())
        .with_panel(_success())
        .with_panel(_estimate())
        .with_panel(_tasks())
        .with_panel(_robots())
        .with_panel(_jobs())
    )


def _figures() -> stat.Panel:
    running = SQL(
        "Running",
        f"""
        SELECT count(*) AS "Running now" FROM grafana.jobs
        WHERE {ANY_ROBOT_SQL} AND status = 'active'
        """,
    )
    ended = SQL(
        "Ended",
        f"""
        SELECT count(*) FILTER (WHERE status = 'completed') AS "Completed",
        count(*) FILTER (WHERE status = 'failed') AS "Failed",
        100.0 * count(*) FILTER (WHERE status = 'completed') / nullif(count(*), 0) AS "Success",
        sum(items_done) AS "Items",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s) AS "Median duration",
        100 * percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s / estimated_s)
        AS "Of the estimate"
        FROM grafana.jobs WHERE {ENDED}
        """,
    )
    names = ("Running now", "Completed", "Failed", "Success", "Items")
    shown = (*names, "Median duration", "Of the estimate")
    return (
        look.figures(
            1,
            "Jobs in this time range",
            "Jobs by when they ended. A job that was cancelled counts as failed, with its reason."
            " Of the estimate: the median of duration to estimated duration, where the robot or who"
            " asked for the job gave an estimate; above 100 % jobs take longer than thought.",
            [running, ended],
            fields=f"/^({'|'.join(shown)})$/",
            span=24,
            empty="none",
        )
        .override_by_name("Running now", [fixed(look.INFO)])
        .override_by_name("Completed", [fixed(look.FINE)])
        .override_by_name(
            "Failed",
            [
                prop("color", {"mode": "thresholds"}),
                look.steps((None, look.ASIDE), (1, look.CRITICAL)),
            ],
        )
        .override_by_name("Success", [prop("unit", "percent"), prop("decimals", 1)])
        .override_by_name("Items", [prop("decimals", 0)])
        .override_by_name("Median duration", [prop("unit", "s"), prop("decimals", 0)])
        .override_by_name("Of the estimate", [prop("unit", "percent"), prop("decimals", 0)])
    )


def _ended() -> timeseries.Panel:
    query = SQL(
        "Ended",
        f"""
        SELECT $__timeGroup(end_time, $__interval) AS "time",
        count(*) FILTER (WHERE status = 'completed') AS "Completed",
        count(*) FILTER (WHERE status = 'failed') AS "Failed"
        FROM grafana.jobs WHERE {ENDED} GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    return shapes.counts(
        10,
        "Throughput",
        "Jobs that ended in each interval, by how they ended.",
        [query],
        colours=ENDS,
        span=8,
        empty=EMPTY,
    )


def _success() -> timeseries.Panel:
    query = SQL(
        "Success",
        f"""
        SELECT $__timeGroup(end_time, $__interval) AS "time",
        100.0 * count(*) FILTER (WHERE status = 'completed') / count(*) AS "Success",
        sum(items_done) AS "Items"
        FROM grafana.jobs WHERE {ENDED} GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    panel = look.chart(
        11,
        "Success and items",
        "Share of the jobs that ended in each interval which were completed; items that were done"
        " in them on the right.",
        [query],
        unit="percent",
        every="1m",
        gap=86_400,
        empty=EMPTY,
    )
    panel.max_data_points(shapes.BUCKETS).min(0).max(100).decimals(0)
    panel.override_by_name("Success", [fixed(look.FINE)])
    return look.on_the_right(panel, "Items", "short", 0)


def _estimate() -> xychart.Panel:
    # One query a series: a point without a value would be drawn at 0.
    queries = [
        SQL(
            name,
            f"""
            SELECT estimated_s AS "{name} estimate", duration_s AS "{name}" FROM grafana.jobs
            WHERE {ENDED} AND status = '{name.lower()}' AND estimated_s IS NOT NULL
            ORDER BY end_time DESC LIMIT 1000
            """,
        )
        for name in ENDS
    ]
    panel = shapes.scatter(
        12,
        "Durations (green: completed, red: failed)",
        "One point a job that had an estimate, the last 1,000 of each colour: estimated time to the"
        " right, real time upwards. Higher than wide is slower than thought.",
        queries,
        x="{} estimate",
        ys=ENDS,
        units=("dthms", "dthms"),
        axes=("estimated", "real"),
        ends=f"""
        SELECT side * longest FROM (VALUES (-0.04), (1.04)) AS sides(side), (SELECT
        greatest(60, max(estimated_s)) AS longest FROM grafana.jobs WHERE {ENDED}) AS estimates
        """,
        size=6,
        empty="No job with an estimate has ended in this time range",
    )
    return panel.min(0)


def _tasks() -> table.Panel:
    query = SQL(
        "Tasks",
        f"""
        SELECT coalesce(task_name, 'unnamed') AS "Task", count(*) AS "Jobs",
        100.0 * count(*) FILTER (WHERE status = 'completed') / count(*) AS "Success",
        sum(items_done) AS "Items",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s) AS "Median",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY estimated_s) AS "Estimate",
        mode() WITHIN GROUP (ORDER BY reason) AS "Reason"
        FROM grafana.jobs WHERE {ENDED} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50
        """,
    )
    return (
        look.listing(
            20,
            "By task",
            "Jobs that ended in this time range by what they were, the most frequent first; 50 at"
            " most. The reason is the most frequent one of jobs that failed.",
            [query],
            span=14,
            height=8,
            empty=EMPTY,
        )
        .override_by_name("Success", _success_cell())
        .override_by_name("Median", [prop("unit", "dthms"), width(100)])
        .override_by_name("Estimate", [prop("unit", "dthms"), width(100)])
        .override_by_name("Jobs", [width(70)])
        .override_by_name("Reason", [prop("custom.minWidth", 120)])
        .override_by_name("Items", [width(80)])
    )


def _success_cell() -> list[look.Property]:
    return [
        prop("unit", "percent"),
        prop("decimals", 0),
        prop("min", 0),
        prop("max", 100),
        fixed(look.FINE),
        look.cell("gauge", mode="basic", valueDisplayMode="text"),
        width(150),
    ]


def _robots() -> barchart.Panel:
    query = SQL(
        "Robots",
        f"""
        SELECT robot_name AS "Robot",
        nullif(count(*) FILTER (WHERE status = 'completed'), 0) AS "Completed",
        nullif(count(*) FILTER (WHERE status = 'failed'), 0) AS "Failed"
        FROM grafana.jobs WHERE {ENDED} GROUP BY robot_id, robot_name
        ORDER BY count(*) DESC, robot_name {COUNTED} LIMIT 10
        """,
    )
    return shapes.ranking(
        21,
        "Busiest robots",
        "The ten robots with the most jobs that ended in this time range, by how they ended.",
        query,
        by="Robot",
        colours=ENDS,
        span=10,
        empty=EMPTY,
    )


def _jobs() -> table.Panel:
    query = SQL(
        "Jobs",
        f"""
        SELECT status AS "Status", robot_name AS "Robot", coalesce(task_name, 'unnamed') AS "Job",
        phase AS "Phase", percent_complete AS "Done",
        items_done || coalesce(' of ' || items_total, '') AS "Items", start_time AS "Started",
        duration_s AS "Lasting", estimated_s AS "Estimate", reason AS "Reason",
        '{address("tonypi-robot")}?var-robot=' || robot_id || '&from='
        || floor(extract(epoch FROM start_time) * 1000 - 60000) || '&to='
        || coalesce(floor(extract(epoch FROM end_time) * 1000 + 60000)::text, 'now') AS "link"
        FROM grafana.jobs
        WHERE {ANY_ROBOT_SQL} AND start_time <= $__timeTo()
        AND (status = 'active' OR end_time >= $__timeFrom())
        ORDER BY status <> 'active', start_time DESC LIMIT 200
        """,
    )
    there = link("Show the robot at that time", "${__data.fields.link:raw}")
    return (
        look.listing(
            30,
            "Jobs",
            "Jobs that ran at some moment of the time range, running ones first; 200 at most. A"
            " click on the robot shows it while it did the job.",
            [query],
            span=24,
            height=9,
            empty="No job ran in this time range",
        )
        .override_by_name("Status", [words(OUTCOME), painted(), width(100)])
        .override_by_name("Robot", [there, width(160)])
        .override_by_name("Done", [prop("unit", "percent"), prop("decimals", 0), width(70)])
        .override_by_name("Items", [width(90)])
        .override_by_name("Started", [prop("unit", "dateTimeAsLocal"), width(190)])
        .override_by_name("Lasting", [prop("unit", "dthms"), width(100)])
        .override_by_name("Estimate", [prop("unit", "dthms"), width(100)])
        .override_by_name("Reason", [prop("custom.minWidth", 120)])
        .override_by_name("link", [look.HIDDEN])
    )

"""Logs: what robots said, what people and the glue did. Entries of sign-ins are not shown here:
every viewer sees what Grafana can read."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d

from . import look, shapes
from .board import board
from .look import link, prop, width, words
from .names import address
from .queries import ANY_ROBOT_SQL, COUNTED, SQL

UID = "tonypi-logs"
LEVELS = {
    "CRITICAL": look.CRITICAL,
    "ERROR": "dark-red",
    "WARNING": look.WARNING,
    "INFO": look.INFO,
}
IN_RANGE = f"{ANY_ROBOT_SQL} AND $__timeFilter(timestamp)"
# Spelled as the index system_logs_troubles is, which keeps a week of a large fleet readable.
TROUBLES = "level IN ('WARNING', 'ERROR', 'CRITICAL')"
FOUND = "(${search:sqlstring} = '' OR strpos(lower(message), lower(${search:sqlstring})) > 0)"
EMPTY = "No warning and no error in this time range"


def dashboard() -> db.Dashboard:
    return (
        board(UID, "What robots said, what people and the glue did.", "any", since="now-1h")
        .with_variable(_level())
        .with_variable(
            db.TextBoxVariable("search")
            .label("Containing")
            .description("Lines whose message contains this, whatever its case.")
            .default_value("")
            .current(d.VariableOption(selected=True, text="", value=""))
        )
        .with_panel(_figures())
        .with_panel(_troubles())
        .with_panel(_frequent())
        .with_panel(_robots())
        .with_panel(_lines())
    )


def _level() -> db.CustomVariable:
    """Sets of levels: each but the first begins further up."""
    levels = list(reversed(LEVELS))
    return (
        db.CustomVariable("level")
        .label("From")
        .description("This level and those above it.")
        .values(",".join(levels))
        .options([_option(level) for level in levels])
        .current(_option("INFO"))
    )


def _option(level: str) -> d.VariableOption:
    return d.VariableOption(selected=level == "INFO", text=level, value=level)


def _figures() -> stat.Panel:
    query = SQL(
        "Troubles",
        f"""
        SELECT count(*) FILTER (WHERE level = 'CRITICAL') AS "Critical",
        count(*) FILTER (WHERE level = 'ERROR') AS "Errors",
        count(*) FILTER (WHERE level = 'WARNING') AS "Warnings",
        count(DISTINCT robot_id) AS "Robots concerned"
        FROM grafana.logs WHERE {IN_RANGE} AND {TROUBLES}
        """,
    )
    panel = look.figures(
        1,
        "Troubles in this time range",
        "Lines of the levels warning, error and critical, and how many robots wrote one.",
        [query],
        fields="/.*/",
        span=4,
        height=7,
    ).orientation(c.VizOrientation.HORIZONTAL)
    for name, colour in {
        "Critical": look.CRITICAL,
        "Errors": look.CRITICAL,
        "Warnings": look.WARNING,
        "Robots concerned": look.INFO,
    }.items():
        panel.override_by_name(name, look.when_any(colour))
    return panel


def _troubles() -> timeseries.Panel:
    names = ("Critical", "Error", "Warning")
    columns = ", ".join(
        f"count(*) FILTER (WHERE level = '{name.upper()}') AS \"{name}\"" for name in names
    )
    query = SQL(
        "Troubles",
        f"""
        SELECT $__timeGroup(timestamp, $__interval) AS "time", {columns}
        FROM grafana.logs WHERE {IN_RANGE} AND {TROUBLES} GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    return shapes.counts(
        10,
        "Warnings and errors",
        "Lines of the levels warning, error and critical in each interval.",
        [query],
        colours={name: LEVELS[name.upper()] for name in names},
        every="10s",
        span=20,
        height=7,
        empty=EMPTY,
    )


def _frequent() -> table.Panel:
    query = SQL(
        "Frequent",
        f"""
        SELECT level AS "Level",
        regexp_replace(left(message, 200), '[0-9]+', '#', 'g') AS "Message",
        count(*) AS "Times", count(DISTINCT robot_id) AS "Robots", max(timestamp) AS "Last"
        FROM grafana.logs WHERE {IN_RANGE} AND {TROUBLES}
        GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 20
        """,
    )
    return (
        look.listing(
            20,
            "Most frequent",
            "What was warned of most in this time range. Numbers are written as #, so that lines"
            " that differ in nothing else count together.",
            [query],
            span=16,
            height=8,
            empty=EMPTY,
        )
        .override_by_name("Message", [prop("custom.minWidth", 240)])
        .override_by_name("Level", [words(LEVELS), look.cell("color-text"), width(95)])
        .override_by_name("Times", [width(80)])
        .override_by_name("Robots", [width(80)])
        .override_by_name("Last", [prop("unit", "dateTimeFromNow"), width(140)])
    )


def _robots() -> barchart.Panel:
    query = SQL(
        "Robots",
        f"""
        SELECT robot_name AS "Robot", count(*) AS "Lines"
        FROM grafana.logs WHERE {IN_RANGE} AND {TROUBLES} AND robot_id IS NOT NULL
        GROUP BY robot_id, robot_name ORDER BY 2 DESC, robot_name {COUNTED} LIMIT 10
        """,
    )
    return shapes.ranking(
        21,
        "Most troubled robots",
        "The ten robots with the most warnings and errors in this time range.",
        query,
        by="Robot",
        colours={"Lines": look.WARNING},
        span=8,
        empty=EMPTY,
    )


def _lines() -> table.Panel:
    from_level = " ".join(
        f"WHEN '{level}' THEN ARRAY[{', '.join(repr(one) for one in _from(level))}]"
        for level in LEVELS
    )
    query = SQL(
        "Lines",
        f"""
        SELECT timestamp AS "Time", level AS "Level", category AS "Category", robot_name AS "Robot",
        message AS "Message", '{address("tonypi-robot")}?var-robot=' || robot_id || '&from='
        || floor(extract(epoch FROM timestamp) * 1000 - 300000) || '&to='
        || floor(extract(epoch FROM timestamp) * 1000 + 300000) AS "link"
        FROM grafana.logs
        WHERE {IN_RANGE} AND level = ANY (CASE ${{level:sqlstring}} {from_level} END) AND {FOUND}
        ORDER BY timestamp DESC, id DESC LIMIT 500
        """,
    )
    there = link("Show the robot at that time", "${__data.fields.link:raw}")
    return (
        look.listing(
            30,
            "Lines",
            "The newest 500 lines of the time range at the chosen levels that contain the text"
            " above. A click on the robot shows the ten minutes around the line. Times of robots"
            " are their own, where those are believed. Sign-ins are in the API alone, for admins.",
            [query],
            span=24,
            height=16,
            empty="No line of these levels with this text in this time range",
        )
        .override_by_name("Time", [prop("unit", "dateTimeAsLocal"), width(190)])
        .override_by_name("Message", [prop("custom.minWidth", 240)])
        .override_by_name("Level", [words(LEVELS), look.cell("color-text"), width(95)])
        .override_by_name("Category", [width(95)])
        .override_by_name("Robot", [there, width(160)])
        .override_by_name("link", [look.HIDDEN])
    )


def _from(level: str) -> list[str]:
    names = list(LEVELS)
    return names[: names.index(level) + 1]

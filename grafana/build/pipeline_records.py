"""What the Pipeline lists: refusals with their reasons, clocks, loops, tables, notifications."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table, timeseries

from . import look, shapes
from .look import prop, width, words
from .queries import SQL, InfluxQL

EMPTY = "Nothing was refused in this time range"
REASONS = {
    "not_json": "orange",
    "wrong_type": look.WARNING,
    "missing_id": "purple",
    "bad_id": "dark-purple",
    "out_of_range": look.INFO,
    "too_big": look.CRITICAL,
    "unknown_topic": look.ASIDE,
}
"""Colours of Telegraf's reasons."""


def refused() -> timeseries.Panel:
    query = InfluxQL(
        "Refused",
        'SELECT sum("count") AS "Refused" FROM "refused" WHERE $timeFilter'
        ' GROUP BY time($__interval), "reason" fill(none)',
        "time_series",
        "$tag_reason",
    )
    return shapes.counts(
        30,
        "Refused readings",
        "Messages or fields of readings that Telegraf could not store, by reason: not JSON, a value"
        " of a wrong type or out of what can be, a robot's id that is missing or bad, too big, or a"
        " topic that nobody knows.",
        [query],
        colours=REASONS,
        every="10s",
        span=8,
        empty=EMPTY,
    )


def refused_readings() -> table.Panel:
    query = InfluxQL(
        "Refused",
        'SELECT sum("count") AS "Times" FROM "refused" WHERE $timeFilter'
        ' GROUP BY "topic", "reason"',
    )
    return (
        look.listing(
            31,
            "Refused readings by topic",
            "What Telegraf refused in this time range, by topic and reason. Unknown topic: topics"
            " begin with tonypi/, in small letters, without a slash before it or two in a row.",
            [query],
            span=8,
            height=8,
            empty=EMPTY,
        )
        .override_by_name("Time", [look.HIDDEN])
        .override_by_name("topic", [prop("displayName", "Topic")])
        .override_by_name("reason", [prop("displayName", "Reason"), width(120)])
        .override_by_name("Times", [width(75)])
    )


def refused_events() -> table.Panel:
    query = SQL(
        "Refused",
        """
        SELECT topic AS "Topic", reason AS "Reason", count AS "Times", last_at AS "Last"
        FROM grafana.refused ORDER BY last_at DESC NULLS LAST, 1, 2 LIMIT 100
        """,
    )
    return (
        look.listing(
            32,
            "Refused events",
            "Statuses, jobs, logs and other events that the glue refused since it was installed,"
            " whatever the time range; the last one first.",
            [query],
            span=8,
            height=8,
            empty="The glue has refused no event",
        )
        .override_by_name("Reason", [width(120)])
        .override_by_name("Times", [width(75)])
        .override_by_name("Last", [prop("unit", "dateTimeFromNow"), width(130)])
    )


def clocks() -> timeseries.Panel:
    query = InfluxQL(
        "Clocks",
        'SELECT sum("count") AS "Times" FROM "clock" WHERE "reason" != \'ok\' AND $timeFilter'
        ' GROUP BY time($__interval), "reason" fill(none)',
        "time_series",
        "$tag_reason",
    )
    return shapes.counts(
        33,
        "Times that were replaced",
        "Readings stored at their arrival because the robot's time could not be believed: too far"
        " ahead or behind, unreadable, or missing. A few robots' clocks are wrong, or FLEET_TZ is."
        " Expired: so old that it is not stored, mostly a copy that the broker kept.",
        [query],
        colours={
            "ahead": "orange",
            "behind": look.INFO,
            "unreadable": look.CRITICAL,
            "missing": look.ASIDE,
            "expired": "purple",
        },
        every="10s",
        span=24,
        height=6,
        empty="Every robot's time was believed in this time range",
    )


def loops() -> table.Panel:
    # Seconds after which each is late; where the other evaluates, standby or pull may rest.
    query = SQL(
        "Loops",
        """
        SELECT k.title AS "Loop", l.age_s AS "Last turn, ago", CASE WHEN l.age_s > k.late_s AND NOT
        (l.name = 'standby' AND e.state <> 'standby' OR l.name IN ('pull', 'webhook')
        AND e.state = 'standby') THEN 'late' ELSE 'turns' END AS "Turns", l.state AS "Says"
        FROM grafana.loops l JOIN (VALUES ('events', 'Events from robots', 30),
        ('metrics', 'Look for new points', 90), ('queue', 'Look at the queue', 30),
        ('evaluator', 'Who evaluates', 60),
        ('pull', 'Read of Grafana''s alerts', 60), ('webhook', 'Posts from Grafana', 90),
        ('standby', 'Standby evaluation', 60), ('limits', 'Limits for the rules', 60),
        ('sync', 'Grafana as declared', 300),
        ('retention', 'Removal of what is old', 90000)) AS k(name, title, late_s) USING (name)
        LEFT JOIN grafana.loops e ON e.name = 'evaluator'
        ORDER BY 1
        """,
    )
    return (
        look.listing(
            40,
            "Loops of the glue",
            "When each loop last did its work, and what it says of itself. Late is one that should"
            " have turned since; `tonypi logs glue` says why.",
            [query],
            span=9,
            height=9,
            empty="The glue has never run",
        )
        .override_by_name("Last turn, ago", [prop("unit", "s"), prop("decimals", 0), width(120)])
        .override_by_name(
            "Turns",
            [
                words({"late": look.CRITICAL, "turns": look.FINE}),
                look.cell("color-text"),
                width(80),
            ],
        )
        .override_by_name("Says", [width(100)])
    )


def tables() -> table.Panel:
    query = SQL(
        "Tables",
        """
        SELECT name AS "Table", rows AS "Rows, about", size_bytes AS "Size"
        FROM grafana.tables ORDER BY 3 DESC, 1 LIMIT 12
        """,
    )
    return (
        look.listing(
            41,
            "Largest tables",
            "The twelve largest tables of PostgreSQL with their indexes. Rows are as the planner"
            " believes them; counting would read the tables.",
            [query],
            span=7,
            height=9,
            empty="There are no tables",
        )
        .override_by_name("Rows, about", [prop("unit", "short"), width(110)])
        .override_by_name("Size", [prop("unit", "decbytes"), width(100)])
    )


def notifications() -> timeseries.Panel:
    states = {
        "delivered": look.FINE,
        "queued": look.INFO,
        "suppressed": look.ASIDE,
        "given up": look.CRITICAL,
    }
    columns = ", ".join(
        f"count(*) FILTER (WHERE state IN ('{state}'{extra})) AS \"{state}\""
        for state, extra in ((s, ", 'leased'" if s == "queued" else "") for s in states)
    )
    query = SQL(
        "Notifications",
        f"""
        SELECT $__timeGroup(created_at, $__interval) AS "time", {columns}
        FROM grafana.notifications WHERE $__timeFilter(created_at) GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    return shapes.counts(
        42,
        "Notifications",
        "Notifications that were decided in each interval, by what became of them. Suppressed ones"
        " were held back by a route's own rules.",
        [query],
        colours=states,
        every="10s",
        span=8,
        height=9,
        empty="Nobody was to be told of anything in this time range",
    )

"""Alerts: what is open, how fast people see to it, what makes noise, and what happened when."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as db

from glue.core.rules import RULES

from . import look, shapes
from .board import board
from .look import fixed, link, painted, prop, transformed, width, words
from .queries import (
    ANY_ROBOT_SQL,
    COUNTED,
    SQL,
    alert_link_sql,
    alert_sql,
    severest_first,
    sql_text,
    unit_sql,
)

UID = "tonypi-alerts"
OPENED = f"{ANY_ROBOT_SQL} AND $__timeFilter(began_at)"
"""SQL for the alerts that began in the time range."""
EMPTY = "No alert began in this time range"
COLOURS = {"Critical": look.CRITICAL, "Warning": look.WARNING, "Info": look.INFO}
BY_SEVERITY = ", ".join(
    f"count(*) FILTER (WHERE worst_severity = '{name.lower()}') AS \"{name}\"" for name in COLOURS
)
"""By the highest severity that each reached."""
NOT_NONE = ", ".join(
    f"nullif(count(*) FILTER (WHERE worst_severity = '{name.lower()}'), 0) AS \"{name}\""
    for name in COLOURS
)
"""The same for bars, on which a 0 says nothing."""
SECONDS = "extract(epoch FROM {} - began_at)::float8"
SEEN, OVER = SECONDS.format("acknowledged_at"), SECONDS.format("resolved_at")
STANDING = (
    "CASE attention WHEN 'acknowledged' THEN 'acknowledged by ' || coalesce(t.acknowledged_by, '?')"
    " WHEN 'flapping' THEN 'flapping, opened ' || flap_openings || ' times'"
    " WHEN 'muted' THEN 'muted: ' || quiet_reason ELSE state END"
    " || CASE WHEN stale_since IS NOT NULL THEN ', stale' ELSE '' END"
)
"""SQL for who looks after an open alert, or why nobody is told."""
WHO = "coalesce(robot_name, 'the stack')"
NOISIEST = 10


def dashboard() -> db.Dashboard:
    return (
        board(
            UID,
            "Open alerts, reactions to them, and what makes noise.",
            "any",
            since="now-24h",
        )
        .with_panel(_open_now())
        .with_panel(_until(2, "Until acknowledged", "were acknowledged by somebody", SEEN))
        .with_panel(_until(4, "Until over", "were over", OVER))
        .with_panel(listed(3, 24, 8, ANY_ROBOT_SQL))
        .with_panel(_opened())
        .with_panel(_times())
        .with_panel(_metrics())
        .with_panel(_robots())
        .with_panel(_along())
        .with_panel(_timeline())
    )


def _open_now() -> stat.Panel:
    query = SQL(
        "Open",
        f"""
        SELECT count(*) FILTER (WHERE severity = 'critical') AS "Critical",
        count(*) FILTER (WHERE severity = 'warning') AS "Warning",
        count(*) FILTER (WHERE NOT acknowledged) AS "Nobody sees to"
        FROM grafana.alerts WHERE {ANY_ROBOT_SQL} AND NOT resolved
        """,
    )
    panel = look.figures(
        1,
        "Open now",
        "Alerts that are not resolved, by severity, and those that nobody has acknowledged.",
        [query],
        fields="/.*/",
        span=8,
    )
    for name, colour in {**COLOURS, "Nobody sees to": look.CRITICAL}.items():
        if name != "Info":
            panel.override_by_name(name, look.when_any(colour))
    return panel


def _until(number: int, title: str, what: str, seconds: str) -> stat.Panel:
    """How long it took until ``what`` happened, which was after ``seconds`` (SQL)."""

    def share(part: float) -> str:
        return f"percentile_cont({part}) WITHIN GROUP (ORDER BY {seconds})"

    query = SQL(
        "Until",
        f"""
        SELECT {share(0.5)} AS "Half within", {share(0.9)} AS "9 of 10 within"
        FROM grafana.alerts WHERE {OPENED}
        """,
    )
    return look.figures(
        number,
        title,
        f"Alerts that began in the time range: within which time half of them, and nine of ten,"
        f" {what}. Alerts to which that has not happened do not count.",
        [query],
        fields="/.*/",
        span=8,
        empty="none yet",
    ).override_by_regexp(".*", [prop("unit", "s"), prop("decimals", 1)])


def listed(number: int, span: int, height: int, where: str) -> table.Panel:
    """The open alerts of ``where`` (SQL), the severest first."""
    query = SQL(
        "Alerts",
        f"""
        SELECT severity AS "Severity", {WHO} AS "Robot",
        {alert_sql()} AS "Alert", {STANDING} AS "State", began_at AS "Since",
        round(value::numeric, 1) || {unit_sql("metric")} AS "Value",
        round(threshold::numeric, 1) || {unit_sql("metric")} AS "Limit", source AS "Source",
        {alert_link_sql("began_at")} AS "link"
        FROM grafana.alerts a LEFT JOIN grafana.alert_attention t USING (id)
        WHERE {where} AND NOT resolved
        ORDER BY {severest_first()}, 5 DESC LIMIT 500
        """,
    )
    there = link("Show the robot at that time", "${__data.fields.link:raw}")
    return (
        look.listing(
            number,
            "Open alerts",
            "Alerts that are not resolved, critical ones first, newest first among equals; 500 at"
            " most. State says who looks after it, or why nobody is told. A click on the robot"
            " shows it from ten minutes before the alert began.",
            [query],
            span=span,
            height=height,
            empty="No open alerts",
        )
        .override_by_name("Severity", [words(look.SEVERITY), painted(), width(75)])
        .override_by_name("Robot", [there, prop("custom.minWidth", 95)])
        .override_by_name("Alert", [there, prop("custom.minWidth", 150)])
        .override_by_name("State", [prop("custom.minWidth", 110)])
        .override_by_name("Since", [prop("unit", "dateTimeFromNow"), width(125)])
        .override_by_name("Value", [width(72)])
        .override_by_name("Limit", [width(68)])
        .override_by_name("Source", [prop("custom.minWidth", 70)])
        .override_by_name("link", [look.HIDDEN])
    )


def _opened() -> timeseries.Panel:
    query = SQL(
        "Opened",
        f"""
        SELECT $__timeGroup(began_at, $__interval) AS "time", {BY_SEVERITY}
        FROM grafana.alerts WHERE {OPENED} GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    return shapes.counts(
        10,
        "Alerts that began",
        "How many alerts began in each interval, by the highest severity that they reached.",
        [query],
        colours=COLOURS,
        empty=EMPTY,
    )


def _times() -> timeseries.Panel:
    query = SQL(
        "Times",
        f"""
        SELECT $__timeGroup(began_at, $__interval) AS "time",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY {SEEN}) AS "Until acknowledged",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY {OVER}) AS "Until over"
        FROM grafana.alerts WHERE {OPENED} GROUP BY 1 ORDER BY 1
        """,
        "time_series",
    )
    panel = look.chart(
        11,
        "Time to acknowledge and to resolve",
        "Median time until alerts that began in each interval were acknowledged, and until they"
        " were over.",
        [query],
        unit="dthms",
        every="1m",
        gap=86_400,
        span=12,
        empty=EMPTY,
    )
    panel.override_by_name("Until acknowledged", [fixed(look.INFO)])
    panel.override_by_name("Until over", [fixed("purple")])
    return panel.max_data_points(shapes.BUCKETS).min(0).show_points(look.c.VisibilityMode.ALWAYS)


def _metrics() -> barchart.Panel:
    nouns = {rule.metric: rule.noun if rule.per_robot else rule.title for rule in RULES}
    cases = " ".join(f"WHEN '{metric}' THEN {sql_text(noun)}" for metric, noun in nouns.items())
    query = SQL(
        "Metrics",
        f"""
        SELECT CASE metric {cases} ELSE coalesce(rule_metric, alert_type) END AS "Metric",
        {NOT_NONE}
        FROM grafana.alerts WHERE {OPENED} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {NOISIEST}
        """,
    )
    return shapes.ranking(
        20,
        "Noisiest metrics",
        "What most alerts of the time range were about. A metric that fires often and is seldom"
        " acknowledged wants another limit: `tonypi thresholds suggest`.",
        query,
        by="Metric",
        colours=COLOURS,
        empty=EMPTY,
    )


def _robots() -> barchart.Panel:
    query = SQL(
        "Robots",
        f"""
        SELECT {WHO} AS "Robot", {NOT_NONE}
        FROM grafana.alerts WHERE {OPENED} GROUP BY robot_id, 1
        ORDER BY count(*) DESC, ({WHO}) {COUNTED} LIMIT {NOISIEST}
        """,
    )
    return shapes.ranking(
        21,
        "Noisiest robots",
        "The ten robots with the most alerts that began in the time range.",
        query,
        by="Robot",
        colours=COLOURS,
        empty=EMPTY,
    )


def _along() -> statetimeline.Panel:
    # A point at each beginning and end of the noisiest; between two nothing changes. Without one
    # this kind of panel shows words of Grafana's own, so what is empty is the name of a row.
    empty = "No alert was open in this time range"
    touches = "since <= $__timeTo() AND coalesce(until, $__timeTo()) >= $__timeFrom()"
    query = SQL(
        "Along",
        f"""
        WITH touched AS (SELECT coalesce(robot_id, '') AS id, {WHO} AS name, severity,
        id AS alert_id, greatest(since, $__timeFrom()) AS since,
        coalesce(until, 'infinity') AS until
        FROM grafana.alert_severities WHERE {ANY_ROBOT_SQL} AND {touches}),
        noisiest AS (SELECT id FROM touched GROUP BY id
        ORDER BY count(DISTINCT alert_id) DESC, id LIMIT {NOISIEST}),
        recent AS (SELECT * FROM touched WHERE id IN (SELECT id FROM noisiest)
        ORDER BY since DESC LIMIT 500),
        edges AS (SELECT id, name, since AS at FROM recent UNION
        SELECT id, name, until FROM recent WHERE until <= $__timeTo() UNION
        SELECT id, name, $__timeFrom()::timestamptz FROM recent UNION
        SELECT '', {sql_text(empty)}, $__timeFrom()::timestamptz WHERE NOT EXISTS
        (SELECT FROM recent))
        SELECT e.at AS "time", e.name AS "Robot", coalesce((SELECT severity FROM recent r
        WHERE r.id = e.id AND r.since <= e.at AND r.until > e.at
        ORDER BY {severest_first()} LIMIT 1), 'none') AS "State"
        FROM edges e ORDER BY 1, e.name {COUNTED}
        """,
    )
    panel = shapes.states(
        30,
        "Severity along time",
        "The severest alert that was open at each moment, for the ten robots with the most alerts"
        " in the time range and their last 500 changes.",
        query,
        colours={**look.SEVERITY, "none": look.CLEAR},
        span=24,
        height=9,
        empty=empty,
    )
    return panel.with_transformation(
        transformed(
            "partitionByValues", fields=["Robot"], keepFields=False, naming={"asLabels": True}
        )
    ).display_name("${__field.labels.Robot}")


def _timeline() -> table.Panel:
    query = SQL(
        "Timeline",
        f"""
        SELECT t.at AS "At", t.severity AS "Severity", {WHO} AS "Robot", {alert_sql()} AS "Alert",
        t.kind AS "What", t.actor AS "Who", t.note AS "Note",
        round(t.value::numeric, 1) || {unit_sql("t.metric")} AS "Value",
        {alert_link_sql("began_at")} AS "link"
        FROM (SELECT id, alert_id, metric, at, kind, severity, value, actor, note
        FROM grafana.alert_timeline
        WHERE {ANY_ROBOT_SQL} AND $__timeFilter(at) ORDER BY at DESC LIMIT 200) t
        JOIN (SELECT id, robot_id, robot_name, title, began_at FROM grafana.alerts) a
        ON a.id = t.alert_id
        ORDER BY t.at DESC, t.id DESC
        """,
    )
    there = link("Show the robot at that time", "${__data.fields.link:raw}")
    return (
        look.listing(
            31,
            "Timeline",
            "What happened to alerts in the time range, the newest first: opened, raised,"
            " acknowledged, resolved, and by whom; 200 at most.",
            [query],
            span=24,
            height=9,
            empty="Nothing happened to an alert in this time range",
        )
        .override_by_name("At", [prop("unit", "dateTimeAsLocal"), width(190)])
        .override_by_name("Severity", [words(look.SEVERITY), painted(), width(90)])
        .override_by_name("Robot", [there, width(170)])
        .override_by_name("What", [width(130)])
        .override_by_name("Who", [width(120)])
        .override_by_name("Value", [width(100)])
        .override_by_name("link", [look.HIDDEN])
    )

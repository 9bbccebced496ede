"""Pipeline: the parts that carry readings and events, what they received, stored and refused."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.builders import stat, timeseries

from . import look
from . import pipeline_queue as queue
from . import pipeline_records as records
from .annotations import changes
from .board import board
from .look import fixed, prop, steps
from .queries import SQL, InfluxQL

UID = "tonypi-pipeline"
WRITES = "\"output\" = 'influxdb_v2'"
LATE = 30
"""Seconds after which what should happen all the time is late."""


def dashboard() -> db.Dashboard:
    return (
        board(UID, "Broker, Telegraf, InfluxDB, PostgreSQL, glue, Grafana: do they work?", "fleet")
        .annotation(changes())
        .with_panel(_broker())
        .with_panel(_telegraf())
        .with_panel(_influxdb())
        .with_panel(_postgresql())
        .with_panel(_glue())
        .with_panel(_grafana())
        .with_panel(queue.now())
        .with_row(db.Row("Received, stored, waiting").id(100))
        .with_panel(_flow())
        .with_panel(_waiting())
        .with_panel(queue.lag())
        .with_row(db.Row("Refused").id(101))
        .with_panel(records.refused())
        .with_panel(records.refused_readings())
        .with_panel(records.refused_events())
        .with_panel(records.clocks())
        .with_row(db.Row("Loops, tables, notifications").id(102))
        .with_panel(records.loops())
        .with_panel(records.tables())
        .with_panel(records.notifications())
    )


def _broker_value(ref: str, title: str, topic: str) -> InfluxQL:
    # The broker says a value again only when it has changed.
    return InfluxQL(
        ref,
        f'SELECT last("value") AS "{title}" FROM "broker" WHERE "topic" =~ /{topic}$/'
        " AND time >= ${__to}ms - 7d AND time <= ${__to}ms",
    )


def _broker() -> stat.Panel:
    return look.figures(
        1,
        "Broker",
        "Age of our own heartbeat through the broker: above half a minute, states and silences are"
        " old. Connections and messages that it keeps for sessions (retained ones included), as it"
        " says itself.",
        [
            SQL("Age", 'SELECT floor(age_s) AS "Heartbeat, ago" FROM grafana.events_age'),
            _broker_value("Clients", "Connections", "clients.connected"),
            _broker_value("Kept", "Kept messages", "store.messages.count"),
        ],
        fields="/^(Heartbeat, ago|Connections|Kept messages)$/",
        span=8,
        empty="unknown",
    ).override_by_name("Heartbeat, ago", _age())


def _age() -> list[look.Property]:
    return [
        prop("unit", "s"),
        prop("decimals", 0),
        prop("color", {"mode": "thresholds"}),
        steps((None, look.FINE), (LATE / 2, look.WARNING), (LATE, look.CRITICAL)),
    ]


def _telegraf() -> stat.Panel:
    buffer = InfluxQL(
        "Buffer",
        'SELECT 100 * last("buffer_size") / last("buffer_limit") AS "Buffer"'
        f' FROM "internal_write" WHERE {WRITES} AND $timeFilter',
    )
    lost = InfluxQL(
        "Lost",
        'SELECT sum("d") + sum("r") AS "Lost points" FROM (SELECT'
        ' non_negative_difference("metrics_dropped") AS "d",'
        ' non_negative_difference("metrics_rejected") AS "r" FROM "internal_write"'
        f" WHERE {WRITES} AND $timeFilter) WHERE $timeFilter",
    )
    stored = InfluxQL(
        "Stored",
        'SELECT sum("d") AS "Points stored" FROM (SELECT'
        ' non_negative_difference("metrics_written") AS "d" FROM "internal_write"'
        f" WHERE {WRITES} AND $timeFilter) WHERE $timeFilter",
    )
    panel = look.figures(
        2,
        "Telegraf",
        "Points in its buffer, as a share of what fits; points that it handed to InfluxDB in the"
        " time range, and those that it dropped or InfluxDB rejected, which are lost. What it"
        " refused stands below with the reasons.",
        [buffer, stored, lost],
        fields="/^(Buffer|Points stored|Lost points)$/",
        span=8,
        empty="nothing reported",
    )
    panel.override_by_name(
        "Buffer", [prop("unit", "percent"), prop("decimals", 0), prop("noValue", "unknown")]
    )
    panel.override_by_name("Points stored", [prop("unit", "short"), prop("decimals", 1)])
    return panel.override_by_name("Lost points", look.when_any(look.CRITICAL))


def _influxdb() -> stat.Panel:
    age = SQL("Age", 'SELECT floor(age_s) AS "Without new points" FROM grafana.metrics_age')
    write = InfluxQL(
        "Write",
        'SELECT last("write_time_ns") / 1000000 AS "A write takes" FROM "internal_write"'
        f" WHERE {WRITES} AND $timeFilter",
    )
    errors = InfluxQL(
        "Errors",
        'SELECT sum("e") AS "Failed writes" FROM (SELECT non_negative_difference("errors") AS "e"'
        f' FROM "internal_write" WHERE {WRITES} AND $timeFilter) WHERE $timeFilter',
    )
    panel = look.figures(
        3,
        "InfluxDB",
        "Time without a new point of any robot, while one says that it is online; how long a write"
        " takes, and writes that failed in the time range, both as Telegraf sees them.",
        [age, write, errors],
        fields="/^(Without new points|A write takes|Failed writes)$/",
        span=8,
        empty="0",
    )
    panel.override_by_name("Without new points", _age())
    panel.override_by_name(
        "A write takes", [prop("unit", "ms"), prop("decimals", 1), prop("noValue", "unknown")]
    )
    return panel.override_by_name("Failed writes", look.when_any(look.WARNING))


def _postgresql() -> stat.Panel:
    return (
        look.figures(
            4,
            "PostgreSQL",
            "Size of the database on disk; connections of all that may be open; share of reads that"
            " needed no disk.",
            [
                SQL(
                    "Database",
                    "SELECT size_bytes AS \"Size\", connections || ' of ' || connections_most AS"
                    ' "Connections", 100 * cache_hit AS "From memory" FROM grafana.database',
                )
            ],
            fields="/.*/",
            span=8,
            empty="unknown",
        )
        .override_by_name("Size", [prop("unit", "decbytes"), prop("decimals", 1)])
        .override_by_name("From memory", [prop("unit", "percent"), prop("decimals", 1)])
    )


def _glue() -> stat.Panel:
    query = SQL(
        "Glue",
        """
        SELECT coalesce((SELECT state FROM grafana.loops WHERE name = 'evaluator'), 'nobody')
        AS "Evaluates rules", count(*) FILTER (WHERE state IN ('queued', 'leased'))
        AS "To be sent", count(*) FILTER (WHERE state = 'given up' AND $__timeFilter(finished_at))
        AS "Given up"
        FROM grafana.notifications
        """,
    )
    return (
        look.figures(
            5,
            "Glue",
            "Who evaluates the alert rules: Grafana, or the glue's own standby. Notifications that"
            " wait to be sent, and those that were given up in the time range.",
            [query],
            fields="/.*/",
            span=8,
        )
        .override_by_name(
            "Evaluates rules",
            [look.words({"grafana": look.FINE, "standby": look.WARNING, "nobody": look.CRITICAL})],
        )
        .override_by_name("Given up", look.when_any(look.CRITICAL))
    )


def _grafana() -> stat.Panel:
    query = SQL(
        "Grafana",
        """
        SELECT (SELECT floor(age_s) FROM grafana.pull_age) AS "State read, ago",
        (SELECT floor(age_s) FROM grafana.webhook_age) AS "Posts failing for",
        coalesce((SELECT state FROM grafana.loops WHERE name = 'sync'), 'never compared')
        AS "As declared"
        """,
    )
    return (
        look.figures(
            6,
            "Grafana",
            "How long ago the glue last read the state of alerts in Grafana; for how long Grafana's"
            " own posts to the glue have failed; whether users, folders and files are in Grafana as"
            " declared (`tonypi sync status`).",
            [query],
            fields="/.*/",
            span=8,
        )
        .override_by_name("State read, ago", _age())
        .override_by_name("Posts failing for", _age())
        .override_by_name(
            "As declared",
            [
                look.words(
                    {
                        "in step": look.FINE,
                        "conflicts": look.WARNING,
                        "failed": look.CRITICAL,
                        "never compared": look.ASIDE,
                    }
                )
            ],
        )
    )


def _flow() -> timeseries.Panel:
    def rate(ref: str, title: str, field: str, where: str, measurement: str) -> InfluxQL:
        # Between the counter's own points: between windows, the unfinished last one falls to 0.
        rates = (
            f'SELECT non_negative_derivative("{field}", 1s) AS "rate" FROM "{measurement}"'
            f" WHERE {where} AND $timeFilter"
        )
        return InfluxQL(
            ref,
            f'SELECT mean("rate") AS "{title}" FROM ({rates}) WHERE $timeFilter'
            " GROUP BY time($__interval) fill(none)",
            "time_series",
            "$col",
        )

    panel = look.chart(
        20,
        "Flow",
        "A second: messages that the broker took from robots and the glue, messages that Telegraf"
        " took from it, points that InfluxDB stored. One message becomes one to six points.",
        [
            rate(
                "Broker",
                "Messages to the broker",
                "value",
                '"topic" =~ /publish.messages.received$/',
                "broker",
            ),
            rate(
                "Telegraf",
                "Messages to Telegraf",
                "metrics_gathered",
                "\"input\" = 'mqtt_consumer' AND \"alias\" = ''",
                "internal_gather",
            ),
            rate("Stored", "Points stored", "metrics_written", WRITES, "internal_write"),
        ],
        unit="short",
        every="30s",
        gap=120,
        span=12,
        empty="Telegraf has reported nothing in this time range",
    )
    return panel.min(0).decimals(1)


def _waiting() -> timeseries.Panel:
    panel = look.chart(
        21,
        "Waiting",
        "Points in Telegraf's buffer and messages that the broker keeps: both grow while InfluxDB"
        " is away, and nothing is lost. How long a write takes on the right.",
        [
            InfluxQL(
                "Buffer",
                f'SELECT max("buffer_size") AS "In Telegraf" FROM "internal_write" WHERE {WRITES}'
                " AND $timeFilter GROUP BY time($__interval) fill(none)",
                "time_series",
                "$col",
            ),
            InfluxQL(
                "Kept",
                'SELECT max("value") AS "Kept by the broker" FROM "broker" WHERE'
                ' "topic" =~ /store.messages.count$/ AND $timeFilter'
                " GROUP BY time($__interval) fill(none)",
                "time_series",
                "$col",
            ),
            InfluxQL(
                "Write",
                'SELECT max("write_time_ns") / 1000000 AS "A write takes" FROM "internal_write"'
                f" WHERE {WRITES} AND $timeFilter GROUP BY time($__interval) fill(none)",
                "time_series",
                "$col",
            ),
        ],
        unit="short",
        every="10s",
        gap=120,
        span=12,
        empty="Telegraf has reported nothing in this time range",
    )
    panel.min(0).decimals(0).override_by_name("In Telegraf", [fixed(look.INFO)])
    panel.override_by_name("Kept by the broker", [fixed("orange")])
    return look.on_the_right(panel, "A write takes", "ms", 1)

"""What the Pipeline shows of the broker's queue: how long, how late, until when, and drops."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as cb
from grafana_foundation_sdk.builders import stat, timeseries

from glue.core.broker_queue import LATE_S

from . import look
from .look import prop, steps
from .queries import SQL, InfluxQL


def now() -> stat.Panel:
    query = SQL(
        "Queue",
        """
        SELECT lag_s AS "Readings, age", messages AS "Waiting", full_percent AS "Full",
        growth AS "Growth a second", minutes_left * 60 AS "Full in",
        coalesce(nullif(bound, ''), 'every part keeps up') AS "Does not keep up",
        dropped AS "Dropped", dropped_since AS "Since" FROM grafana.queue
        """,
    )
    panel = look.figures(
        7,
        "Queue",
        "Age of the newest readings that can be queried; messages that the broker keeps for its"
        " sessions, as a share of what one session's queue may hold, and how fast they grow; when"
        " it is full at that rate, and the part that does not keep up; messages that the broker"
        " dropped in a loss of the last quarter of an hour.",
        [query],
        fields="/.*/",
        span=24,
        height=5,
        empty="–",
    )
    # Two rows of four on a phone.
    panel.text(cb.VizTextDisplayOptions().title_size(12).value_size(16))
    limits = steps((None, look.FINE), (LATE_S / 2, look.WARNING), (LATE_S, look.CRITICAL))
    by_limits = prop("color", {"mode": "thresholds"})
    panel.override_by_name(
        "Readings, age", [prop("unit", "s"), prop("decimals", 0), by_limits, limits]
    )
    panel.override_by_name("Full", [prop("unit", "percent"), prop("decimals", 0)])
    panel.override_by_name("Waiting", [prop("unit", "short"), prop("decimals", 1)])
    panel.override_by_name("Growth a second", [prop("unit", "short"), prop("decimals", 0)])
    panel.override_by_name("Full in", [prop("unit", "s"), prop("decimals", 0)])
    panel.override_by_name("Since", [prop("unit", "dateTimeFromNow")])
    return panel.override_by_name("Dropped", look.when_any(look.CRITICAL))


def lag() -> timeseries.Panel:
    panel = look.chart(
        22,
        "How late readings come",
        "How long our own heartbeat waited in the broker's queue before Telegraf took it: as long"
        " as readings of the same moment.",
        [
            InfluxQL(
                "Lag",
                'SELECT max("lag_s") AS "In the queue" FROM "pipeline" WHERE $timeFilter'
                " GROUP BY time($__interval) fill(none)",
                "time_series",
                "$col",
            )
        ],
        unit="s",
        every="10s",
        gap=120,
        span=24,
        height=6,
        empty="Telegraf has stored no heartbeat of ours in this time range",
    )
    return panel.min(0).decimals(1)

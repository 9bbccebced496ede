"""Rules on what carries the readings: silent robots, wrong clocks, and the pipeline's own parts.

Their limits are facts of the design, not of a fleet, so they stand here; how long a robot may be
silent is a setting, which comes with the reading.
"""

from __future__ import annotations

from glue.core.broker_queue import LATE_S
from glue.core.metrics import Direction, Severity
from glue.core.rule import Rule, SeriesReading, TableReading

EVENTS_STOPPED_AFTER = 15
"""Seconds without our own heartbeat through the broker; for as long again, so that the moment in
which everything starts is not taken for a standstill."""

STALE_AFTER = 60
"""Seconds after which a part that should work at every moment is said to stand still."""

CLOCK_OFF = 60
"""Seconds between a robot's time and the arrival of its message."""

REFUSED = 10
"""Messages or fields that Telegraf refused within a rule's window: fewer are a robot's hiccup."""

FULL_IN = 15
"""Minutes until the broker's queue is full, at the rate at which it grows."""

NEVER_FULL = 1440
"""Minutes; said while the queue does not grow."""

FLEET_PANEL = ("tonypi-fleet", 2)
QUEUE_PANEL = ("tonypi-pipeline", 7)

ROBOT_SILENT = Rule(
    uid="tonypi-robot-silent",
    title="Robot silent",
    metric="silence",
    severity="critical",
    alert_type="network",
    direction="high",
    unit="s",
    reading=TableReading("SELECT robot_id, silent_s FROM grafana.silence"),
    limit_sql="SELECT robot_id, silent_after FROM grafana.silence",
    recovery_sql="SELECT robot_id, silent_after / 2 FROM grafana.silence",
    pending=0,
    noun="Silence",
    dashboard=FLEET_PANEL[0],
    panel=FLEET_PANEL[1],
)

ROBOT_CLOCK_OFF = Rule(
    uid="tonypi-robot-clock-off",
    title="Robot clock off",
    metric="clock",
    severity="warning",
    alert_type="system",
    direction="high",
    unit="s",
    reading=SeriesReading(
        'SELECT abs("v") AS "v" FROM (SELECT last("offset_s") AS "v" FROM "clock"'
        ' WHERE $timeFilter GROUP BY "robot_id") WHERE $timeFilter GROUP BY "robot_id"',
        "clock",
        "offset_s",
    ),
    limit_sql=f"SELECT robot_id, {CLOCK_OFF}::float8 AS limit_value FROM grafana.watched",
    recovery_sql=f"SELECT robot_id, {CLOCK_OFF / 2}::float8 AS recovery_value FROM grafana.watched",
    pending=0,
    noun="Distance of the robot's clock from ours",
    dashboard=FLEET_PANEL[0],
    panel=FLEET_PANEL[1],
)


def _of_stack(
    uid: str,
    title: str,
    metric: str,
    severity: Severity,
    noun: str,
    reading: SeriesReading | TableReading,
    limit: float,
    unit: str = "s",
    pending: float = 0,
    direction: Direction = "high",
    panel: tuple[str, int] = FLEET_PANEL,
) -> Rule:
    recovery = limit / 2 if direction == "high" else limit * 2
    return Rule(
        uid=f"tonypi-{uid}",
        title=title,
        metric=metric,
        severity=severity,
        alert_type="system",
        direction=direction,
        unit=unit,
        reading=reading,
        limit_sql=f"SELECT {limit}::float8 AS limit_value",
        recovery_sql=f"SELECT {recovery}::float8 AS recovery_value",
        pending=pending,
        noun=noun,
        dashboard=panel[0],
        panel=panel[1],
    )


EVENTS_STOPPED = _of_stack(
    "events-stopped",
    "Events stopped",
    "events",
    "critical",
    "Age of the last heartbeat through the broker",
    TableReading("SELECT age_s FROM grafana.events_age"),
    EVENTS_STOPPED_AFTER,
    pending=EVENTS_STOPPED_AFTER,
)

METRICS_STOPPED = _of_stack(
    "metrics-stopped",
    "Metrics stopped",
    "metrics",
    "critical",
    "Time without a new point of any robot",
    TableReading("SELECT age_s FROM grafana.metrics_age"),
    STALE_AFTER,
)

# Counters of Telegraf begin at 0 when it starts: a fall is no loss.
TELEGRAF_LOSES = _of_stack(
    "telegraf-loses",
    "Telegraf loses points",
    "telegraf",
    "critical",
    "Points that Telegraf dropped or InfluxDB rejected in 15 minutes",
    SeriesReading(
        'SELECT sum("d") + sum("r") FROM (SELECT non_negative_difference("metrics_dropped") AS "d",'
        ' non_negative_difference("metrics_rejected") AS "r" FROM "internal_write"'
        " WHERE $timeFilter AND \"output\" = 'influxdb_v2') WHERE $timeFilter",
        "internal_write",
        "metrics_dropped",
    ),
    0.5,
    "points",
)

MESSAGES_DROPPED = _of_stack(
    "messages-dropped",
    "Messages dropped",
    "dropped",
    "critical",
    "Messages that the broker dropped, its queue being full,",
    TableReading("SELECT dropped FROM grafana.queue"),
    0.5,
    "messages",
    panel=QUEUE_PANEL,
)

QUEUE_FILLS = _of_stack(
    "queue-fills",
    "Queue fills",
    "queue",
    "critical",
    "Time until the broker's queue is full and messages are dropped",
    TableReading(f"SELECT coalesce(minutes_left, {NEVER_FULL}) AS minutes FROM grafana.queue"),
    FULL_IN,
    "min",
    # A restart of InfluxDB is over by then; 2,000 robots and nobody to read fill it in 88 s.
    pending=20,
    direction="low",
    panel=QUEUE_PANEL,
)

READINGS_LATE = _of_stack(
    "readings-late",
    "Readings late",
    "lag",
    "warning",
    "Age of the newest readings",
    TableReading("SELECT late_s FROM grafana.queue"),
    LATE_S,
    # After a stop, what waited is soon worked off.
    pending=30,
    panel=QUEUE_PANEL,
)

MESSAGES_REFUSED = _of_stack(
    "messages-refused",
    "Messages refused",
    "refused",
    "warning",
    "Messages or fields refused in 15 minutes",
    SeriesReading('SELECT sum("count") FROM "refused" WHERE $timeFilter', "refused", "count"),
    REFUSED,
    "messages",
)

REGISTRATIONS_LIMITED = _of_stack(
    "registrations-limited",
    "Registrations limited",
    "registration",
    "warning",
    "Messages of robots beyond the limits of registration",
    TableReading("SELECT messages FROM grafana.registrations_limited"),
    0.5,
    "messages",
)


def _stale(metric: str, title: str, noun: str) -> Rule:
    """A loop of the glue that has not done its work: ``grafana.<metric>_age`` says for how long.

    Right after a start the last look is as old as the stop was long, and posts to a glue that was
    away have failed; the next ones, some seconds later, succeed.
    """
    reading = TableReading(f"SELECT age_s FROM grafana.{metric}_age")
    pending = STALE_AFTER * 2 / 3
    return _of_stack(
        f"{metric}-stale", title, metric, "warning", noun, reading, STALE_AFTER / 3, pending=pending
    )


PULL_STALE = _stale("pull", "Grafana's state not read", "Time since Grafana's state was last read")
WEBHOOK_STALE = _stale(
    "webhook", "Grafana's posts fail", "Time that Grafana's posts to the glue have been failing"
)
LIMITS_STALE = _stale(
    "limits",
    "Limits not written",
    "Time that the rules' limits have not been written to InfluxDB",
)

NOTIFICATIONS_LATE = _of_stack(
    "notifications-late",
    "Notifications late",
    "notifications",
    "warning",
    "Time that the oldest notification has been due and is not delivered",
    TableReading("SELECT age_s FROM grafana.notifications_age"),
    STALE_AFTER * 5,
)

PIPELINE_RULES = (
    ROBOT_SILENT,
    ROBOT_CLOCK_OFF,
    EVENTS_STOPPED,
    METRICS_STOPPED,
    TELEGRAF_LOSES,
    MESSAGES_DROPPED,
    QUEUE_FILLS,
    READINGS_LATE,
    MESSAGES_REFUSED,
    REGISTRATIONS_LIMITED,
    PULL_STALE,
    WEBHOOK_STALE,
    LIMITS_STALE,
    NOTIFICATIONS_LATE,
)

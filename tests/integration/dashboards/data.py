"""The known fleet itself: its points, rows, alerts, jobs and log lines."""

from __future__ import annotations

from typing import Any

import psycopg

from glue.settings import Settings
from tests.influx import write_points

LOOKED_AT = "panel.1"
"""Its dot is what a careless regular expression or quotation gets wrong."""
LOOK_ALIKE = "panelX1"

SINCE, UNTIL = -600, 240
"""The time range that is looked at."""


def points(settings: Settings, base: int) -> None:
    one, two, three = f"robot_id={LOOKED_AT}", f"robot_id={LOOK_ALIKE}", "robot_id=panel:3"
    lines = [
        (0, f"performance,{one} cpu_percent=40,memory_percent=50,cpu_temperature=55"),
        (1, f"performance,{one} cpu_percent=60,memory_percent=49,cpu_temperature=56"),
        (20, f"performance,{one} cpu_percent=45,memory_percent=51,cpu_temperature=54"),
        # A clock that is fast, and one that is too fast to be believed.
        (UNTIL + 30, f"performance,{one} cpu_percent=57,memory_percent=52,cpu_temperature=53"),
        (UNTIL + 90, f"performance,{one} cpu_percent=5,memory_percent=5,cpu_temperature=5"),
        (0, f"performance,{two} cpu_percent=99,memory_percent=91,cpu_temperature=71"),
        (0, f"performance,{three} cpu_percent=12,memory_percent=13,cpu_temperature=95"),
        (-300, f"battery,{one} percentage=90,voltage=12,charging=false"),
        (0, f"battery,{one} percentage=80,voltage=11.5,charging=false"),
        (30, f"battery,{one} percentage=79,voltage=11.4,current=-0.9,charging=false"),
        (0, f"battery,{two} percentage=10,voltage=10,charging=false"),
        (30, f"battery,{two} percentage=15,voltage=10.1,charging=true"),
        (0, f"battery,{three} percentage=25,voltage=10.5,charging=false"),
        (0, f"servos,{one},servo_id=servo_1 temperature=41,position=1.5,voltage=4.9,load=12"),
        (1, f"servos,{one},servo_id=servo_1 temperature=44,position=2.5,voltage=4.8,load=11"),
        (0, f"servos,{one},servo_id=servo_2 temperature=62,position=-3,voltage=5"),
        (3, f"servos,{one},servo_id=servo_2 temperature=61,position=-4,voltage=5.1"),
        # Before what counts as newest: 99 °C, and nobody looks at it.
        (UNTIL - 1000, f"servos,{three},servo_id=servo_1 temperature=99"),
        (0, f"servos,{two},servo_id=servo_1 temperature=76,position=9,voltage=3,load=90"),
        (0, f"imu,{one} accel_x=0.1,accel_y=0.2,accel_z=9.8,gyro_x=1,gyro_y=2,gyro_z=3"),
        (1, f"imu,{one} accel_x=0.3,accel_y=0.4,accel_z=9.6,gyro_x=3,gyro_y=4,gyro_z=5"),
        # It falls over, and is set up again.
        (40, f"imu,{one} accel_x=9.8,accel_y=0,accel_z=0"),
        (60, f"imu,{one} accel_x=0,accel_y=0,accel_z=9.8,mag_x=20,mag_y=1,mag_z=-40"),
        (0, f"imu,{two} accel_x=7,accel_y=7,accel_z=7,gyro_x=7,gyro_y=7,gyro_z=7"),
        (0, f"location,{one} x=1,y=2,z=0"),
        (2, f"location,{one} x=2,y=4,z=0"),
        (10, f"location,{one} x=4.5,y=7,z=0"),
        (0, f"location,{two} x=9,y=9,z=9"),
        (0, "refused,topic=tonypi/sensors/x,reason=not_json count=2i"),
        (9, "refused,topic=tonypi/battery,reason=missing_id count=1i"),
        (0, f"clock,{one},reason=ok count=1i,offset_s=0.5"),
        (0, f"clock,{two},reason=behind count=1i,offset_s=-900"),
        (5, f"clock,{two},reason=behind count=1i,offset_s=-900"),
        *_of_telegraf(),
    ]
    own = settings.influx
    write_points(own, (f"{line} {base + second}" for second, line in lines), token=own.token)


def _of_telegraf() -> list[tuple[int, str]]:
    """Its own counters half a minute apart, and the broker's that it passes on."""
    own = "internal_write,output=influxdb_v2"
    gathered = "internal_gather,input=mqtt_consumer"
    broker = "broker,topic=$SYS/broker"
    return [
        (0, f"{broker}/clients/connected value=4"),
        (0, f"{broker}/store/messages/count value=12"),
        (0, f"{broker}/publish/messages/received value=1000"),
        (30, f"{broker}/publish/messages/received value=1300"),
        (0, "pipeline lag_s=40.5"),
        (30, "pipeline lag_s=2"),
        (0, f"{gathered} metrics_gathered=500i"),
        (30, f"{gathered} metrics_gathered=800i"),
        (0, f"{gathered},alias=broker metrics_gathered=90i"),
        (30, f"{gathered},alias=broker metrics_gathered=900i"),
        (
            0,
            f"{own} buffer_size=0i,buffer_limit=210000i,metrics_written=1000i,metrics_dropped=0i,"
            "metrics_rejected=0i,errors=0i,write_time_ns=2000000i",
        ),
        (
            30,
            f"{own} buffer_size=210i,buffer_limit=210000i,metrics_written=1900i,metrics_dropped=2i,"
            "metrics_rejected=1i,errors=1i,write_time_ns=3000000i",
        ),
    ]


ROBOTS = """
INSERT INTO robots (robot_id, name, status, last_seen, heard_at, registration, emergency_stopped,
                    is_active, ip_address, camera_url, location, description)
VALUES ('panel.1', 'Twin', 'online', now() - interval '5 s', 995, 'accepted', false, true,
        '10.0.0.1', 'http://10.0.0.1/cam', '{"x": 1, "y": 2.5, "z": 0}', 'by the door'),
       ('panelX1', 'Twin', 'offline', now() - interval '1 h', 10, 'accepted', true, true,
        NULL, 'javascript:alert(1)', '{"x": 7, "y": 1}', NULL),
       ('panel:3', 'Third', 'maintenance', now(), 999, 'accepted', false, true,
        NULL, NULL, '{"x": 4, "y": -1}', NULL),
       ('panel-4', 'Fourth', 'error', now(), 999, 'accepted', false, true,
        NULL, NULL, NULL, NULL),
       ('panel-new', NULL, 'online', now(), 999, 'pending', false, true, NULL, NULL, NULL, NULL),
       ('panel-no', 'No', 'online', now(), 999, 'refused', false, true, NULL, NULL, NULL, NULL),
       ('panel-old', 'Old 10', 'offline', now(), 1, 'accepted', false, false, NULL, NULL, NULL,
        NULL),
       ('panel-older', 'Old 2', 'offline', now(), 1, 'accepted', false, false, NULL, NULL, NULL,
        NULL);
UPDATE robots SET created_at = '2026-01-02T03:04:05Z';
INSERT INTO heartbeats (name, beat_at, listened, details)
VALUES ('events', now() - interval '7 s', 1000,
        '{"silent_after": 60, "address": "http://glue.test:8000"}'),
       ('evaluator', now(), 0, '{"evaluator": "grafana"}'),
       ('pull', now() - interval '90 s', 0, '{"posts_fail_of": 0}'),
       ('sync', now(), 0, '{"conflicts": ["team Ops: taken by root-account"]}'),
       ('retention', now(), 0, '{"errors": {}}'),
       ('limits', now() - interval '90 s', 0, '{"trouble": "refused"}'),
       -- Fresh for as long as a test takes.
       ('queue', now() + interval '1 day', 0, '{"lag_s": 40.5, "late_s": 40.5, "messages": 250000,
        "messages_limit": 1000000, "bytes": 1048576, "bytes_limit": 536870912, "growth": 5000,
        "minutes_left": 2.5, "bound": "Telegraf", "dropped": 12, "dropped_total": 20,
        "dropped_since": "2026-01-02T03:04:05+00:00", "dropped_last": "2126-01-02T03:04:05+00:00"}')
ON CONFLICT (name) DO UPDATE
   SET beat_at = EXCLUDED.beat_at, listened = EXCLUDED.listened, details = EXCLUDED.details;
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold)
VALUES ('panel.1', 'cpu', 50, 58);
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold, enabled)
VALUES ('panel.1', 'memory', 70, 80, false);
"""

ALERTS = """
INSERT INTO alerts (robot_id, metric, alert_type, severity, title, source, value, threshold,
                    starts_at, created_at, acknowledged, acknowledged_by, acknowledged_at,
                    resolved, resolved_at, resolve_reason)
VALUES ('panel.1', 'servo_temp', 'servo', 'warning', 'panel.1: servo temperature too high',
        'servo_2', 62, 60, %(b)s, %(b)s, true, 'anna', %(b)s + interval '90 s', false, NULL, NULL),
       ('panel.1', 'cpu', 'performance', 'critical', 'panel.1: CPU load too high', NULL, 60.04, 58,
        %(b)s - interval '2 min', %(b)s, false, NULL, NULL,
        true, %(b)s - interval '1 min', 'recovered'),
       ('panel.1', 'cpu', 'performance', 'warning', 'panel.1: long ago', NULL, 60, 58,
        %(b)s - interval '2 h', %(b)s - interval '2 h', false, NULL, NULL,
        true, %(b)s - interval '1 h', 'recovered'),
       ('panelX1', 'silence', 'network', 'critical', 'panelX1: robot silent', NULL, 990, 60,
        %(b)s + interval '1 min', %(b)s, false, NULL, NULL, false, NULL, NULL),
       (NULL, 'events', 'system', 'critical', 'Events stopped', NULL, 31, 30,
        %(b)s + interval '2 min', %(b)s, false, NULL, NULL, false, NULL, NULL);
INSERT INTO alert_occurrences (metric, robot_id, severity, starts_at, ended_at, origin, alert_id)
SELECT metric, robot_id, o.severity, %(b)s + o.since, %(b)s + o.until, 'push', id
  FROM alerts, (VALUES ('warning', interval '-120 s', interval '-60 s'),
                       ('critical', interval '-100 s', interval '-80 s'))
       AS o(severity, since, until)
 WHERE metric = 'cpu' AND alerts.severity = 'critical'
"""

TIMELINE = """
INSERT INTO alert_timeline (alert_id, at, kind, severity, value, origin, actor, note)
SELECT id, at, kind, 'warning', happened.value, happened.origin, actor, note
  FROM alerts, (VALUES (%(b)s, 'opened', 62, 'push', NULL, NULL),
                       (%(b)s + interval '90 s', 'acknowledged', NULL, 'person', 'anna', 'on it'))
       AS happened(at, kind, value, origin, actor, note)
 WHERE metric = 'servo_temp';
INSERT INTO notification_outbox (alert_id, transition_id, occasion, target_name, route_name,
                                 group_key, state, due_at, next_try_at, created_at, finished_at)
SELECT t.alert_id, t.id, 'opened', 'secret@example.org', 'all', 'g', how.state, t.at, t.at,
       t.at, how.finished_at
  FROM alert_timeline t, (VALUES ('delivered', %(b)s + interval '1 s'), ('queued', NULL),
                                 ('given up', %(b)s + interval '9 s')) AS how(state, finished_at)
 WHERE t.kind = 'opened'
"""

LOGS = """
INSERT INTO system_logs (level, category, robot_id, message, details, timestamp)
VALUES ('WARNING', 'auth', NULL, 'Nobody may see that anna failed', NULL, %(b)s),
       ('INFO', 'mqtt', 'panel.1', 'Heartbeat, up 7 s', NULL, %(b)s),
       ('WARNING', 'mqtt', 'panel.1', 'Servo 3 is hot', '{"source": "body"}',
        %(b)s + interval '10 s'),
       ('WARNING', 'mqtt', 'panel.1', 'Servo 12 is hot', NULL, %(b)s + interval '20 s'),
       ('ERROR', 'mqtt', 'panelX1', 'Not mine', NULL, %(b)s + interval '30 s'),
       ('INFO', 'api', NULL, 'anna changed a limit', NULL, %(b)s + interval '5 s');
INSERT INTO refused_messages (topic, reason, count, last_at, last_detail)
VALUES ('job', 'wrong_type', 3, %(b)s, 'a robot''s own words')
"""

JOBS = """
INSERT INTO jobs (robot_id, task_name, phase, status, reason, start_time, end_time, items_total,
                  items_done, percent_complete)
VALUES ('panel.1', 'Sort', 'picking', 'active', NULL, %(b)s, NULL, 20, 13, 65.4),
       ('panel.1', NULL, NULL, 'failed', 'blocked', %(b)s - interval '1 h',
        %(b)s - interval '50 min', NULL, 3, 30),
       ('panelX1', 'Other', NULL, 'active', NULL, %(b)s, NULL, 2, 1, 50);
INSERT INTO jobs (robot_id, task_name, status, reason, start_time, end_time, items_total,
                  items_done, percent_complete, details)
VALUES ('panel.1', 'Sort', 'completed', NULL, %(b)s - interval '400 s', %(b)s - interval '300 s',
        20, 20, 100, '{"estimated_duration": 80}'),
       ('panel.1', 'Sort', 'failed', 'item dropped', %(b)s - interval '200 s',
        %(b)s - interval '150 s', 20, 5, 25, '{"estimated_duration": 80}'),
       ('panelX1', 'Other', 'completed', NULL, %(b)s - interval '99 s', %(b)s - interval '9 s',
        1, 1, 100, '{"estimated_duration": 1e400}')
"""


def rows(conn: psycopg.Connection[Any], base: int) -> None:
    at = conn.execute("SELECT to_timestamp(%s)", [base]).fetchone()
    assert at is not None
    conn.execute(ROBOTS)
    for statement in (ALERTS, TIMELINE, JOBS, LOGS):
        for one in statement.split(";\n"):
            conn.execute(one, {"b": at[0]})

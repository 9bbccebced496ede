-- Columns and tables beyond the seven, and values where the plain shape allows none.
-- depends: 0001_tables

CREATE TABLE metrics (
    metric          varchar(50) PRIMARY KEY,
    direction       varchar(4) NOT NULL,
    unit            text NOT NULL,
    warning         double precision NOT NULL,
    critical        double precision NOT NULL,
    recovery_margin double precision NOT NULL,
    alert_type      varchar(50) NOT NULL,
    lowest          double precision NOT NULL,
    highest         double precision NOT NULL,
    CONSTRAINT metrics_direction CHECK (direction IN ('high', 'low')),
    CONSTRAINT metrics_margin CHECK (recovery_margin > 0),
    CONSTRAINT metrics_order CHECK ((direction = 'high') = (critical > warning) AND critical <> warning)
);
COMMENT ON TABLE metrics IS 'What is true of each metric with limits; as glue/core/metrics.py.';
COMMENT ON COLUMN metrics.direction IS 'Which side is bad.';
COMMENT ON COLUMN metrics.lowest IS 'A limit and its recovery limit lie strictly inside of lowest and highest: beyond them no reading could ever recover.';

INSERT INTO metrics VALUES
    ('cpu',         'high', '%',  70, 90, 5, 'performance', 0, 100),
    ('memory',      'high', '%',  75, 90, 5, 'performance', 0, 100),
    ('temperature', 'high', '°C', 70, 80, 3, 'temperature', -50, 200),
    ('battery',     'low',  '%',  20, 10, 2, 'battery', 0, 100),
    ('servo_temp',  'high', '°C', 60, 75, 3, 'servo', -50, 200);

ALTER TABLE alert_thresholds
    ADD COLUMN warning_recovery double precision,
    ADD COLUMN critical_recovery double precision;
COMMENT ON COLUMN alert_thresholds.warning_recovery IS 'NULL: the limit, metrics.recovery_margin to its safe side.';

ALTER TABLE robots
    ADD COLUMN registration varchar(20) NOT NULL DEFAULT 'accepted',
    ADD COLUMN clean_offline boolean NOT NULL DEFAULT false,
    ADD COLUMN heard_at double precision,
    ADD COLUMN time_zone varchar(64),
    ADD COLUMN system_info jsonb,
    ADD COLUMN emergency_stopped boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN robots.heard_at IS 'Listening-clock seconds when last heard; NULL: never.';
COMMENT ON COLUMN robots.clean_offline IS 'It said that it goes offline: no silence.';

ALTER TABLE jobs
    ADD COLUMN task_name text,
    ADD COLUMN phase text,
    ADD COLUMN reason text,
    ADD COLUMN details jsonb;

ALTER TABLE alerts
    ADD COLUMN metric varchar(50),
    ADD COLUMN rule_uid text,
    ADD COLUMN fingerprint text,
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN resolved_by text,
    ADD COLUMN resolve_reason text,
    ADD COLUMN comment text,
    ADD COLUMN origin varchar(20);

CREATE TABLE alert_timeline (
    id        bigserial PRIMARY KEY,
    alert_id  integer NOT NULL REFERENCES alerts ON DELETE CASCADE,
    at        timestamptz NOT NULL DEFAULT now(),
    kind      text NOT NULL,
    severity  varchar(20),
    value     double precision,
    threshold double precision,
    source    text,
    origin    varchar(20),
    actor     text,
    note      text,
    details   jsonb
);
COMMENT ON TABLE alert_timeline IS 'What happened to each alert, in order.';
CREATE INDEX alert_timeline_alert_at ON alert_timeline (alert_id, at);

CREATE TABLE alert_instances (
    metric      varchar(50) NOT NULL,
    robot_id    varchar(50) NOT NULL DEFAULT '',
    severity    varchar(20) NOT NULL,
    firing      boolean NOT NULL,
    starts_at   timestamptz,
    ended_at    timestamptz,
    seen_at     timestamptz,
    fingerprint text,
    origin      varchar(20),
    alert_id    integer REFERENCES alerts ON DELETE SET NULL,
    PRIMARY KEY (metric, robot_id, severity)
);
COMMENT ON TABLE alert_instances IS 'What each rule last said of each robot; robot_id is empty for the stack as a whole.';
CREATE INDEX alert_instances_alert_id ON alert_instances (alert_id);
CREATE INDEX alert_instances_robot_id ON alert_instances (robot_id);

CREATE TABLE heartbeats (
    name     varchar(50) PRIMARY KEY,
    beat_at  timestamptz,
    listened double precision NOT NULL DEFAULT 0,
    details  jsonb
);
COMMENT ON TABLE heartbeats IS 'Signs of life: events, pull, standby, webhook, evaluator.';
COMMENT ON COLUMN heartbeats.listened IS 'Seconds on the listening clock.';

CREATE TABLE refused_messages (
    topic       text NOT NULL,
    reason      varchar(50) NOT NULL,
    count       bigint NOT NULL DEFAULT 0,
    last_at     timestamptz,
    last_detail text,
    PRIMARY KEY (topic, reason)
);
COMMENT ON TABLE refused_messages IS 'Events that the glue refused, by topic and reason class.';

-- Rows of an older fleet may have NULL where the default was meant.
UPDATE users SET role = coalesce(role, 'viewer'), is_active = coalesce(is_active, true),
                 created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now())
 WHERE role IS NULL OR is_active IS NULL OR created_at IS NULL OR updated_at IS NULL;
UPDATE robots SET status = coalesce(status, 'offline'), is_active = coalesce(is_active, true),
                  battery_threshold_low = coalesce(battery_threshold_low, 20),
                  battery_threshold_critical = coalesce(battery_threshold_critical, 10),
                  temp_threshold_warning = coalesce(temp_threshold_warning, 70),
                  temp_threshold_critical = coalesce(temp_threshold_critical, 80),
                  created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now());
UPDATE jobs SET status = coalesce(status, 'active'), items_done = coalesce(items_done, 0),
                percent_complete = coalesce(percent_complete, 0),
                created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now());
UPDATE alerts SET acknowledged = coalesce(acknowledged, false),
                  acknowledged_at = CASE WHEN acknowledged THEN coalesce(acknowledged_at, created_at, now()) END,
                  resolved = coalesce(resolved, false),
                  resolved_at = CASE WHEN resolved THEN coalesce(resolved_at, created_at, now()) END,
                  created_at = coalesce(created_at, now());
UPDATE alert_thresholds SET enabled = coalesce(enabled, true), created_at = coalesce(created_at, now()),
                            updated_at = coalesce(updated_at, now());
UPDATE reports SET created_at = now() WHERE created_at IS NULL;
UPDATE system_logs SET timestamp = now() WHERE timestamp IS NULL;

ALTER TABLE users
    ALTER COLUMN id SET DEFAULT gen_random_uuid()::varchar(36),
    ALTER COLUMN role SET NOT NULL,
    ALTER COLUMN is_active SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL;
ALTER TABLE robots
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN is_active SET NOT NULL,
    ALTER COLUMN battery_threshold_low SET NOT NULL,
    ALTER COLUMN battery_threshold_critical SET NOT NULL,
    ALTER COLUMN temp_threshold_warning SET NOT NULL,
    ALTER COLUMN temp_threshold_critical SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL;
ALTER TABLE jobs
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN items_done SET NOT NULL,
    ALTER COLUMN percent_complete SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL;
ALTER TABLE alerts
    ALTER COLUMN acknowledged SET NOT NULL,
    ALTER COLUMN resolved SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL;
ALTER TABLE alert_thresholds
    ALTER COLUMN enabled SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL;
ALTER TABLE reports ALTER COLUMN created_at SET NOT NULL;
ALTER TABLE system_logs ALTER COLUMN timestamp SET NOT NULL;

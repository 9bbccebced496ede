-- Columns and tables beyond the seven, and values where the plain shape allows none.
-- depends: 0001a_older_shape

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
SELECT mend_column(t, c, d, format('%I IS NULL', c), 'empty: what the default means')
  FROM (VALUES
    ('users', 'role', $$'viewer'$$), ('users', 'is_active', 'true'),
    ('users', 'created_at', 'now()'), ('users', 'updated_at', 'coalesce(created_at, now())'),
    ('robots', 'status', $$'offline'$$), ('robots', 'is_active', 'true'),
    ('robots', 'battery_threshold_low', '20'), ('robots', 'battery_threshold_critical', '10'),
    ('robots', 'temp_threshold_warning', '70'), ('robots', 'temp_threshold_critical', '80'),
    ('robots', 'created_at', 'now()'), ('robots', 'updated_at', 'coalesce(created_at, now())'),
    ('jobs', 'status', $$CASE WHEN end_time IS NULL THEN 'active' WHEN percent_complete >= 100 THEN 'completed' ELSE 'failed' END$$),
    ('jobs', 'items_done', '0'), ('jobs', 'percent_complete', '0'),
    ('jobs', 'created_at', 'coalesce(start_time, now())'),
    ('jobs', 'updated_at', 'coalesce(end_time, created_at, now())'),
    ('alerts', 'acknowledged', 'acknowledged_at IS NOT NULL'),
    ('alerts', 'resolved', 'resolved_at IS NOT NULL'), ('alerts', 'created_at', 'now()'),
    ('alert_thresholds', 'enabled', 'true'), ('alert_thresholds', 'created_at', 'now()'),
    ('alert_thresholds', 'updated_at', 'coalesce(created_at, now())'),
    ('reports', 'created_at', 'now()'), ('system_logs', 'timestamp', 'now()')
  ) AS empty(t, c, d);

-- Without an end, a resolved alert would be shown as lasting for ever.
SELECT mend_column('alerts', 'resolved_at', 'greatest(created_at, acknowledged_at)',
                   'resolved AND resolved_at IS NULL', 'resolved, nobody wrote when');

-- Where only the case of the letters or a space around them is wrong, the meaning is certain.
SELECT mend_column(t, c, format('%s(btrim(%I))', f, c),
                   format('%1$I <> %2$s(btrim(%1$I)) AND %2$s(btrim(%1$I)) = ANY (%3$L)', c, f, words),
                   'only the case of the letters, or a space')
  FROM (VALUES
    ('users', 'role', 'lower', '{admin,operator,viewer}'),
    ('robots', 'status', 'lower', '{online,offline,error,maintenance}'),
    ('jobs', 'status', 'lower', '{active,completed,failed}'),
    ('alerts', 'alert_type', 'lower', '{temperature,battery,servo,system,network,performance}'),
    ('alerts', 'severity', 'lower', '{critical,warning,info}'),
    ('alert_thresholds', 'metric_type', 'lower', '{cpu,memory,temperature,battery,servo_temp}'),
    ('reports', 'report_type', 'lower', '{performance,job,system,battery,custom}'),
    ('system_logs', 'level', 'upper', '{INFO,WARNING,ERROR,CRITICAL}'),
    ('system_logs', 'category', 'lower', '{mqtt,api,database,system,auth,command}')
  ) AS cased(t, c, f, words);

-- Names that other programs of these robots use for the same quantity.
SELECT mend_column('alert_thresholds', 'metric_type', format('%L', metric),
                   format('lower(btrim(metric_type)) = ANY (%L)', names), 'another name of the same metric')
  FROM (VALUES
    ('cpu', '{cpu_percent,cpu_usage,cpu_load,system_cpu_percent}'),
    ('memory', '{memory_percent,memory_usage,system_memory_percent}'),
    ('temperature', '{cpu_temperature,cpu_temp,system_temperature}'),
    ('battery', '{battery_percentage,battery_percent,battery_level}'),
    ('servo_temp', '{servo_temperature}')
  ) AS other(metric, names);

-- One limit per robot and metric counts: the one changed last. The others stay, under a name that
-- is no metric, and so does one that is no number (no rule could use it).
SELECT mend_column('alert_thresholds', 'metric_type', $$left('superseded:' || id || ':' || metric_type, 50)$$, $$
           id IN (SELECT id FROM (
               SELECT id, row_number() OVER (PARTITION BY robot_id, metric_type
                                             ORDER BY updated_at DESC, id DESC) AS n
                 FROM alert_thresholds) x WHERE n > 1)$$, 'a newer row of the same robot and metric counts'),
       mend_column('alert_thresholds', 'metric_type', $$left('no number:' || id || ':' || metric_type, 50)$$, $$
           warning_threshold IN ('NaN', 'Infinity', '-Infinity')
           OR critical_threshold IN ('NaN', 'Infinity', '-Infinity')$$, 'a limit that is no number');

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

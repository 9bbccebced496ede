-- Where the plain shape leaves room for nonsense, the database says no. Names are <table>_<fact>:
-- glue/store turns them into errors for people. Then the indexes of the common reads.
-- depends: 0002_columns

ALTER TABLE users
    ADD CONSTRAINT users_role CHECK (role IN ('admin', 'operator', 'viewer')),
    ADD CONSTRAINT users_username CHECK (username = btrim(username) AND username <> ''),
    ADD CONSTRAINT users_email CHECK (email ~ '^[^@\s]+@[^@\s]+$');
-- Ada and ada are one person, whatever the case of the letters.
CREATE UNIQUE INDEX users_username_any_case ON users (lower(username));
CREATE UNIQUE INDEX users_email_any_case ON users (lower(email));

ALTER TABLE robots
    ADD CONSTRAINT robots_robot_id CHECK (robot_id ~ '^[A-Za-z0-9_.:-]{1,50}$'),
    ADD CONSTRAINT robots_status CHECK (status IN ('online', 'offline', 'error', 'maintenance')),
    ADD CONSTRAINT robots_registration CHECK (registration IN ('accepted', 'pending', 'refused')),
    ADD CONSTRAINT robots_location CHECK (jsonb_typeof(location) = 'object'),
    ADD CONSTRAINT robots_settings CHECK (jsonb_typeof(settings) = 'object');
-- A row is rewritten with every status it sends; room in the page keeps that off the indexes.
ALTER TABLE robots SET (fillfactor = 70);

ALTER TABLE jobs
    ADD CONSTRAINT jobs_robot_id CHECK (robot_id ~ '^[A-Za-z0-9_.:-]{1,50}$'),
    ADD CONSTRAINT jobs_status CHECK (status IN ('active', 'completed', 'failed')),
    ADD CONSTRAINT jobs_percent CHECK (percent_complete BETWEEN 0 AND 100),
    ADD CONSTRAINT jobs_items CHECK (items_done >= 0 AND items_total >= 0),
    ADD CONSTRAINT jobs_times CHECK (end_time >= start_time);
CREATE UNIQUE INDEX jobs_one_active ON jobs (robot_id) WHERE status = 'active';
CREATE INDEX jobs_robot_start ON jobs (robot_id, start_time DESC);

ALTER TABLE alerts
    ADD CONSTRAINT alerts_type CHECK (alert_type IN
        ('temperature', 'battery', 'servo', 'system', 'network', 'performance')),
    ADD CONSTRAINT alerts_severity CHECK (severity IN ('critical', 'warning', 'info')),
    ADD CONSTRAINT alerts_origin CHECK (origin IN ('push', 'pull', 'standby', 'person')),
    ADD CONSTRAINT alerts_acknowledged CHECK (NOT acknowledged OR acknowledged_at IS NOT NULL),
    ADD CONSTRAINT alerts_resolved CHECK (NOT resolved OR resolved_at IS NOT NULL);
-- An alert is an episode: one open row per metric and robot, whatever arrives twice.
CREATE UNIQUE INDEX alerts_one_open ON alerts (metric, (coalesce(robot_id, '')))
    WHERE NOT resolved AND metric IS NOT NULL;
CREATE INDEX alerts_robot_created ON alerts (robot_id, created_at DESC);

ALTER TABLE alert_timeline
    ADD CONSTRAINT alert_timeline_severity CHECK (severity IN ('critical', 'warning', 'info')),
    ADD CONSTRAINT alert_timeline_origin CHECK (origin IN ('push', 'pull', 'standby', 'person'));
ALTER TABLE alert_instances
    ADD CONSTRAINT alert_instances_severity CHECK (severity IN ('critical', 'warning', 'info'));

ALTER TABLE alert_thresholds
    ADD CONSTRAINT alert_thresholds_one_row UNIQUE NULLS NOT DISTINCT (robot_id, metric_type),
    ADD CONSTRAINT alert_thresholds_metric FOREIGN KEY (metric_type) REFERENCES metrics,
    ADD CONSTRAINT alert_thresholds_robot FOREIGN KEY (robot_id) REFERENCES robots (robot_id)
        ON DELETE CASCADE ON UPDATE CASCADE,
    -- Without its limit a recovery limit would be set against another level's limit.
    ADD CONSTRAINT alert_thresholds_recovery_alone CHECK (
        (warning_recovery IS NULL OR warning_threshold IS NOT NULL)
        AND (critical_recovery IS NULL OR critical_threshold IS NOT NULL));

ALTER TABLE reports
    ADD CONSTRAINT reports_type CHECK (report_type IN
        ('performance', 'job', 'system', 'battery', 'custom'));
CREATE INDEX reports_robot_created ON reports (robot_id, created_at DESC);

ALTER TABLE system_logs
    ADD CONSTRAINT system_logs_level CHECK (level IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    ADD CONSTRAINT system_logs_category CHECK (category IN
        ('mqtt', 'api', 'database', 'system', 'auth', 'command'));
CREATE INDEX system_logs_robot_timestamp ON system_logs (robot_id, timestamp DESC);

-- What compares a limit with its metric's direction needs the metrics table, so it is a trigger;
-- it raises what a CHECK would, with a constraint name of its own.
CREATE FUNCTION alert_thresholds_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    m metrics;
    bad double precision;
    side text;
BEGIN
    SELECT * INTO m FROM metrics WHERE metric = NEW.metric_type;
    IF NOT FOUND THEN
        RETURN NEW; -- the foreign key says no, and says it better
    END IF;
    bad := CASE m.direction WHEN 'high' THEN 1 ELSE -1 END;
    side := CASE m.direction WHEN 'high' THEN 'above' ELSE 'below' END;

    IF NEW.critical_threshold * bad <= NEW.warning_threshold * bad THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', TABLE = 'alert_thresholds',
            CONSTRAINT = 'alert_thresholds_order',
            MESSAGE = format('critical %s is not %s warning %s of %s',
                NEW.critical_threshold, side, NEW.warning_threshold, NEW.metric_type);
    END IF;
    IF NEW.warning_recovery * bad >= NEW.warning_threshold * bad
       OR NEW.critical_recovery * bad >= NEW.critical_threshold * bad THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', TABLE = 'alert_thresholds',
            CONSTRAINT = 'alert_thresholds_recovery',
            MESSAGE = format('a recovery limit of %s is not on the safe side of its limit: where the'
                ' limit is %s, the recovery limit is strictly %s', NEW.metric_type,
                concat_ws(' and ', NEW.warning_threshold, NEW.critical_threshold),
                CASE m.direction WHEN 'high' THEN 'lower' ELSE 'higher' END);
    END IF;
    -- NaN and infinities fall out here too. Recovery limits count with the margin that would apply.
    IF EXISTS (
        SELECT FROM unnest(ARRAY[
            NEW.warning_threshold, NEW.critical_threshold,
            coalesce(NEW.warning_recovery, NEW.warning_threshold - bad * m.recovery_margin),
            coalesce(NEW.critical_recovery, NEW.critical_threshold - bad * m.recovery_margin)
        ]) AS v WHERE NOT (v > m.lowest AND v < m.highest)) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', TABLE = 'alert_thresholds',
            CONSTRAINT = 'alert_thresholds_range',
            MESSAGE = format('limits of %s and their recovery limits (%s to the safe side unless'
                ' given) must lie strictly between %s and %s %s', NEW.metric_type,
                m.recovery_margin, m.lowest, m.highest, m.unit);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_thresholds_10_check BEFORE INSERT OR UPDATE ON alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION alert_thresholds_check();

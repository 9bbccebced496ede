-- Where the plain shape leaves room for nonsense, the database says no. Names are <table>_<fact>:
-- glue/store turns them into errors for people. Here: limits, what is new, and the indexes of the
-- common reads; what the older tables may hold is said in 0005a_checks. Constraints arrive NOT VALID,
-- so that no older row can stop an upgrade; post-apply-checks.sql validates each as soon as the rows
-- allow it, at once in a new database.
-- depends: 0002_columns

-- A row is rewritten with every status it sends; room in the page keeps that off the indexes.
ALTER TABLE robots SET (fillfactor = 70);

CREATE INDEX jobs_robot_start ON jobs (robot_id, start_time DESC);

-- An alert is an episode: one open row per metric and robot, whatever arrives twice.
CREATE UNIQUE INDEX alerts_one_open ON alerts (metric, (coalesce(robot_id, '')))
    WHERE NOT resolved AND metric IS NOT NULL;
CREATE INDEX alerts_robot_created ON alerts (robot_id, created_at DESC);

ALTER TABLE alert_timeline
    ADD CONSTRAINT alert_timeline_severity CHECK (severity IN ('critical', 'warning', 'info')) NOT VALID,
    ADD CONSTRAINT alert_timeline_origin CHECK (origin IN ('push', 'pull', 'standby', 'person')) NOT VALID;
ALTER TABLE alert_instances
    ADD CONSTRAINT alert_instances_severity CHECK (severity IN ('critical', 'warning', 'info')) NOT VALID;

ALTER TABLE alert_thresholds
    ADD CONSTRAINT alert_thresholds_one_row UNIQUE NULLS NOT DISTINCT (robot_id, metric_type),
    ADD CONSTRAINT alert_thresholds_metric FOREIGN KEY (metric_type) REFERENCES metrics NOT VALID,
    ADD CONSTRAINT alert_thresholds_robot FOREIGN KEY (robot_id) REFERENCES robots (robot_id)
        ON DELETE CASCADE ON UPDATE CASCADE NOT VALID,
    -- Without its limit a recovery limit would be set against another level's limit.
    ADD CONSTRAINT alert_thresholds_recovery_alone CHECK (
        (warning_recovery IS NULL OR warning_threshold IS NOT NULL)
        AND (critical_recovery IS NULL OR critical_threshold IS NOT NULL)) NOT VALID;

CREATE INDEX reports_robot_created ON reports (robot_id, created_at DESC);

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
    -- An older row may be wrong until it is repaired; what does not touch its limits goes on.
    IF TG_OP = 'UPDATE' AND (OLD.metric_type, OLD.warning_threshold, OLD.critical_threshold,
                             OLD.warning_recovery, OLD.critical_recovery) IS NOT DISTINCT FROM
                            (NEW.metric_type, NEW.warning_threshold, NEW.critical_threshold,
                             NEW.warning_recovery, NEW.critical_recovery) THEN
        RETURN NEW;
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

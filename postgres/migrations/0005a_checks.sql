-- What the tables may hold, and what is to be made of an older row that breaks a rule.
-- <table>_mended(row) gives the row as it should be; a sound row comes back unchanged. `tonypi db repair` shows the difference and writes it.
-- A write to such a row mends it on the way (a check that is NOT VALID still refuses the update of
-- an old mistake, and a robot must be able to report). The value as it was is always kept.
-- depends: 0005_changes

-- The id as topics and URLs can carry it; with the row's number where another robot has that one.
CREATE FUNCTION safe_robot_id(robot_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN robot_id ~ '^[A-Za-z0-9_.:-]{1,50}$' THEN robot_id
                ELSE coalesce(nullif(left(regexp_replace(btrim(robot_id), '[^A-Za-z0-9_.:-]', '_', 'g'), 50), ''),
                              'robot') END
$$;

CREATE FUNCTION robots_mended(r robots) RETURNS robots LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.robot_id <> safe_robot_id(r.robot_id) THEN
        IF EXISTS (SELECT FROM robots o WHERE o.id <> r.id AND safe_robot_id(o.robot_id) = safe_robot_id(r.robot_id)
                      AND (o.robot_id = safe_robot_id(o.robot_id) OR o.id < r.id)) THEN
            r.robot_id := left(safe_robot_id(r.robot_id), 38) || '_' || r.id;
        ELSE
            r.robot_id := safe_robot_id(r.robot_id);
        END IF;
    END IF;
    IF r.status NOT IN ('online', 'offline', 'error', 'maintenance') THEN
        r.status := 'offline';
    END IF;
    IF r.registration NOT IN ('accepted', 'pending', 'refused') THEN
        r.registration := 'pending';
    END IF;
    IF jsonb_typeof(r.location) <> 'object' THEN
        r.location := NULL;
    END IF;
    IF jsonb_typeof(r.settings) <> 'object' THEN
        r.settings := CASE jsonb_typeof(r.settings) WHEN 'null' THEN NULL
                                                    ELSE jsonb_build_object('value', r.settings) END;
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION jobs_mended(r jobs) RETURNS jobs LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.robot_id <> safe_robot_id(r.robot_id) THEN
        r.robot_id := safe_robot_id(r.robot_id);
    END IF;
    IF r.status NOT IN ('active', 'completed', 'failed') THEN
        r.reason := coalesce(r.reason, r.status);
        r.status := CASE WHEN lower(btrim(r.status)) IN ('complete', 'done', 'finished', 'success', 'succeeded')
                         THEN 'completed' ELSE 'failed' END;
    END IF;
    IF NOT r.percent_complete BETWEEN 0 AND 100 THEN
        r.percent_complete := CASE WHEN r.percent_complete > 100 AND r.percent_complete <> 'NaN'
                                   THEN 100 ELSE 0 END;
    END IF;
    r.items_done := greatest(r.items_done, 0);
    IF r.items_total < 0 THEN
        r.items_total := NULL;
    END IF;
    IF r.end_time < r.start_time THEN
        r.end_time := r.start_time;
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION alerts_mended(r alerts) RETURNS alerts LANGUAGE plpgsql STABLE AS $$
DECLARE
    said text;
BEGIN
    IF r.alert_type NOT IN ('temperature', 'battery', 'servo', 'system', 'network', 'performance') THEN
        said := lower(btrim(r.alert_type));
        r.alert_type := CASE
            WHEN said ~ 'servo' THEN 'servo' WHEN said ~ 'temp' THEN 'temperature'
            WHEN said ~ 'batt' THEN 'battery' WHEN said ~ 'cpu|mem|disk|perf' THEN 'performance'
            WHEN said ~ 'net|connect|offline' THEN 'network' ELSE 'system' END;
    END IF;
    IF r.severity NOT IN ('critical', 'warning', 'info') THEN
        said := lower(btrim(r.severity));
        r.severity := CASE
            WHEN said IN ('error', 'fatal', 'high', 'severe', 'emergency', 'alert', 'crit') THEN 'critical'
            WHEN said IN ('low', 'notice', 'debug', 'information', 'informational', 'ok') THEN 'info'
            ELSE 'warning' END;
    END IF;
    IF r.origin NOT IN ('push', 'pull', 'standby', 'person') THEN
        r.origin := NULL;
    END IF;
    IF r.acknowledged AND r.acknowledged_at IS NULL THEN
        r.acknowledged_at := r.created_at;
    END IF;
    IF r.resolved AND r.resolved_at IS NULL THEN
        r.resolved_at := greatest(r.created_at, r.acknowledged_at);
    END IF;
    IF jsonb_typeof(r.details) <> 'object' THEN
        r.details := CASE jsonb_typeof(r.details) WHEN 'null' THEN NULL
                                                  ELSE jsonb_build_object('value', r.details) END;
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION users_mended(r users) RETURNS users LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.role NOT IN ('admin', 'operator', 'viewer') THEN
        r.role := 'viewer'; -- never more than it was
    END IF;
    IF r.username <> btrim(r.username) OR r.username = '' THEN
        r.username := btrim(r.username);
        IF r.username = '' OR EXISTS (SELECT FROM users o
                                       WHERE o.id <> r.id AND lower(btrim(o.username)) = lower(r.username)) THEN
            r.username := concat_ws('_', nullif(left(r.username, 41), ''), left(r.id, 8));
        END IF;
    END IF;
    IF r.email !~ '^[^@\s]+@[^@\s]+$' THEN
        r.email := r.id || '@unknown.invalid';
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION reports_mended(r reports) RETURNS reports LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.report_type NOT IN ('performance', 'job', 'system', 'battery', 'custom') THEN
        r.report_type := 'custom';
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION system_logs_mended(r system_logs) RETURNS system_logs LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.level NOT IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL') THEN
        r.level := CASE upper(btrim(r.level)) WHEN 'WARN' THEN 'WARNING' WHEN 'FATAL' THEN 'CRITICAL'
                                              WHEN 'ERR' THEN 'ERROR' ELSE 'INFO' END;
    END IF;
    IF r.category NOT IN ('mqtt', 'api', 'database', 'system', 'auth', 'command') THEN
        r.category := 'system';
    END IF;
    RETURN r;
END $$;

-- A pair the wrong way round is turned where that makes limits; anything else falls to the next level.
CREATE FUNCTION alert_thresholds_mended(r alert_thresholds) RETURNS alert_thresholds LANGUAGE plpgsql STABLE AS $$
DECLARE
    m metrics;
    bad double precision;
    turned double precision;
BEGIN
    SELECT * INTO m FROM metrics WHERE metric = r.metric_type;
    IF NOT FOUND THEN
        RETURN r;
    END IF;
    bad := CASE m.direction WHEN 'high' THEN 1 ELSE -1 END;
    IF r.critical_threshold * bad < r.warning_threshold * bad THEN
        turned := r.warning_threshold;
        r.warning_threshold := r.critical_threshold;
        r.critical_threshold := turned;
        r.warning_recovery := NULL;
        r.critical_recovery := NULL;
    END IF;
    IF r.critical_threshold = r.warning_threshold OR EXISTS (
        SELECT FROM unnest(ARRAY[
            r.warning_threshold, r.critical_threshold,
            coalesce(r.warning_recovery, r.warning_threshold - bad * m.recovery_margin),
            coalesce(r.critical_recovery, r.critical_threshold - bad * m.recovery_margin)
        ]) AS v WHERE NOT (v > m.lowest AND v < m.highest)) THEN
        r.warning_threshold := NULL;
        r.critical_threshold := NULL;
        r.warning_recovery := NULL;
        r.critical_recovery := NULL;
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION mend_on_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD);
    wanted jsonb := to_jsonb(NEW);
    fit jsonb;
    part text;
    changed jsonb := '{}';
BEGIN
    EXECUTE format('SELECT to_jsonb(%I($1))', TG_TABLE_NAME || '_mended') INTO fit USING OLD;
    FOR part IN SELECT jsonb_object_keys(was) LOOP
        -- What this write sets by itself is judged by the constraints, like anything new.
        IF was -> part IS DISTINCT FROM fit -> part AND was -> part = wanted -> part THEN
            changed := changed || jsonb_build_object(part, fit -> part);
            INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
            VALUES (coalesce(nullif(current_setting('tonypi.by', true), ''), 'write'), TG_TABLE_NAME,
                    was ->> 'id', part, was -> part, fit -> part, 'breaks a rule of the table');
        END IF;
    END LOOP;
    NEW := jsonb_populate_record(NEW, changed);
    RETURN NEW;
END $$;
CREATE TRIGGER robots_05_mend BEFORE UPDATE ON robots FOR EACH ROW
    WHEN (robots_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();
CREATE TRIGGER jobs_05_mend BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (jobs_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();
CREATE TRIGGER alerts_05_mend BEFORE UPDATE ON alerts FOR EACH ROW
    WHEN (alerts_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();
CREATE TRIGGER users_05_mend BEFORE UPDATE ON users FOR EACH ROW
    WHEN (users_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();
CREATE TRIGGER reports_05_mend BEFORE UPDATE ON reports FOR EACH ROW
    WHEN (reports_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();
CREATE TRIGGER system_logs_05_mend BEFORE UPDATE ON system_logs FOR EACH ROW
    WHEN (system_logs_mended(OLD) IS DISTINCT FROM OLD) EXECUTE FUNCTION mend_on_write();

-- A robot whose id had to change keeps its history. Its limits follow by their foreign key.
CREATE FUNCTION robots_history_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET robot_id = NEW.robot_id WHERE robot_id = OLD.robot_id;
    UPDATE alerts SET robot_id = NEW.robot_id WHERE robot_id = OLD.robot_id;
    UPDATE reports SET robot_id = NEW.robot_id WHERE robot_id = OLD.robot_id;
    UPDATE system_logs SET robot_id = NEW.robot_id WHERE robot_id = OLD.robot_id;
    RETURN NULL;
END $$;
CREATE TRIGGER robots_20_history_follows AFTER UPDATE ON robots FOR EACH ROW
    WHEN (OLD.robot_id <> NEW.robot_id AND OLD.robot_id <> safe_robot_id(OLD.robot_id))
    EXECUTE FUNCTION robots_history_follows();

-- A database may have rules under these names already, whatever they say: ours take their place.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS in_table, conname FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace AND contype = 'c' AND conname = ANY (ARRAY[
                  'users_role', 'users_username', 'users_email', 'robots_robot_id',
                  'robots_status', 'robots_registration', 'robots_location', 'robots_settings',
                  'jobs_robot_id', 'jobs_status', 'jobs_percent', 'jobs_items', 'jobs_times',
                  'alerts_type', 'alerts_severity', 'alerts_details', 'alerts_origin',
                  'alerts_acknowledged', 'alerts_resolved', 'reports_type', 'system_logs_level',
                  'system_logs_category'])
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.in_table, c.conname);
    END LOOP;
END $$;

-- Names are <table>_<fact>: glue/store turns them into errors for people. In one transaction with
-- the triggers above: nobody who writes may meet the one without the other.
ALTER TABLE users
    ADD CONSTRAINT users_role CHECK (role IN ('admin', 'operator', 'viewer')) NOT VALID,
    ADD CONSTRAINT users_username CHECK (username = btrim(username) AND username <> '') NOT VALID,
    ADD CONSTRAINT users_email CHECK (email ~ '^[^@\s]+@[^@\s]+$') NOT VALID;
ALTER TABLE robots
    ADD CONSTRAINT robots_robot_id CHECK (robot_id ~ '^[A-Za-z0-9_.:-]{1,50}$') NOT VALID,
    ADD CONSTRAINT robots_status CHECK (status IN ('online', 'offline', 'error', 'maintenance')) NOT VALID,
    ADD CONSTRAINT robots_registration CHECK (registration IN ('accepted', 'pending', 'refused')) NOT VALID,
    ADD CONSTRAINT robots_location CHECK (jsonb_typeof(location) = 'object') NOT VALID,
    ADD CONSTRAINT robots_settings CHECK (jsonb_typeof(settings) = 'object') NOT VALID;
ALTER TABLE jobs
    ADD CONSTRAINT jobs_robot_id CHECK (robot_id ~ '^[A-Za-z0-9_.:-]{1,50}$') NOT VALID,
    ADD CONSTRAINT jobs_status CHECK (status IN ('active', 'completed', 'failed')) NOT VALID,
    ADD CONSTRAINT jobs_percent CHECK (percent_complete BETWEEN 0 AND 100) NOT VALID,
    ADD CONSTRAINT jobs_items CHECK (items_done >= 0 AND items_total >= 0) NOT VALID,
    ADD CONSTRAINT jobs_times CHECK (end_time >= start_time) NOT VALID;
ALTER TABLE alerts
    ADD CONSTRAINT alerts_type CHECK (alert_type IN
        ('temperature', 'battery', 'servo', 'system', 'network', 'performance')) NOT VALID,
    ADD CONSTRAINT alerts_severity CHECK (severity IN ('critical', 'warning', 'info')) NOT VALID,
    ADD CONSTRAINT alerts_details CHECK (jsonb_typeof(details) = 'object') NOT VALID,
    ADD CONSTRAINT alerts_origin CHECK (origin IN ('push', 'pull', 'standby', 'person')) NOT VALID,
    ADD CONSTRAINT alerts_acknowledged CHECK (NOT acknowledged OR acknowledged_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT alerts_resolved CHECK (NOT resolved OR resolved_at IS NOT NULL) NOT VALID;
ALTER TABLE reports
    ADD CONSTRAINT reports_type CHECK (report_type IN
        ('performance', 'job', 'system', 'battery', 'custom')) NOT VALID;
ALTER TABLE system_logs
    ADD CONSTRAINT system_logs_level CHECK (level IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL')) NOT VALID,
    ADD CONSTRAINT system_logs_category CHECK (category IN
        ('mqtt', 'api', 'database', 'system', 'auth', 'command')) NOT VALID;

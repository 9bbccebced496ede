-- updated_at, and a hint on the channel tonypi_changes for whoever holds a copy. NOTIFY is a hint:
-- a listener that was away reads the tables.
-- depends: 0004_limits

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER users_90_updated_at BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER jobs_90_updated_at BEFORE UPDATE ON jobs
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER alert_thresholds_90_updated_at BEFORE UPDATE ON alert_thresholds
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();
-- What a robot reports with every message (last_seen, heard_at, location, system_info) is no update
-- of its record.
CREATE TRIGGER robots_90_updated_at BEFORE UPDATE ON robots
    FOR EACH ROW WHEN (
        (OLD.robot_id, OLD.name, OLD.description, OLD.status, OLD.ip_address, OLD.camera_url,
         OLD.battery_threshold_low, OLD.battery_threshold_critical, OLD.temp_threshold_warning,
         OLD.temp_threshold_critical, OLD.settings, OLD.is_active, OLD.registration,
         OLD.clean_offline, OLD.time_zone, OLD.emergency_stopped) IS DISTINCT FROM
        (NEW.robot_id, NEW.name, NEW.description, NEW.status, NEW.ip_address, NEW.camera_url,
         NEW.battery_threshold_low, NEW.battery_threshold_critical, NEW.temp_threshold_warning,
         NEW.temp_threshold_critical, NEW.settings, NEW.is_active, NEW.registration,
         NEW.clean_offline, NEW.time_zone, NEW.emergency_stopped))
    EXECUTE FUNCTION touch_updated_at();

CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tonypi_changes', json_build_object(
        'table', TG_TABLE_NAME,
        'key', CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END ->> TG_ARGV[0])::text);
    RETURN NULL;
END $$;
CREATE TRIGGER users_95_notify AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION notify_change('username');
CREATE TRIGGER alert_thresholds_95_notify AFTER INSERT OR UPDATE OR DELETE ON alert_thresholds
    FOR EACH ROW EXECUTE FUNCTION notify_change('robot_id');
CREATE TRIGGER robots_95_notify AFTER INSERT OR DELETE ON robots
    FOR EACH ROW EXECUTE FUNCTION notify_change('robot_id');
CREATE TRIGGER robots_95_notify_update AFTER UPDATE ON robots
    FOR EACH ROW WHEN (OLD.updated_at IS DISTINCT FROM NEW.updated_at)
    EXECUTE FUNCTION notify_change('robot_id');

-- The first robot, never seen (no alert: it was never heard), and the limits that ship, as rows
-- that people can change. Older fleets keep theirs.
INSERT INTO robots (robot_id, name) VALUES ('tonypi_01', 'TonyPi 01') ON CONFLICT DO NOTHING;
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold)
SELECT NULL, metric, warning, critical FROM metrics
ON CONFLICT DO NOTHING;

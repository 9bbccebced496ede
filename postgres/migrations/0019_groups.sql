-- Robots belong to groups (a hall, a crew), by which routes, mutes and maintenance windows name them.
-- depends: 0017_notifications

CREATE FUNCTION group_names_are_good(names text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(name ~ '^[A-Za-z0-9_.:-]{1,50}$'), true) AND cardinality(names) <= 20
      FROM unnest(names) AS name
$$;

ALTER TABLE robots ADD COLUMN groups text[] NOT NULL DEFAULT '{}';
ALTER TABLE robots ADD CONSTRAINT robots_groups CHECK (group_names_are_good(groups)) NOT VALID;
COMMENT ON COLUMN robots.groups IS 'Names, at most 20; a group is there as long as a robot is in it.';
CREATE INDEX robots_groups_gin ON robots USING gin (groups);

-- As in 0010, with what is new here.
DROP TRIGGER robots_90_updated_at ON robots;
CREATE TRIGGER robots_90_updated_at BEFORE UPDATE ON robots
    FOR EACH ROW WHEN (
        (OLD.robot_id, OLD.name, OLD.description, OLD.status, OLD.ip_address, OLD.camera_url,
         OLD.battery_threshold_low, OLD.battery_threshold_critical, OLD.temp_threshold_warning,
         OLD.temp_threshold_critical, OLD.settings, OLD.is_active, OLD.registration,
         OLD.clean_offline, OLD.time_zone, OLD.emergency_stopped, OLD.removed_at,
         OLD.maintenance_until, OLD.maintenance_reason, OLD.groups) IS DISTINCT FROM
        (NEW.robot_id, NEW.name, NEW.description, NEW.status, NEW.ip_address, NEW.camera_url,
         NEW.battery_threshold_low, NEW.battery_threshold_critical, NEW.temp_threshold_warning,
         NEW.temp_threshold_critical, NEW.settings, NEW.is_active, NEW.registration,
         NEW.clean_offline, NEW.time_zone, NEW.emergency_stopped, NEW.removed_at,
         NEW.maintenance_until, NEW.maintenance_reason, NEW.groups))
    EXECUTE FUNCTION touch_updated_at();

ALTER TABLE notification_routes ADD COLUMN groups text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN notification_routes.groups IS 'Robots of any of these groups.';

-- Robots are removed without losing their history; a maintenance knows its reason and its end, and
-- is over at that moment even if nobody is there to say so. A robot's limit columns say nothing of
-- whether a metric is watched.
-- depends: 0008_sync

ALTER TABLE robots
    ADD COLUMN removed_at timestamptz,
    ADD COLUMN removed_by text,
    ADD COLUMN removed_active boolean,
    ADD COLUMN removed_heard_at timestamptz,
    ADD COLUMN maintenance_since timestamptz,
    ADD COLUMN maintenance_until timestamptz,
    ADD COLUMN maintenance_reason varchar(500),
    ADD COLUMN maintenance_by text;
COMMENT ON COLUMN robots.removed_at IS 'Since when the fleet does without it. Its history stays; it is not active.';
COMMENT ON COLUMN robots.removed_active IS 'Whether it was active before; a restored robot is that again.';
COMMENT ON COLUMN robots.removed_heard_at IS 'When it last sent something although it was removed.';
COMMENT ON COLUMN robots.maintenance_until IS 'The maintenance is over at this time; NULL: when somebody ends it.';

-- Whoever writes, and however: removed is inactive and out of maintenance, and a maintenance leaves
-- nothing behind.
CREATE FUNCTION robots_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := nullif(current_setting('tonypi.actor', true), '');
BEGIN
    IF NEW.removed_at IS NOT NULL AND OLD.removed_at IS NULL THEN
        NEW.removed_active := OLD.is_active;
        NEW.removed_by := who;
        NEW.removed_heard_at := NULL;
    ELSIF NEW.removed_at IS NULL AND OLD.removed_at IS NOT NULL THEN
        NEW.is_active := coalesce(OLD.removed_active, true);
        NEW.removed_active := NULL;
        NEW.removed_by := NULL;
        NEW.removed_heard_at := NULL;
    END IF;
    IF NEW.removed_at IS NOT NULL THEN
        NEW.is_active := false;
        NEW.status := 'offline';
    END IF;
    IF NEW.status <> 'maintenance' THEN
        NEW.maintenance_since := NULL;
        NEW.maintenance_until := NULL;
        NEW.maintenance_reason := NULL;
        NEW.maintenance_by := NULL;
    ELSIF OLD.status <> 'maintenance' OR OLD.maintenance_until <= now() THEN
        NEW.maintenance_since := now();
        NEW.maintenance_by := who;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER robots_15_state BEFORE UPDATE ON robots
    FOR EACH ROW WHEN (OLD.removed_at IS NOT NULL OR NEW.removed_at IS NOT NULL
                       OR OLD.status = 'maintenance' OR NEW.status = 'maintenance')
    EXECUTE FUNCTION robots_state();

-- As in 0005, with what is new here.
DROP TRIGGER robots_90_updated_at ON robots;
CREATE TRIGGER robots_90_updated_at BEFORE UPDATE ON robots
    FOR EACH ROW WHEN (
        (OLD.robot_id, OLD.name, OLD.description, OLD.status, OLD.ip_address, OLD.camera_url,
         OLD.battery_threshold_low, OLD.battery_threshold_critical, OLD.temp_threshold_warning,
         OLD.temp_threshold_critical, OLD.settings, OLD.is_active, OLD.registration,
         OLD.clean_offline, OLD.time_zone, OLD.emergency_stopped, OLD.removed_at,
         OLD.maintenance_until, OLD.maintenance_reason) IS DISTINCT FROM
        (NEW.robot_id, NEW.name, NEW.description, NEW.status, NEW.ip_address, NEW.camera_url,
         NEW.battery_threshold_low, NEW.battery_threshold_critical, NEW.temp_threshold_warning,
         NEW.temp_threshold_critical, NEW.settings, NEW.is_active, NEW.registration,
         NEW.clean_offline, NEW.time_zone, NEW.emergency_stopped, NEW.removed_at,
         NEW.maintenance_until, NEW.maintenance_reason))
    EXECUTE FUNCTION touch_updated_at();

-- As in 0008; a maintenance that ended by itself ended when it was to end, and says its reason.
CREATE OR REPLACE FUNCTION robot_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status = 'maintenance') <> (NEW.status = 'maintenance') THEN
        IF NEW.status = 'maintenance' THEN
            INSERT INTO fleet_changes (kind, robot_id, after)
            VALUES ('maintenance', NEW.robot_id, to_jsonb(NEW.maintenance_reason));
        ELSE
            UPDATE fleet_changes SET until = least(now(), OLD.maintenance_until)
             WHERE robot_id = NEW.robot_id AND kind = 'maintenance' AND until IS NULL;
        END IF;
    END IF;
    IF (OLD.is_active AND OLD.registration = 'accepted')
       <> (NEW.is_active AND NEW.registration = 'accepted') THEN
        INSERT INTO fleet_changes (kind, robot_id, before, after)
        VALUES ('activation', NEW.robot_id,
                to_jsonb(OLD.is_active AND OLD.registration = 'accepted'),
                to_jsonb(NEW.is_active AND NEW.registration = 'accepted'));
    END IF;
    RETURN NULL;
END $$;

-- The one place that says which robots rules look at.
CREATE VIEW robot_watch AS
SELECT robot_id, in_maintenance,
       CASE WHEN status = 'maintenance' AND NOT in_maintenance THEN 'offline' ELSE status END AS status,
       is_active AND removed_at IS NULL AND registration = 'accepted' AS in_use,
       is_active AND removed_at IS NULL AND registration = 'accepted' AND NOT in_maintenance AS watched,
       heard_at, clean_offline
  FROM (SELECT robot_id, status, is_active, removed_at, registration, heard_at, clean_offline,
               status = 'maintenance' AND coalesce(maintenance_until > now(), true) AS in_maintenance
          FROM robots) r;
COMMENT ON VIEW robot_watch IS 'What each robot is now: a maintenance whose end has come is over, whether or not somebody wrote it down.';

-- As in 0004, of robot_watch.
CREATE OR REPLACE VIEW configured_limits AS
SELECT robot_id, metric,
       CASE level WHEN 2 THEN own_warning  WHEN 1 THEN all_warning  ELSE def_warning  END AS warning,
       CASE level WHEN 2 THEN own_warning_recovery WHEN 1 THEN all_warning_recovery
                  ELSE def_warning - bad * recovery_margin END AS warning_recovery,
       CASE level WHEN 2 THEN own_critical WHEN 1 THEN all_critical ELSE def_critical END AS critical,
       CASE level WHEN 2 THEN own_critical_recovery WHEN 1 THEN all_critical_recovery
                  ELSE def_critical - bad * recovery_margin END AS critical_recovery,
       CASE level WHEN 2 THEN 'robot' WHEN 1 THEN 'global' ELSE 'default' END AS source,
       enabled, watched
  FROM (
    SELECT *,
           CASE WHEN own_set AND own_critical * bad > own_warning * bad
                     AND own_warning_recovery * bad < own_warning * bad
                     AND own_critical_recovery * bad < own_critical * bad THEN 2
                WHEN all_set AND all_critical * bad > all_warning * bad
                     AND all_warning_recovery * bad < all_warning * bad
                     AND all_critical_recovery * bad < all_critical * bad THEN 1
                ELSE 0 END AS level
      FROM (
        SELECT r.robot_id, m.metric, m.bad, m.recovery_margin,
               m.warning AS def_warning, m.critical AS def_critical,
               m.all_set, m.all_warning, m.all_warning_recovery, m.all_critical, m.all_critical_recovery,
               coalesce(own.warning_threshold, own.critical_threshold) IS NOT NULL AS own_set,
               coalesce(own.warning_threshold, m.all_warning) AS own_warning,
               CASE WHEN own.warning_threshold IS NULL THEN m.all_warning_recovery
                    ELSE coalesce(own.warning_recovery, own.warning_threshold - m.bad * m.recovery_margin)
                     END AS own_warning_recovery,
               coalesce(own.critical_threshold, m.all_critical) AS own_critical,
               CASE WHEN own.critical_threshold IS NULL THEN m.all_critical_recovery
                    ELSE coalesce(own.critical_recovery, own.critical_threshold - m.bad * m.recovery_margin)
                     END AS own_critical_recovery,
               coalesce(own.enabled, m.all_enabled) AS enabled,
               r.watched
          FROM robot_watch r
         CROSS JOIN (
            SELECT d.metric, d.bad, d.recovery_margin, d.warning, d.critical,
                   coalesce(g.warning_threshold, g.critical_threshold) IS NOT NULL AS all_set,
                   coalesce(g.warning_threshold, d.warning) AS all_warning,
                   coalesce(g.warning_recovery,
                            coalesce(g.warning_threshold, d.warning) - d.bad * d.recovery_margin)
                       AS all_warning_recovery,
                   coalesce(g.critical_threshold, d.critical) AS all_critical,
                   coalesce(g.critical_recovery,
                            coalesce(g.critical_threshold, d.critical) - d.bad * d.recovery_margin)
                       AS all_critical_recovery,
                   coalesce(g.enabled, true) AS all_enabled
              FROM (SELECT *, CASE direction WHEN 'high' THEN 1 ELSE -1 END AS bad FROM metrics) d
              LEFT JOIN alert_thresholds g ON g.robot_id IS NULL AND g.metric_type = d.metric
         ) m
          LEFT JOIN alert_thresholds own
            ON own.robot_id = r.robot_id AND own.metric_type = m.metric
      ) completed
  ) levelled;

CREATE OR REPLACE VIEW grafana.silence AS
SELECT r.robot_id, greatest(0, h.listened - r.heard_at) AS silent_s, h.silent_after
  FROM public.robot_watch r
 CROSS JOIN (
    SELECT listened, CASE jsonb_typeof(details -> 'silent_after') WHEN 'number'
                          THEN (details ->> 'silent_after')::float8 ELSE 60 END AS silent_after
      FROM public.heartbeats WHERE name = 'events') h
 WHERE r.watched AND r.heard_at IS NOT NULL AND NOT r.clean_offline;

CREATE OR REPLACE VIEW grafana.watched AS
SELECT robot_id::text FROM public.robot_watch WHERE watched
UNION ALL VALUES ('__none_a'), ('__none_b');

CREATE OR REPLACE VIEW grafana.metrics_age AS
SELECT coalesce((
    SELECT greatest(0, extract(epoch FROM beat_at - (details ->> 'moved_at')::timestamptz))
      FROM public.heartbeats
     WHERE name = 'metrics'
       AND EXISTS (SELECT FROM public.robot_watch WHERE in_use AND status = 'online')
), 0)::float8 AS age_s;

-- Removed robots leave lists and variables; the views of alerts and jobs still know their names.
CREATE OR REPLACE VIEW grafana.robots AS
SELECT robot_id, coalesce(nullif(btrim(name), ''), robot_id) AS name, description,
       CASE WHEN status = 'maintenance' AND maintenance_until <= now() THEN 'offline'
            ELSE status END::varchar(20) AS status,
       CASE WHEN last_seen IS NULL THEN 'never seen'::varchar
            WHEN status = 'maintenance' AND maintenance_until <= now() THEN 'offline'
            ELSE status END AS state,
       last_seen, extract(epoch FROM now() - last_seen)::float8 AS last_seen_age_s,
       ip_address, camera_url,
       CASE jsonb_typeof(location -> 'x') WHEN 'number' THEN (location ->> 'x')::float8 END AS location_x,
       CASE jsonb_typeof(location -> 'y') WHEN 'number' THEN (location ->> 'y')::float8 END AS location_y,
       CASE jsonb_typeof(location -> 'z') WHEN 'number' THEN (location ->> 'z')::float8 END AS location_z,
       CASE jsonb_typeof(location -> 'heading') WHEN 'number'
            THEN (location ->> 'heading')::float8 END AS location_heading,
       registration, is_active AND registration = 'accepted' AS is_active,
       status = 'maintenance' AND coalesce(maintenance_until > now(), true) AS in_maintenance,
       clean_offline, emergency_stopped, time_zone, created_at, updated_at,
       maintenance_reason, maintenance_until
  FROM public.robots
 WHERE removed_at IS NULL;

-- A row of a robot that leaves the switch open takes the fleet's. So a limit set in the robot's own
-- columns neither switches a metric on that is off for the fleet, nor keeps it off for ever.
ALTER TABLE alert_thresholds ALTER COLUMN enabled DROP NOT NULL;
COMMENT ON COLUMN alert_thresholds.enabled IS 'false: the metric is off. NULL: as the level above says.';

CREATE OR REPLACE FUNCTION robots_to_thresholds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A recovery limit that its limit has moved past goes back to the margin.
    INSERT INTO alert_thresholds AS t
           (robot_id, metric_type, warning_threshold, critical_threshold, enabled)
    SELECT l.robot_id, l.metric, c.warning, c.critical, NULL
      FROM configured_limits l, LATERAL robots_limit_columns(l.metric, NEW) c
     WHERE l.robot_id = NEW.robot_id AND l.metric IN ('battery', 'temperature')
       AND (l.warning, l.critical) IS DISTINCT FROM (c.warning, c.critical)
    ON CONFLICT (robot_id, metric_type) DO UPDATE
       SET warning_threshold = excluded.warning_threshold,
           critical_threshold = excluded.critical_threshold,
           warning_recovery = CASE WHEN sign(t.warning_recovery - excluded.warning_threshold)
                                      = sign(t.warning_recovery - t.warning_threshold)
                                   THEN t.warning_recovery END,
           critical_recovery = CASE WHEN sign(t.critical_recovery - excluded.critical_threshold)
                                       = sign(t.critical_recovery - t.critical_threshold)
                                    THEN t.critical_recovery END;
    RETURN NULL;
END $$;

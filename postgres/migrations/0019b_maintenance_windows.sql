-- Maintenance that is planned: windows for robots, groups or the fleet, once or repeating. The glue
-- writes down when they next take place (in local time, core/maintenance_windows.py); the views
-- compare that with the time, so that a window begins and ends also while the glue is down, for
-- robots that were not there when it was planned as well.
-- depends: 0019_groups

CREATE TABLE maintenance_windows (
    id          serial PRIMARY KEY,
    name        varchar(60) NOT NULL UNIQUE,
    reason      varchar(500),
    fleet       boolean NOT NULL DEFAULT false,
    robots      text[] NOT NULL DEFAULT '{}',
    groups      text[] NOT NULL DEFAULT '{}',
    zone        text NOT NULL,
    starts      timestamp NOT NULL,
    ends        timestamp NOT NULL,
    weekdays    integer[] NOT NULL DEFAULT '{}',
    every_weeks integer NOT NULL DEFAULT 1 CHECK (every_weeks BETWEEN 1 AND 52),
    last_day    date,
    enabled     boolean NOT NULL DEFAULT true,
    created_by  varchar(100) NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT maintenance_windows_whom CHECK (fleet OR cardinality(robots || groups) > 0),
    CONSTRAINT maintenance_windows_order CHECK (ends > starts)
);
COMMENT ON TABLE maintenance_windows IS 'fleet, or robots by id or pattern (lab-*), or groups: also robots that come later.';
COMMENT ON COLUMN maintenance_windows.starts IS 'Of the first occurrence, as a clock in zone shows it.';
COMMENT ON COLUMN maintenance_windows.weekdays IS 'ISO weekdays on which it starts; none: it happens once.';

CREATE TABLE maintenance_occurrences (
    window_id integer NOT NULL REFERENCES maintenance_windows ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    PRIMARY KEY (window_id, starts_at),
    CONSTRAINT maintenance_occurrences_order CHECK (ends_at > starts_at)
);
COMMENT ON TABLE maintenance_occurrences IS 'When windows take place: those of the next weeks.';
CREATE INDEX maintenance_occurrences_ends ON maintenance_occurrences (ends_at);

CREATE FUNCTION like_patterns(globs text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(replace(replace(replace(one, '_', '\_'), '*', '%'), '?', '_'))
      FROM unnest(globs) AS one
$$;
COMMENT ON FUNCTION like_patterns IS 'Of patterns with * and ?, for LIKE.';

CREATE VIEW maintenance_running AS
SELECT w.id AS window_id, w.name, w.reason, w.created_by, w.fleet, w.robots, w.groups,
       like_patterns(w.robots) AS robots_like, o.starts_at, o.ends_at
  FROM maintenance_occurrences o JOIN maintenance_windows w ON w.id = o.window_id
 WHERE w.enabled AND o.ends_at > now() AND o.starts_at <= now();
COMMENT ON VIEW maintenance_running IS 'Windows that take place now.';

ALTER TABLE robots ADD COLUMN maintenance_window integer;
COMMENT ON COLUMN robots.maintenance_window IS 'The window for which it is in maintenance; NULL: a person put it there.';

-- As in 0010, with what is new here.
CREATE OR REPLACE FUNCTION robots_state() RETURNS trigger LANGUAGE plpgsql AS $$
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
        NEW.maintenance_window := NULL;
    ELSIF OLD.status <> 'maintenance' OR OLD.maintenance_until <= now() THEN
        NEW.maintenance_since := now();
        NEW.maintenance_by := who;
    END IF;
    RETURN NEW;
END $$;

-- As in 0010. What windows there are now is asked once, not for each robot.
CREATE OR REPLACE VIEW robot_watch AS
SELECT robot_id, in_maintenance,
       CASE WHEN in_maintenance THEN 'maintenance'
            WHEN status = 'maintenance' THEN 'offline' ELSE status END AS status,
       is_active AND removed_at IS NULL AND registration = 'accepted' AS in_use,
       is_active AND removed_at IS NULL AND registration = 'accepted' AND NOT in_maintenance AS watched,
       heard_at, clean_offline
  FROM (SELECT robot_id, status, is_active, removed_at, registration, heard_at, clean_offline,
               status = 'maintenance' AND coalesce(maintenance_until > now(), true)
               OR removed_at IS NULL AND (
                  (SELECT coalesce(bool_or(fleet), false) FROM maintenance_running)
                  OR coalesce(robot_id LIKE ANY ((
                         SELECT array_agg(one) FROM maintenance_running, unnest(robots_like) AS one)::text[]), false)
                  OR coalesce(groups && (
                         SELECT array_agg(one) FROM maintenance_running, unnest(groups) AS one)::text[], false)
                 ) AS in_maintenance
          FROM robots) r;

-- As in 0010, of robot_watch, with the groups.
CREATE OR REPLACE VIEW grafana.robots AS
SELECT r.robot_id, coalesce(nullif(btrim(r.name), ''), r.robot_id) AS name, r.description,
       w.status::varchar(20) AS status,
       CASE WHEN r.last_seen IS NULL THEN 'never seen'::varchar ELSE w.status END AS state,
       r.last_seen, extract(epoch FROM now() - r.last_seen)::float8 AS last_seen_age_s,
       r.ip_address, r.camera_url,
       CASE jsonb_typeof(r.location -> 'x') WHEN 'number' THEN (r.location ->> 'x')::float8 END AS location_x,
       CASE jsonb_typeof(r.location -> 'y') WHEN 'number' THEN (r.location ->> 'y')::float8 END AS location_y,
       CASE jsonb_typeof(r.location -> 'z') WHEN 'number' THEN (r.location ->> 'z')::float8 END AS location_z,
       CASE jsonb_typeof(r.location -> 'heading') WHEN 'number'
            THEN (r.location ->> 'heading')::float8 END AS location_heading,
       r.registration, r.is_active AND r.registration = 'accepted' AS is_active,
       w.in_maintenance, r.clean_offline, r.emergency_stopped, r.time_zone, r.created_at, r.updated_at,
       r.maintenance_reason, r.maintenance_until, array_to_string(r.groups, ', ') AS groups
  FROM public.robots r JOIN public.robot_watch w USING (robot_id)
 WHERE r.removed_at IS NULL;

-- name: page
-- By id, after the one that the cursor names. A NULL filter lets everything through. An older
-- row's mistake is shown as what its repair will write.
SELECT r.robot_id, r.name, r.description, (robots_mended(r)).location,
       (robots_mended(r)).status, r.ip_address, r.camera_url,
       r.battery_threshold_low, r.battery_threshold_critical, r.temp_threshold_warning,
       r.temp_threshold_critical, (robots_mended(r)).settings, r.last_seen, r.created_at, r.updated_at, r.is_active,
       r.registration, r.time_zone, r.system_info, r.emergency_stopped
  FROM robots r
 WHERE (%(status)s::text IS NULL OR r.status = %(status)s::text)
   AND (%(active)s::bool IS NULL OR r.is_active = %(active)s::bool)
   AND (%(registration)s::text IS NULL OR r.registration = %(registration)s::text)
   AND (%(text)s::text IS NULL
        OR position(lower(%(text)s::text) IN
                    lower(concat_ws(E'\n', r.robot_id, r.name, r.description))) > 0)
   AND (%(after)s::text IS NULL OR r.robot_id COLLATE "C" > %(after)s::text)
 ORDER BY r.robot_id COLLATE "C"
 LIMIT %(rows)s;

-- name: one
SELECT r.robot_id, r.name, r.description, (robots_mended(r)).location,
       (robots_mended(r)).status, r.ip_address, r.camera_url,
       r.battery_threshold_low, r.battery_threshold_critical, r.temp_threshold_warning,
       r.temp_threshold_critical, (robots_mended(r)).settings, r.last_seen, r.created_at, r.updated_at, r.is_active,
       r.registration, r.time_zone, r.system_info, r.emergency_stopped
  FROM robots r
 WHERE r.robot_id = %(robot_id)s;

-- name: hold
-- The robot, unchanged by others until the transaction ends.
SELECT robot_id FROM robots WHERE robot_id = %(robot_id)s FOR UPDATE;

-- name: add
-- Nothing comes back when the id is taken.
INSERT INTO robots (robot_id, name)
VALUES (%(robot_id)s, %(name)s)
ON CONFLICT (robot_id) DO NOTHING
RETURNING robot_id;

-- name: change
-- The keys of the patch are columns; the others keep their values.
UPDATE robots r
   SET (name, description, location, status, camera_url, battery_threshold_low,
        battery_threshold_critical, temp_threshold_warning, temp_threshold_critical, settings,
        is_active, registration, time_zone, updated_at) =
       (SELECT p.name, p.description, p.location, p.status, p.camera_url, p.battery_threshold_low,
               p.battery_threshold_critical, p.temp_threshold_warning, p.temp_threshold_critical,
               p.settings, p.is_active, p.registration, p.time_zone, now()
          FROM jsonb_populate_record(r, %(patch)s) AS p)
 WHERE r.robot_id = %(robot_id)s;

-- name: page
-- An older row's mistake is shown as what its repair will write; a maintenance that is over is over,
-- whether or not that was written down yet.
SELECT p.robot_id, (p.m).name, (p.m).description, (p.m).location, p.status,
       (p.m).reported_status, (p.m).ip_address,
       (p.m).camera_url, (p.m).battery_threshold_low, (p.m).battery_threshold_critical,
       (p.m).temp_threshold_warning, (p.m).temp_threshold_critical, (p.m).settings,
       (p.m).last_seen, (p.m).created_at, (p.m).updated_at, (p.m).is_active, (p.m).registration,
       (p.m).groups, (p.m).time_zone, (p.m).system_info, (p.m).emergency_stopped, (p.m).maintenance_since,
       (p.m).maintenance_until, (p.m).maintenance_reason, (p.m).maintenance_by, (p.m).maintenance_window, (p.m).removed_at,
       (p.m).removed_by, (p.m).removed_heard_at, p.sort_key
  FROM (SELECT r.robot_id, robots_mended(r) AS m, {key} AS sort_key,
               CASE WHEN r.status = 'maintenance' AND r.maintenance_until <= now() THEN 'offline'
                    ELSE (robots_mended(r)).status END AS status
          FROM robots r
         WHERE {where}
         ORDER BY {order}
         LIMIT %(rows)s) p;

-- name: by_robot_id
r.robot_id COLLATE natural_order
-- name: by_name
r.name COLLATE natural_order
-- name: by_status
r.status
-- name: by_last_seen
r.last_seen
-- name: by_created_at
r.created_at
-- name: by_updated_at
r.updated_at
-- name: by_maintenance_until
r.maintenance_until
-- name: by_removed_at
r.removed_at

-- name: if_status
CASE WHEN r.status = 'maintenance' AND r.maintenance_until <= now() THEN 'offline'
     ELSE r.status END = ANY (%(status)s)
-- name: if_is_active
r.is_active = %(is_active)s
-- name: if_registration
r.registration = ANY (%(registration)s)
-- name: if_group
r.groups && %(group)s::text[]
-- name: if_removed
(r.removed_at IS NOT NULL) = %(removed)s
-- name: if_still_sends
coalesce(r.removed_heard_at > r.removed_at + interval '10 s', false) = %(still_sends)s
-- name: if_never_seen
(r.last_seen IS NULL) = %(never_seen)s
-- name: if_emergency_stopped
r.emergency_stopped = %(emergency_stopped)s
-- name: if_seen_since
r.last_seen >= %(seen_since)s
-- name: if_seen_before
r.last_seen < %(seen_before)s
-- name: if_text
position(lower(%(text)s) IN lower(concat_ws(E'\n', r.robot_id, r.name, r.description))) > 0

-- name: one
SELECT r.robot_id, m.name, m.description, m.location,
       CASE WHEN r.status = 'maintenance' AND r.maintenance_until <= now() THEN 'offline'
            ELSE m.status END AS status,
       m.reported_status, m.ip_address, m.camera_url, m.battery_threshold_low, m.battery_threshold_critical,
       m.temp_threshold_warning, m.temp_threshold_critical, m.settings, m.last_seen, m.created_at,
       m.updated_at, m.is_active, m.registration, m.groups, m.time_zone, m.system_info, m.emergency_stopped,
       m.maintenance_since, m.maintenance_until, m.maintenance_reason, m.maintenance_by,
       m.maintenance_window, m.removed_at, m.removed_by, m.removed_heard_at
  FROM robots r, LATERAL robots_mended(r) m
 WHERE r.robot_id = %(robot_id)s;

-- name: hold
-- Unchanged by others until the transaction ends; in one order, so that two who hold the same
-- robots do not wait for each other.
SELECT robot_id, removed_at IS NOT NULL AS removed, registration,
       status = 'maintenance' AND coalesce(maintenance_until > now(), true) AS in_maintenance
  FROM robots
 WHERE robot_id = ANY (%(robot_ids)s)
 ORDER BY robot_id COLLATE "C"
   FOR UPDATE;

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
        is_active, registration, groups, time_zone, updated_at) =
       (SELECT p.name, p.description, p.location, p.status, p.camera_url, p.battery_threshold_low,
               p.battery_threshold_critical, p.temp_threshold_warning, p.temp_threshold_critical,
               p.settings, p.is_active, p.registration, p.groups, p.time_zone, now()
          FROM jsonb_populate_record(r, %(patch)s) AS p)
 WHERE r.robot_id = %(robot_id)s;

-- name: begin_maintenance
-- A trigger writes since when and by whom.
UPDATE robots
   SET status = 'maintenance', maintenance_window = NULL,
       maintenance_reason = %(reason)s, maintenance_until = %(until)s
 WHERE robot_id = ANY (%(robot_ids)s);

-- name: end_maintenance
-- Out of maintenance a robot is offline until it says more.
UPDATE robots SET status = 'offline'
 WHERE robot_id = ANY (%(robot_ids)s) AND status = 'maintenance'
RETURNING robot_id;

-- name: end_maintenance_in_time
-- Views know by themselves that it is over; here it is written down, for lists, marks and listeners.
UPDATE robots SET status = 'offline'
 WHERE status = 'maintenance' AND maintenance_until <= now()
RETURNING robot_id;

-- name: register
UPDATE robots SET registration = %(registration)s
 WHERE robot_id = ANY (%(robot_ids)s) AND registration <> %(registration)s
RETURNING robot_id;

-- name: remove
-- What goes with it (inactive, out of maintenance) is the table's own rule.
UPDATE robots SET removed_at = now() WHERE robot_id = %(robot_id)s;

-- name: restore
UPDATE robots SET removed_at = NULL WHERE robot_id = %(robot_id)s;

-- name: groups
-- A group is there as long as a robot is in it; removed robots keep theirs for their return.
SELECT g.name, count(*) AS robots
  FROM robots r, unnest(r.groups) AS g(name)
 WHERE r.removed_at IS NULL
 GROUP BY g.name ORDER BY g.name COLLATE natural_order;

-- name: of_group
SELECT robot_id FROM robots
 WHERE groups @> ARRAY[%(name)s] AND removed_at IS NULL
 ORDER BY robot_id COLLATE natural_order;

-- name: put_into_group
UPDATE robots SET groups = ARRAY(SELECT DISTINCT unnest(groups || %(name)s::text) ORDER BY 1)
 WHERE robot_id = ANY (%(robot_ids)s) AND NOT groups @> ARRAY[%(name)s]
RETURNING robot_id;

-- name: take_out_of_group
UPDATE robots SET groups = array_remove(groups, %(name)s)
 WHERE robot_id = ANY (%(robot_ids)s) AND groups @> ARRAY[%(name)s]
RETURNING robot_id;

-- name: known
-- What decides how a robot's messages are taken.
SELECT r.robot_id, r.registration, r.is_active, r.time_zone, r.emergency_stopped, w.watched,
       r.removed_at IS NOT NULL AS removed, r.last_seen
  FROM robots r JOIN robot_watch w USING (robot_id)
 WHERE r.robot_id = ANY(%(ids)s);

-- name: reported_statuses
SELECT DISTINCT reported_status FROM robots WHERE reported_status IS NOT NULL;

-- name: register
-- Nothing comes back for a robot that somebody else has just added, or that there is no room for.
INSERT INTO robots (robot_id, name, registration)
SELECT id, id, %(registration)s FROM unnest(%(ids)s::text[]) AS id
 LIMIT (SELECT greatest(0, %(waiting)s::int - count(*)) FROM robots
         WHERE registration = 'pending' AND removed_at IS NULL HAVING %(waiting)s::int IS NOT NULL)
ON CONFLICT (robot_id) DO NOTHING
RETURNING robot_id;

-- name: lock_seen
-- Who writes signs of life of many robots does it alone: two that go through them in different orders
-- would wait for each other.
SELECT pg_advisory_xact_lock(hashtext('tonypi:robots-seen'));

-- name: heard
-- What robots said of themselves since the last batch. A status set by a person (maintenance) and
-- that of an inactive robot stay. status 'heard': a sign of life that names no status. Of a removed
-- robot only signs of life come here.
UPDATE robots r
   SET last_seen = greatest(r.last_seen, n.last_seen),
       heard_at = greatest(r.heard_at, n.heard_at),
       clean_offline = coalesce(n.clean_offline, r.clean_offline),
       status = CASE
           WHEN r.status = 'maintenance' OR NOT r.is_active OR n.status IS NULL THEN r.status
           WHEN n.status <> 'heard' THEN n.status
           WHEN r.status = 'offline' THEN 'online'
           ELSE r.status END,
       reported_status = coalesce(n.reported_status, r.reported_status),
       ip_address = coalesce(n.ip_address, r.ip_address),
       camera_url = coalesce(n.camera_url, r.camera_url),
       system_info = coalesce(n.system_info, r.system_info),
       emergency_stopped = coalesce(n.emergency_stopped, r.emergency_stopped),
       emergency_at = CASE
           WHEN n.emergency_stopped IS NULL OR (n.emergency_stopped AND r.emergency_stopped)
           THEN r.emergency_at
           WHEN n.emergency_stopped THEN n.last_seen END,
       emergency_reason = CASE
           WHEN n.emergency_stopped IS NULL THEN r.emergency_reason
           WHEN n.emergency_stopped AND r.emergency_stopped
           THEN coalesce(n.emergency_reason, r.emergency_reason)
           WHEN n.emergency_stopped THEN n.emergency_reason END,
       location = coalesce(n.location, r.location),
       removed_heard_at = CASE WHEN r.removed_at IS NOT NULL THEN now() END
  FROM jsonb_to_recordset(%(rows)s) AS n(
       robot_id text, last_seen timestamptz, heard_at double precision, clean_offline boolean,
       status text, reported_status text, ip_address text, camera_url text, system_info jsonb,
       emergency_stopped boolean, emergency_reason text, location jsonb)
 WHERE r.robot_id = n.robot_id AND r.registration <> 'refused';

-- name: seen_by_metrics
-- Robots whose newest point in InfluxDB has moved on. After a clean goodbye only a point that was
-- clearly taken later counts: after an outage, points from before it are stored long after it.
UPDATE robots r
   SET last_seen = greatest(r.last_seen, now()),
       heard_at = greatest(r.heard_at, %(listened)s),
       clean_offline = false,
       status = CASE WHEN r.status = 'offline' AND r.is_active THEN 'online' ELSE r.status END,
       removed_heard_at = CASE
           WHEN to_timestamp(newest.point) > r.removed_at + interval '10 s' THEN now()
           ELSE r.removed_heard_at END
  FROM unnest(%(ids)s::text[], %(points)s::float8[]) AS newest(robot_id, point)
 WHERE r.robot_id = newest.robot_id AND r.registration <> 'refused'
   AND (NOT r.clean_offline OR r.last_seen IS NULL
        OR to_timestamp(newest.point) > r.last_seen + make_interval(secs => %(goodbye_s)s));

-- name: stopped
SELECT r.robot_id, r.emergency_at AS at, r.emergency_reason AS reason, w.watched
  FROM robots r JOIN robot_watch w USING (robot_id)
 WHERE r.emergency_stopped;

-- name: carry_on
-- Metrics cannot be seen now, so robots known by them alone are not held to be silent.
UPDATE robots SET heard_at = greatest(heard_at, %(listened)s)
 WHERE robot_id = ANY(%(ids)s) AND NOT clean_offline AND registration <> 'refused';

-- name: mark_silent
-- Who was not heard for so long is not online, whatever it said last.
UPDATE robots SET status = 'offline'
 WHERE status = 'online' AND is_active AND %(listened)s - heard_at > %(silent_after)s;

-- name: forget_alerts
DELETE FROM alerts WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_thresholds
DELETE FROM alert_thresholds WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_jobs
DELETE FROM jobs WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_logs
DELETE FROM system_logs WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_changes
DELETE FROM fleet_changes WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_answers
DELETE FROM command_answers WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_commands
DELETE FROM commands WHERE starts_with(robot_id, %(prefix)s);

-- name: forget_robots
DELETE FROM robots WHERE starts_with(robot_id, %(prefix)s) RETURNING robot_id;

-- name: windows
SELECT w.*, EXISTS (SELECT FROM maintenance_running m WHERE m.window_id = w.id) AS running
  FROM maintenance_windows w ORDER BY w.name COLLATE natural_order;

-- name: one
SELECT w.*, EXISTS (SELECT FROM maintenance_running m WHERE m.window_id = w.id) AS running
  FROM maintenance_windows w WHERE w.id = %(id)s;

-- name: named
SELECT id FROM maintenance_windows WHERE name = %(name)s;

-- name: lock
-- One at a time changes windows, or puts robots where they say.
SELECT pg_advisory_xact_lock(hashtext('tonypi:maintenance-windows'));

-- name: add
INSERT INTO maintenance_windows (name, reason, fleet, robots, groups, zone, starts, ends, weekdays,
                                 every_weeks, last_day, enabled, created_by)
VALUES (%(name)s, %(reason)s, %(fleet)s, %(robots)s, %(groups)s, %(zone)s, %(starts)s, %(ends)s,
        %(weekdays)s, %(every_weeks)s, %(last_day)s, %(enabled)s, %(created_by)s)
    ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: change
UPDATE maintenance_windows
   SET name = %(name)s, reason = %(reason)s, fleet = %(fleet)s, robots = %(robots)s,
       groups = %(groups)s, zone = %(zone)s, starts = %(starts)s, ends = %(ends)s,
       weekdays = %(weekdays)s, every_weeks = %(every_weeks)s, last_day = %(last_day)s,
       enabled = %(enabled)s
 WHERE id = %(id)s
   AND NOT EXISTS (SELECT FROM maintenance_windows WHERE name = %(name)s AND id <> %(id)s)
RETURNING id;

-- name: remove
DELETE FROM maintenance_windows WHERE id = %(id)s;

-- name: forget_occurrences
-- But for those that are over.
DELETE FROM maintenance_occurrences WHERE window_id = %(id)s AND ends_at > %(now)s;

-- name: forget_past
DELETE FROM maintenance_occurrences WHERE ends_at < now() - interval '1 day';

-- name: keep_occurrences
INSERT INTO maintenance_occurrences (window_id, starts_at, ends_at)
SELECT %(id)s, starts_at, ends_at
  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS o(starts_at, ends_at)
    ON CONFLICT (window_id, starts_at) DO UPDATE SET ends_at = excluded.ends_at;

-- name: apply
-- Robots' rows as the windows say, for lists, marks and listeners: out of one that is over for them,
-- into one that runs, of several the one that lasts longest. Who was put into maintenance by hand
-- stays as he was put.
WITH running AS (
    SELECT DISTINCT ON (r.robot_id) r.robot_id, m.window_id, m.ends_at,
           coalesce(m.reason, m.name) AS reason
      FROM maintenance_running m
      JOIN robots r ON m.fleet OR r.robot_id LIKE ANY (m.robots_like) OR r.groups && m.groups
     WHERE r.removed_at IS NULL
     ORDER BY r.robot_id, m.ends_at DESC, m.window_id),
wanted AS (
    SELECT r.robot_id, n.window_id, n.ends_at, n.reason
      FROM robots r
      LEFT JOIN running n USING (robot_id)
     WHERE r.status = 'maintenance' AND r.maintenance_window IS NOT NULL
           AND (n.window_id, n.ends_at, n.reason) IS DISTINCT FROM
               (r.maintenance_window, r.maintenance_until, r.maintenance_reason)
        OR r.status <> 'maintenance' AND n.window_id IS NOT NULL
     ORDER BY r.robot_id COLLATE "C")
UPDATE robots r
   SET status = CASE WHEN w.window_id IS NULL THEN 'offline' ELSE 'maintenance' END,
       maintenance_window = w.window_id, maintenance_until = w.ends_at,
       maintenance_reason = w.reason
  FROM wanted w
 WHERE r.robot_id = w.robot_id
RETURNING r.robot_id, r.status = 'maintenance' AS began, r.maintenance_window AS window_id;

-- name: of_robot
-- The windows that keep a robot in maintenance now.
SELECT m.window_id, m.name, m.ends_at
  FROM maintenance_running m
  JOIN robots r ON r.robot_id = %(robot_id)s
 WHERE m.fleet OR r.robot_id LIKE ANY (m.robots_like) OR r.groups && m.groups
 ORDER BY m.ends_at DESC;

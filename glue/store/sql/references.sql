-- name: robots
-- Removed ones too: they have a history, and can be restored.
SELECT robot_id FROM robots;

-- name: groups
-- Removed robots keep theirs for their return.
SELECT DISTINCT unnest(groups) FROM robots;

-- name: metrics
-- Of alerts that are not ours; a rule names all its instances.
SELECT DISTINCT metric FROM alerts WHERE metric IS NOT NULL
 UNION
SELECT DISTINCT metric_of_rule(metric) FROM alerts WHERE metric LIKE 'rule:%';

-- name: targets
SELECT name FROM notification_targets;

-- name: target_ids
SELECT id::text FROM notification_targets;

-- name: schedules
SELECT name FROM report_schedules;

-- name: windows
SELECT name FROM maintenance_windows;

-- name: users
SELECT username FROM users;

-- name: robots_of_history
-- An adopted database and the alerts of others may tell of robots that are not registered.
SELECT w.robot_id
  FROM unnest(%(names)s::text[]) AS w(robot_id)
 WHERE EXISTS (SELECT FROM alerts a WHERE a.robot_id = w.robot_id)
    OR EXISTS (SELECT FROM jobs j WHERE j.robot_id = w.robot_id)
    OR EXISTS (SELECT FROM reports r WHERE r.robot_id = w.robot_id)
    OR EXISTS (SELECT FROM system_logs s WHERE s.robot_id = w.robot_id);

-- name: lock_names
-- Whoever names groups, beside others who do, while nobody takes groups away.
SELECT pg_advisory_xact_lock_shared(hashtext('tonypi:groups'));

-- name: lock_groups
SELECT pg_advisory_xact_lock(hashtext('tonypi:groups'));

-- name: gone_but_named
-- Groups in which no robot is left, and what names them.
SELECT g.name, n.what
  FROM unnest(%(names)s::text[]) AS g(name)
  JOIN (SELECT 'the notification route ' || name AS what, groups FROM notification_routes
         UNION ALL
        SELECT 'the mute ' || id, groups FROM mutes WHERE until IS NULL OR until > now()
         UNION ALL
        SELECT 'the maintenance window ' || name, groups FROM maintenance_windows
         UNION ALL
        SELECT 'the report schedule ' || name, ARRAY[request ->> 'group'] FROM report_schedules) n
    ON g.name = ANY (n.groups)
 WHERE NOT EXISTS (SELECT FROM robots r WHERE r.removed_at IS NULL AND r.groups @> ARRAY[g.name])
 ORDER BY g.name, n.what;

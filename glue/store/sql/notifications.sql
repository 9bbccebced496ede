-- name: targets
SELECT * FROM notification_targets ORDER BY name COLLATE natural_order;

-- name: target
SELECT * FROM notification_targets WHERE id = %(id)s;

-- name: target_named
SELECT * FROM notification_targets WHERE name = %(name)s;

-- name: hold_target
SELECT * FROM notification_targets WHERE id = %(id)s FOR UPDATE;

-- name: add_target
INSERT INTO notification_targets
       (name, scheme, masked, sealed, title_template, body_template, enabled, created_by)
VALUES (%(name)s, %(scheme)s, %(masked)s, %(sealed)s, %(title_template)s, %(body_template)s,
        %(enabled)s, %(created_by)s)
    ON CONFLICT (name) DO NOTHING
RETURNING *;

-- name: change_target
-- A new address has no failures yet.
UPDATE notification_targets
   SET name = %(name)s, scheme = %(scheme)s, masked = %(masked)s, sealed = %(sealed)s,
       title_template = %(title_template)s, body_template = %(body_template)s,
       enabled = %(enabled)s,
       failing_since = CASE WHEN sealed = %(sealed)s THEN failing_since END,
       last_error = CASE WHEN sealed = %(sealed)s THEN last_error END
 WHERE id = %(id)s
   AND NOT EXISTS (SELECT FROM notification_targets WHERE name = %(name)s AND id <> %(id)s)
RETURNING *;

-- name: give_up_target
UPDATE notification_outbox
   SET state = 'given up', reason = 'target deleted', lease_until = NULL, finished_at = now()
 WHERE target_id = %(id)s AND state IN ('queued', 'leased');

-- name: delete_target
DELETE FROM notification_targets WHERE id = %(id)s;

-- name: routes
SELECT * FROM notification_routes ORDER BY position, id;

-- name: route
SELECT * FROM notification_routes WHERE id = %(id)s;

-- name: hold_route
SELECT * FROM notification_routes WHERE id = %(id)s FOR UPDATE;

-- name: lock_routes
-- Whoever changes routes or deletes targets, one at a time: a route names targets that are there.
SELECT pg_advisory_xact_lock(hashtext('tonypi:notification-routes'));

-- name: routes_of_target
-- And the report schedules that send to it.
SELECT name FROM (
    SELECT name, position, id FROM notification_routes
     WHERE %(id)s = ANY (targets) OR %(id)s = ANY (escalate_to)
     UNION ALL
    SELECT 'report schedule ' || name, 2147483647, id FROM report_schedules
     WHERE %(id)s = ANY (targets)) named
 ORDER BY position, id;

-- name: route_named
SELECT id FROM notification_routes WHERE name = %(name)s;

-- name: add_route
INSERT INTO notification_routes
       (name, position, enabled, severities, types, metrics, robots, groups, hours, quiet_hours, targets,
        escalate_after, escalate_to, repeat_every, send_resolved, group_wait, group_interval, go_on)
VALUES (%(name)s, %(position)s, %(enabled)s, %(severities)s, %(types)s, %(metrics)s, %(robots)s,
        %(groups)s, %(hours)s, %(quiet_hours)s, %(targets)s, %(escalate_after)s, %(escalate_to)s,
        %(repeat_every)s, %(send_resolved)s, %(group_wait)s, %(group_interval)s, %(go_on)s)
RETURNING *;

-- name: change_route
UPDATE notification_routes
   SET name = %(name)s, position = %(position)s, enabled = %(enabled)s,
       severities = %(severities)s, types = %(types)s, metrics = %(metrics)s, robots = %(robots)s,
       groups = %(groups)s, hours = %(hours)s, quiet_hours = %(quiet_hours)s, targets = %(targets)s,
       escalate_after = %(escalate_after)s, escalate_to = %(escalate_to)s,
       repeat_every = %(repeat_every)s, send_resolved = %(send_resolved)s,
       group_wait = %(group_wait)s, group_interval = %(group_interval)s, go_on = %(go_on)s
 WHERE id = %(id)s
RETURNING *;

-- name: delete_route
DELETE FROM notification_routes WHERE id = %(id)s;

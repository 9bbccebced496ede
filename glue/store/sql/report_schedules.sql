-- name: all
SELECT * FROM report_schedules ORDER BY name;

-- name: one
SELECT * FROM report_schedules WHERE id = %(id)s;

-- name: named
SELECT * FROM report_schedules WHERE name = %(name)s;

-- name: hold
SELECT * FROM report_schedules WHERE id = %(id)s FOR UPDATE;

-- name: add
INSERT INTO report_schedules
       (name, enabled, request, cron, zone, covers, format, targets, next_run_at, created_by)
VALUES (%(name)s, %(enabled)s, %(request)s, %(cron)s, %(zone)s, %(covers)s, %(format)s,
        %(targets)s, %(next_run_at)s, %(created_by)s)
    ON CONFLICT (name) DO NOTHING
RETURNING *;

-- name: change
UPDATE report_schedules
   SET name = %(name)s, enabled = %(enabled)s, request = %(request)s, cron = %(cron)s,
       zone = %(zone)s, covers = %(covers)s, format = %(format)s, targets = %(targets)s,
       next_run_at = %(next_run_at)s, updated_at = now()
 WHERE id = %(id)s
   AND NOT EXISTS (SELECT FROM report_schedules WHERE name = %(name)s AND id <> %(id)s)
RETURNING *;

-- name: delete
DELETE FROM report_schedules WHERE id = %(id)s;

-- name: due
SELECT * FROM report_schedules
 WHERE enabled AND next_run_at <= %(now)s
 ORDER BY next_run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: ran
UPDATE report_schedules
   SET last_run_at = %(at)s, next_run_at = %(next)s, missed = missed + %(missed)s
 WHERE id = %(id)s;

-- name: stop
UPDATE report_schedules SET enabled = false, updated_at = now() WHERE id = %(id)s;

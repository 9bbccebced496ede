-- name: queue
-- One row for each target of the schedule that is there and on.
INSERT INTO report_deliveries (report_id, schedule_id, target_id, target_name, format)
SELECT %(report_id)s, s.id, t.id, t.name, s.format
  FROM report_schedules s
  JOIN notification_targets t ON t.id = ANY (s.targets) AND t.enabled
 WHERE s.id = %(schedule_id)s
    ON CONFLICT DO NOTHING;

-- name: lease
UPDATE report_deliveries
   SET state = 'leased', attempts = attempts + 1,
       lease_until = now() + make_interval(secs => %(lease_s)s)
 WHERE id = (SELECT id FROM report_deliveries
              WHERE state = 'queued' AND next_try_at <= now()
                 OR state = 'leased' AND lease_until <= now()
              ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, report_id, target_id, target_name, format, attempts;

-- name: delivered
UPDATE report_deliveries
   SET state = 'delivered', sent_as = %(sent_as)s, lease_until = NULL, finished_at = now(),
       last_error = NULL
 WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'leased';

-- name: failed
UPDATE report_deliveries
   SET state = CASE WHEN %(wait_s)s::float8 IS NULL THEN 'given up' ELSE 'queued' END,
       next_try_at = now() + make_interval(secs => coalesce(%(wait_s)s::float8, 0)),
       finished_at = CASE WHEN %(wait_s)s::float8 IS NULL THEN now() END,
       lease_until = NULL, last_error = %(error)s
 WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'leased';

-- name: of_schedule
SELECT d.id, d.report_id, r.title AS report_title, d.target_name, d.format, d.state, d.sent_as,
       d.attempts, d.last_error, d.created_at, d.finished_at
  FROM report_deliveries d JOIN reports r ON r.id = d.report_id
 WHERE d.schedule_id = %(schedule_id)s ORDER BY d.id DESC LIMIT %(rows)s;

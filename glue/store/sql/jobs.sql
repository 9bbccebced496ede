-- name: recent
-- Each robot's few latest jobs, the active one last; an older row as its repair will have it.
SELECT m.id, m.robot_id, m.start_time, m.end_time, m.items_total, m.items_done, m.percent_complete,
       m.last_item, m.status, m.task_name, m.phase, m.reason, coalesce(m.details, '{}') AS details
  FROM unnest(%(ids)s::text[]) AS of(robot_id),
       LATERAL (SELECT j FROM jobs j
                 WHERE j.robot_id = of.robot_id
                 ORDER BY (j.status = 'active') DESC, j.start_time DESC, j.id DESC
                 LIMIT 4) AS newest,
       LATERAL jobs_mended(newest.j) AS m
 ORDER BY m.robot_id, (m.status = 'active'), m.start_time, m.id;

-- name: change
UPDATE jobs j
   SET start_time = n.start_time, end_time = n.end_time, items_total = n.items_total,
       items_done = n.items_done, percent_complete = n.percent_complete, last_item = n.last_item,
       status = n.status, task_name = n.task_name, phase = n.phase, reason = n.reason,
       details = n.details
  FROM jsonb_populate_recordset(NULL::jobs, %(rows)s) AS n
 WHERE j.id = n.id;

-- name: add
INSERT INTO jobs (robot_id, start_time, end_time, items_total, items_done, percent_complete,
                  last_item, status, task_name, phase, reason, details)
SELECT robot_id, start_time, end_time, items_total, items_done, percent_complete, last_item,
       status, task_name, phase, reason, details
  FROM jsonb_populate_recordset(NULL::jobs, %(rows)s);

-- name: ask
-- Nothing comes back while the robot has an active job.
INSERT INTO jobs (robot_id, start_time, items_total, status, task_name, details)
SELECT robot_id, start_time, items_total, status, task_name, details
  FROM jsonb_populate_record(NULL::jobs, %(row)s) AS n
 WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.robot_id = n.robot_id AND j.status = 'active')
RETURNING id;

-- name: fail_asked
-- The job of a command, as long as the robot has not begun it. Without awaited, it cannot begin.
UPDATE jobs
   SET status = 'failed', end_time = greatest(start_time, coalesce(%(at)s::timestamptz, now())),
       reason = %(reason)s,
       details = CASE WHEN %(may_begin)s THEN details ELSE details - 'awaited' END
 WHERE details ? 'command_id' AND details ->> 'command_id' = %(command_id)s
   AND details ? 'awaited' AND (status = 'active' OR NOT %(may_begin)s);

-- name: clock
-- As updated_at is written: the clocks of two machines are two.
SELECT clock_timestamp();

-- name: cancel
UPDATE jobs
   SET status = 'failed', end_time = coalesce(end_time, greatest(start_time, now())),
       details = coalesce(details, '{}') - 'awaited'
                 || jsonb_build_object('cancelled_by', %(by)s::text)
                 || CASE WHEN status = 'failed' AND reason IS NOT NULL
                         THEN jsonb_build_object('robot_said', reason) ELSE '{}' END,
       reason = 'cancelled'
 WHERE id = %(id)s AND (status = 'active'
                        OR status = 'failed' AND updated_at >= %(since)s::timestamptz)
RETURNING id;

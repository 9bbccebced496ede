-- name: add
-- None comes back for a run of a schedule that has its job.
INSERT INTO report_jobs (request, created_by, schedule_id, due_at)
VALUES (%(request)s, %(created_by)s, %(schedule_id)s, %(due_at)s)
    ON CONFLICT (schedule_id, due_at) DO NOTHING
RETURNING id;

-- name: lock
-- Who counts what waits before adding to it is alone.
SELECT pg_advisory_xact_lock(hashtext('tonypi:report-jobs'));

-- name: waiting
SELECT count(*)::int AS jobs FROM report_jobs WHERE state IN ('queued', 'running');

-- name: lease
-- The oldest that waits, or whose lease ended with its process.
UPDATE report_jobs
   SET state = 'running', lease = %(lease)s, attempts = attempts + 1, progress = 0, step = '',
       lease_until = now() + make_interval(secs => %(lease_s)s),
       started_at = coalesce(started_at, now())
 WHERE id = (SELECT id FROM report_jobs
              WHERE (%(id)s::int IS NULL OR id = %(id)s)
                AND (state = 'queued' AND next_try_at <= now()
                     OR state = 'running' AND lease_until <= now() AND attempts < %(tries)s)
              ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, request, created_by, attempts;

-- name: give_up
-- What ended its process again and again.
UPDATE report_jobs
   SET state = 'failed', lease = NULL, finished_at = now(),
       error = format('the process that made it ended %%s times; its log says why', attempts)
 WHERE state = 'running' AND lease_until <= now() AND attempts >= %(tries)s
RETURNING id;

-- name: keep
-- Ours still; nothing comes back where it is not.
UPDATE report_jobs
   SET lease_until = now() + make_interval(secs => %(lease_s)s),
       progress = coalesce(%(progress)s, progress), step = coalesce(%(step)s, step)
 WHERE id = %(id)s AND lease = %(lease)s AND state = 'running'
RETURNING id;

-- name: hold
-- Ours until the transaction ends.
SELECT created_by, schedule_id, due_at FROM report_jobs
 WHERE id = %(id)s AND lease = %(lease)s AND state = 'running' FOR UPDATE;

-- name: done
UPDATE report_jobs
   SET state = 'done', progress = 1, step = '', lease = NULL, finished_at = now(), error = NULL,
       report_id = %(report_id)s
 WHERE id = %(id)s;

-- name: failed
-- For good where there is no next try.
UPDATE report_jobs
   SET state = CASE WHEN %(wait_s)s::float8 IS NULL THEN 'failed' ELSE 'queued' END,
       next_try_at = now() + make_interval(secs => coalesce(%(wait_s)s::float8, 0)),
       finished_at = CASE WHEN %(wait_s)s::float8 IS NULL THEN now() END,
       lease = NULL, error = %(error)s
 WHERE id = %(id)s AND lease = %(lease)s AND state = 'running';

-- name: release
-- Back into the queue, as if it had not been taken: its process was asked to stop.
UPDATE report_jobs SET state = 'queued', lease = NULL, attempts = attempts - 1, next_try_at = now()
 WHERE id = %(id)s AND lease = %(lease)s AND state = 'running';

-- name: cancel
UPDATE report_jobs
   SET state = 'cancelled', lease = NULL, finished_at = now(), cancelled_by = %(by)s
 WHERE id = %(id)s AND state IN ('queued', 'running')
RETURNING id;

-- name: one
SELECT j.*, s.name AS schedule FROM report_jobs j
  LEFT JOIN report_schedules s ON s.id = j.schedule_id
 WHERE j.id = %(id)s;

-- name: page
SELECT j.*, s.name AS schedule, {key} AS sort_key FROM report_jobs j
  LEFT JOIN report_schedules s ON s.id = j.schedule_id
 WHERE {where} ORDER BY {order} LIMIT %(rows)s;

-- name: by_id
j.id
-- name: by_created_at
j.created_at
-- name: if_state
j.state = ANY (%(state)s)
-- name: if_created_by
j.created_by = %(created_by)s
-- name: if_schedule_id
j.schedule_id = %(schedule_id)s

-- name: prune
DELETE FROM report_jobs
 WHERE id IN (SELECT id FROM report_jobs
               WHERE finished_at < now() - make_interval(days => %(days)s) LIMIT %(rows)s);

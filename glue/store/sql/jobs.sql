-- name: latest
-- Each robot's latest job: the active one, else the one that started last; an older row as its
-- repair will have it.
SELECT m.id, m.robot_id, m.start_time, m.end_time, m.items_total, m.items_done, m.percent_complete,
       m.last_item, m.status, m.task_name, m.phase, m.reason, coalesce(m.details, '{}') AS details
  FROM (SELECT DISTINCT ON (robot_id) j
          FROM jobs j
         WHERE robot_id = ANY(%(ids)s)
         ORDER BY robot_id, (status = 'active') DESC, start_time DESC, id DESC) AS newest,
       LATERAL jobs_mended(newest.j) AS m;

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
